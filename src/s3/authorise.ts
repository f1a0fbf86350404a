/**
 * Who may do what. Default deny: only what a rule here allows happens. For now there is one
 * identity, the root account of the settings, and it may do everything; anonymous callers may
 * nothing. Every operation passes through here before anything is looked up.
 */
import type { AuthResult } from "./auth/auth-result.ts";
import type { Identity } from "./context.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Operation } from "./s3-operations.ts";

/** Throws AccessDenied unless the caller may run the operation. */
export function authorise(auth: AuthResult<Identity>, operation: S3Operation): void {
  if (auth.kind === "signed" && auth.identity.root) return;
  throw new S3Error("AccessDenied", { details: [["Operation", operation]] });
}
