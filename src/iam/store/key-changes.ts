/** Changes of access keys, as pure functions like those in `changes.ts`. */
import { EMBEDDED_POLICY_BYTES_MAX, parsePolicy } from "../policy/parse-policy.ts";
import { PolicyError } from "../policy/policy-error.ts";
import { IamError } from "./iam-error.ts";
import { type AccessKey, encodeKey, recordKey } from "./identities.ts";
import type { ChangeTools, RecordWrite } from "./identity-store.ts";
import { checkAccessKey, checkKeyTexts, checkSecretKey } from "./names.ts";
import type { Status } from "./record-fields.ts";

type Change = (tools: ChangeTools) => readonly RecordWrite[];

export const KEYS_PER_USER_MAX = 1000;
const MINUTE_MS = 60_000;
/** MinIO's: from a quarter of an hour to a year ahead. */
export const KEY_EXPIRY_MS_MIN = 15 * MINUTE_MS;
export const KEY_EXPIRY_MS_MAX = 365 * 24 * 60 * MINUTE_MS;

export interface NewKey {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Undefined: the operator. */
  readonly parent: string | undefined;
  readonly expiresMs: number | undefined;
  /** The boundaries of whoever makes the key, and its own: none can be shaken off by making a key. */
  readonly boundaries: readonly string[];
  readonly name: string;
  readonly description: string;
}

export function createKey(input: NewKey): Change {
  return ({ directory, sealer, nowMs }) => {
    const { accessKey, secretKey, parent, expiresMs, boundaries } = input;
    checkAccessKey(accessKey);
    checkSecretKey(secretKey);
    checkKeyTexts(input.name, input.description);
    if (directory.isTaken(accessKey)) {
      throw new IamError("key-exists", "this access key is in use");
    }
    if (parent !== undefined && !directory.users.has(parent)) {
      throw new IamError("no-such-user", "there is no such user");
    }
    const siblings = [...directory.keys.values()].filter((key) => key.parent === parent);
    if (siblings.length >= KEYS_PER_USER_MAX) {
      throw new IamError("too-many", `a user has at most ${KEYS_PER_USER_MAX} access keys`);
    }
    checkExpiry(expiresMs, nowMs);
    for (const text of boundaries) checkBoundary(text);
    const key: AccessKey = { ...input, status: "enabled", createdMs: nowMs };
    return [{ key: recordKey("key", accessKey), value: encodeKey(key, sealer) }];
  };
}

export interface KeyUpdate {
  readonly secretKey?: string | undefined;
  readonly status?: Status | undefined;
  /** `never` takes the present time away. */
  readonly expiresMs?: number | "never" | undefined;
  /** All of them anew. */
  readonly boundaries?: readonly string[] | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

export function updateKey(accessKey: string, update: KeyUpdate): Change {
  return ({ directory, sealer, nowMs }) => {
    const known = directory.keys.get(accessKey);
    if (known === undefined) throw noSuchKey();
    const { expiresMs } = update;
    if (typeof expiresMs === "number") checkExpiry(expiresMs, nowMs);
    const key: AccessKey = {
      ...known,
      secretKey: update.secretKey ?? known.secretKey,
      status: update.status ?? known.status,
      expiresMs: expiresMs === "never" ? undefined : (expiresMs ?? known.expiresMs),
      boundaries: update.boundaries ?? known.boundaries,
      name: update.name ?? known.name,
      description: update.description ?? known.description,
    };
    checkSecretKey(key.secretKey);
    checkKeyTexts(key.name, key.description);
    for (const text of key.boundaries) checkBoundary(text);
    return [{ key: recordKey("key", accessKey), value: encodeKey(key, sealer) }];
  };
}

export function removeKey(accessKey: string): Change {
  return ({ directory }) => {
    if (!directory.keys.has(accessKey)) throw noSuchKey();
    return [{ key: recordKey("key", accessKey), value: undefined }];
  };
}

function checkExpiry(expiresMs: number | undefined, nowMs: number): void {
  if (expiresMs === undefined) return;
  const aheadMs = expiresMs - nowMs;
  if (aheadMs >= KEY_EXPIRY_MS_MIN && aheadMs <= KEY_EXPIRY_MS_MAX) return;
  throw new IamError("invalid-expiry", "an access key expires in 15 minutes to 365 days");
}

/** Throws IamError for a policy that is none or too large to be embedded. */
export function checkBoundary(text: string): void {
  try {
    parsePolicy(text, { kind: "embedded" });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new IamError(
      "invalid-policy",
      Buffer.byteLength(text) > EMBEDDED_POLICY_BYTES_MAX
        ? `the policy of an access key has at most ${EMBEDDED_POLICY_BYTES_MAX} bytes`
        : error.message,
    );
  }
}

function noSuchKey(): IamError {
  return new IamError("no-such-key", "there is no such access key");
}
