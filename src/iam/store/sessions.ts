/**
 * Temporary credentials. Everything about a session is in its token, sealed with the key that seals
 * secrets: every node can open it, nobody else can read or make one, and nothing is stored. A session
 * may do what its user may at that moment, as far as its own policy allows; it ends at its time, or
 * when the user is disabled or removed.
 */
import { asBuffer } from "../../base/bytes.ts";
import type { Random } from "../../base/random.ts";
import { IamError } from "./iam-error.ts";
import type { Sealer } from "./sealer.ts";

export interface Session {
  readonly accessKey: string;
  readonly secretKey: string;
  /** The user's access key; undefined: the operator. */
  readonly parent: string | undefined;
  readonly expiresMs: number;
  /** Narrows what the user may do. */
  readonly policy: string | undefined;
}

export interface IssuedSession extends Session {
  readonly sessionToken: string;
}

/** MinIO's and AWS's: a quarter of an hour; MinIO's: a year. */
export const SESSION_SECONDS_MIN = 900;
export const SESSION_SECONDS_MAX = 365 * 24 * 60 * 60;
export const SESSION_TOKEN_BYTES_MAX = 8 * 1024;

const VERSION = 1;
const CONTEXT = "session token";
const KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const KEY_LENGTH = 20;
const SECRET_BYTES = 30;

export function newSession(
  { parent, policy, expiresMs }: Pick<Session, "parent" | "policy" | "expiresMs">,
  random: Random,
): Session {
  const letters = Array.from(random.bytes(KEY_LENGTH), (byte) => KEY_ALPHABET[byte % 32] ?? "A");
  const secretKey = random.bytes(SECRET_BYTES).toString("base64url");
  return { accessKey: letters.join(""), secretKey, parent, policy, expiresMs };
}

export function sealSession(session: Session, sealer: Sealer): string {
  const { accessKey, secretKey, parent, policy, expiresMs } = session;
  const fields = { v: VERSION, accessKey, secretKey, parent, policy, expiresMs };
  return asBuffer(sealer.seal(Buffer.from(JSON.stringify(fields)), CONTEXT)).toString("base64url");
}

/** Undefined for what is no token of this deployment. */
export function openSession(token: string, sealer: Sealer): Session | undefined {
  if (token.length > SESSION_TOKEN_BYTES_MAX) return undefined;
  try {
    const plain = sealer.open(Buffer.from(token, "base64url"), CONTEXT);
    // Only sealSession seals under this context; the version tells its fields.
    const fields = JSON.parse(Buffer.from(plain).toString("utf8")) as Session & { v: number };
    return fields.v === VERSION ? fields : undefined;
  } catch (error) {
    if (error instanceof IamError) return undefined;
    throw error;
  }
}
