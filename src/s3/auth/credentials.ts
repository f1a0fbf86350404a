/**
 * What authentication needs to know of a caller. Whoever keeps the users hands in a lookup; it must
 * be synchronous and fast, because it runs on the front thread for every request.
 */

export interface Credential<Identity = unknown> {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Temporary credentials: the token that must come with every request. */
  readonly sessionToken?: string;
  /** It is known and not accepted; told only to who has signed with it. */
  readonly problem?: "disabled" | "expired";
  /** Handed on untouched to authorisation. */
  readonly identity: Identity;
}

export interface CredentialSource<Identity = unknown> {
  /** Undefined for access keys that are not known. The token of a session tells what it is. */
  lookup(accessKey: string, sessionToken?: string): Credential<Identity> | undefined;
}
