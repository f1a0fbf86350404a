/** What names, keys and secrets may look like: MinIO's rules, with an upper bound for each. */
import { IamError } from "./iam-error.ts";

export const ACCESS_KEY_LENGTH_MIN = 3;
export const ACCESS_KEY_LENGTH_MAX = 128;
export const SECRET_KEY_LENGTH_MIN = 8;
export const SECRET_KEY_LENGTH_MAX = 128;
export const IDENTITY_NAME_LENGTH_MAX = 128;
export const KEY_NAME_LENGTH_MAX = 32;
export const KEY_DESCRIPTION_LENGTH_MAX = 256;

/** Control characters, and what separates names in lists and credentials. */
const FORBIDDEN = /[\p{Cc}\p{Cs},=]/u;

/** Throws IamError: names of users are their access keys. */
export function checkAccessKey(text: string): void {
  if (text.length < ACCESS_KEY_LENGTH_MIN || text.length > ACCESS_KEY_LENGTH_MAX) {
    throw new IamError(
      "invalid-name",
      `an access key has ${ACCESS_KEY_LENGTH_MIN} to ${ACCESS_KEY_LENGTH_MAX} characters`,
    );
  }
  checkText(text, "an access key");
}

export function checkSecretKey(text: string): void {
  if (text.length >= SECRET_KEY_LENGTH_MIN && text.length <= SECRET_KEY_LENGTH_MAX) return;
  throw new IamError(
    "invalid-secret",
    `a secret key has ${SECRET_KEY_LENGTH_MIN} to ${SECRET_KEY_LENGTH_MAX} characters`,
  );
}

/** Of a group, a policy or an account. */
export function checkName(text: string, what: string): void {
  if (text === "" || text.length > IDENTITY_NAME_LENGTH_MAX) {
    throw new IamError(
      "invalid-name",
      `the name of ${what} has 1 to ${IDENTITY_NAME_LENGTH_MAX} characters`,
    );
  }
  checkText(text, `the name of ${what}`);
}

export function checkKeyTexts(name: string, description: string): void {
  if (name.length > KEY_NAME_LENGTH_MAX || description.length > KEY_DESCRIPTION_LENGTH_MAX) {
    throw new IamError(
      "invalid-name",
      `the name of an access key has at most ${KEY_NAME_LENGTH_MAX} characters, its description ` +
        `${KEY_DESCRIPTION_LENGTH_MAX}`,
    );
  }
}

function checkText(text: string, what: string): void {
  if (FORBIDDEN.test(text) || text.trim() !== text) {
    throw new IamError(
      "invalid-name",
      `${what} may not hold "=", ",", control characters or outer spaces`,
    );
  }
}
