/** Why a change of identities is refused: a closed set of reasons, a message for whoever asked. */
export type IamErrorCode =
  | "no-such-account"
  | "no-such-user"
  | "no-such-group"
  | "no-such-policy"
  | "no-such-key"
  | "account-exists"
  | "key-exists"
  | "no-such-kms-key"
  | "kms-key-exists"
  /** An account has one of that name already. */
  | "name-exists"
  /** Something that hangs on it must be taken away first. */
  | "delete-conflict"
  | "policy-in-use"
  | "group-not-empty"
  | "built-in"
  | "invalid-name"
  | "invalid-secret"
  | "invalid-policy"
  | "invalid-expiry"
  | "too-many"
  | "no-change"
  /** What is stored was sealed under another root password. */
  | "sealed"
  | "corrupt";

export class IamError extends Error {
  readonly code: IamErrorCode;

  constructor(code: IamErrorCode, message: string) {
    super(message);
    this.name = "IamError";
    this.code = code;
  }
}
