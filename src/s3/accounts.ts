/** Accounts as S3 needs them: who a request acts for, and whom answers and lists may name. */
import type { SignedCaller } from "../iam/access/caller.ts";

/** Who a signed request acts for. */
export interface Identity {
  readonly accessKey: string;
  /** The account it belongs to. */
  readonly canonicalId: string;
  /** Everything that decides what it may do. */
  readonly caller: SignedCaller;
}

/** The accounts that may own something or be granted something. */
export interface AccountDirectory {
  /** What an account is called; undefined when there is none with that canonical id. */
  nameOf(canonicalId: string): string | undefined;
  /** The twelve digits of an account. */
  idOf(canonicalId: string): string | undefined;
  /** The canonical id of the account with that e-mail address. */
  findByEmail(address: string): string | undefined;
}
