/**
 * The owner named in listings. All buckets and objects belong to the root account; its canonical id
 * is the one MinIO used, because clients may have stored it in policies and scripts.
 */

import { MAIN_ACCOUNT } from "../iam/store/main-account.ts";
import type { AuthResult } from "./auth/auth-result.ts";
import type { Identity } from "./context.ts";
import type { XmlWriter } from "./xml.ts";

export const OWNER_ID = MAIN_ACCOUNT.canonicalId;
export const OWNER_NAME = MAIN_ACCOUNT.name;

export function writeOwner(xml: XmlWriter, element: "Owner" | "Initiator" = "Owner"): void {
  xml.group(element, (owner) => {
    owner.element("ID", OWNER_ID);
    owner.element("DisplayName", OWNER_NAME);
  });
}

/** Who owns what callers without keys write; AWS uses the same id. */
export const ANONYMOUS_OWNER_ID =
  "65a011a29cdf8ec533ec3d1ccaae921c65a011a29cdf8ec533ec3d1ccaae921c";

/** The account that owns what the caller makes. */
export function callerAccount(auth: AuthResult<Identity>): string {
  return auth.kind === "signed" ? auth.identity.canonicalId : ANONYMOUS_OWNER_ID;
}
