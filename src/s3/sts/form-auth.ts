/** Who sends a form that asks for an action of a service: its signature covers the body. */
import { createHash } from "node:crypto";
import type { HttpRequest } from "../../http/request.ts";
import type { Identity } from "../accounts.ts";
import type { AuthResult } from "../auth/auth-result.ts";
import type { Authenticator } from "../auth/authenticate.ts";
import type { SignedRequest } from "../auth/signed-request.ts";

export type SignedForm = Extract<AuthResult<Identity>, { readonly kind: "signed" }>;

/** Undefined unless it is signed in its header; clients of these services send no digest. */
export function authenticateForm(
  { method, rawPath, rawQuery, headers }: HttpRequest,
  body: Buffer,
  authenticator: Authenticator<Identity>,
): SignedForm | undefined {
  const digest = createHash("sha256").update(body).digest("hex");
  const signed: SignedRequest = {
    method,
    rawPath,
    rawQuery,
    headers: {
      get: (name) => (name === "x-amz-content-sha256" ? digest : headers.get(name)),
      entries: () => headers.entries(),
    },
  };
  const auth = authenticator.authenticate(signed);
  return auth.kind === "signed" && auth.via === "header" ? auth : undefined;
}
