/**
 * The owners named in answers. What nobody else owns belongs to the main account.
 */

import { MAIN_ACCOUNT } from "../iam/store/main-account.ts";
import type { AccountDirectory, Identity } from "./accounts.ts";
import type { AuthResult } from "./auth/auth-result.ts";
import type { XmlWriter } from "./xml.ts";

export const OWNER_ID = MAIN_ACCOUNT.canonicalId;

/** An account as answers name it. */
export interface Owner {
  readonly id: string;
  /** Undefined for an account that is not there (any more). */
  readonly name: string | undefined;
}

export function ownerOf(
  canonicalId: string,
  { accounts }: { readonly accounts: AccountDirectory },
): Owner {
  return { id: canonicalId, name: accounts.nameOf(canonicalId) };
}

export function writeOwner(
  xml: XmlWriter,
  { id, name }: Owner,
  element: "Owner" | "Initiator" = "Owner",
): void {
  xml.group(element, (owner) => {
    owner.element("ID", id);
    owner.optional("DisplayName", name);
  });
}

/** Who owns what callers without keys write; AWS uses the same id. */
export const ANONYMOUS_OWNER_ID =
  "65a011a29cdf8ec533ec3d1ccaae921c65a011a29cdf8ec533ec3d1ccaae921c";

/** The account that owns what the caller makes. */
export function callerAccount(auth: AuthResult<Identity>): string {
  return auth.kind === "signed" ? auth.identity.canonicalId : ANONYMOUS_OWNER_ID;
}
