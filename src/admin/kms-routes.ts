/**
 * Keys of the key store: listed, made, tried out. The same three under the administration API, with
 * its permissions, and under `/minio/kms/v1/`, as newer clients ask, with permissions on each key.
 * Nothing here shows a key.
 */
import { maySeeKey, requireKms } from "./admin-access.ts";
import type { AdminAnswer, AdminContext } from "./admin-context.ts";
import { naming } from "./admin-error.ts";
import { parameter } from "./admin-input.ts";
import type { RotationStatus } from "./key-rotation.ts";
import { formatTime } from "./time-text.ts";

export async function createKmsKey(context: AdminContext): Promise<AdminAnswer> {
  await context.keys.create(parameter(context, "key-id"), context.who.accessKey);
  return { kind: "empty" };
}

export async function listKmsKeys(context: AdminContext): Promise<AdminAnswer> {
  return { kind: "json", value: await matchingKeys(context) };
}

export async function kmsKeyStatus(context: AdminContext): Promise<AdminAnswer> {
  const keyId = wantedKey(context);
  await context.keys.check(keyId);
  return { kind: "json", value: { "key-id": keyId } };
}

export async function kmsStatus({ keys }: AdminContext): Promise<AdminAnswer> {
  const value = {
    name: "Ringfort",
    "default-key-id": keys.defaultKeyId ?? keys.managedKeyId,
    endpoints: { "built-in": "online" },
    state: { keystore: "built-in" },
  };
  return { kind: "json", value };
}

/** Of all SSE-KMS objects of a bucket, or those whose keys begin so. */
export async function rotateKeys(context: AdminContext): Promise<AdminAnswer> {
  const { query, keys, rotation } = context;
  const keyId = parameter(context, "key-id");
  await keys.check(keyId);
  const from = query.get("from") ?? undefined;
  const bucket = parameter(context, "bucket");
  const prefix = query.get("prefix") ?? "";
  const status = await naming(rotation.start({ bucket, prefix, keyId, from }));
  return { kind: "json", value: shownRotation(status) };
}

export async function rotationStatus({ rotation }: AdminContext): Promise<AdminAnswer> {
  const { status } = rotation;
  return { kind: "json", value: status === undefined ? { state: "none" } : shownRotation(status) };
}

export async function stopRotation(context: AdminContext): Promise<AdminAnswer> {
  context.rotation.stop();
  return rotationStatus(context);
}

function shownRotation({ keyId, startedMs, endedMs, ...status }: RotationStatus) {
  const ended = endedMs === undefined ? {} : { ended: formatTime(endedMs) };
  return { ...status, "key-id": keyId, started: formatTime(startedMs), ...ended };
}

export async function createOwnKmsKey(context: AdminContext): Promise<AdminAnswer> {
  requireKms(context.who, "kms:CreateKey", parameter(context, "key-id"));
  return createKmsKey(context);
}

/** Shows what the caller may see. */
export async function listOwnKmsKeys(context: AdminContext): Promise<AdminAnswer> {
  const keys = await matchingKeys(context);
  const value = keys.filter(({ name }) => maySeeKey(context.who, "kms:ListKeys", name));
  return { kind: "json", value };
}

export async function ownKmsKeyStatus(context: AdminContext): Promise<AdminAnswer> {
  requireKms(context.who, "kms:KeyStatus", wantedKey(context));
  return kmsKeyStatus(context);
}

export async function ownKmsStatus(context: AdminContext): Promise<AdminAnswer> {
  requireKms(context.who, "kms:Status", "");
  return kmsStatus(context);
}

/** Without one, the key that is used where none is named. */
function wantedKey({ query, keys }: AdminContext): string {
  const keyId = query.get("key-id") ?? "";
  return keyId === "" ? (keys.defaultKeyId ?? keys.managedKeyId) : keyId;
}

async function matchingKeys({ keys, query }: AdminContext) {
  const matches = patternOf(query.get("pattern") ?? "");
  const all = await keys.list();
  return all
    .filter(({ name }) => matches(name))
    .map(({ name, createdMs, createdBy }) => ({
      name,
      createdBy,
      ...(createdMs === 0 ? {} : { createdAt: formatTime(createdMs) }),
    }));
}

/** A prefix, with or without the star behind it. */
function patternOf(pattern: string): (name: string) => boolean {
  const prefix = pattern.endsWith("*") ? pattern.slice(0, -1) : pattern;
  return (name) => name.startsWith(prefix);
}
