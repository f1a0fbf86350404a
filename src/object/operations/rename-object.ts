/**
 * RenameObject: the object under another key of its bucket.
 *
 *   1. the newest version of the source is copied, if the conditions hold;
 *   2. the copy becomes the newest version of the target, if its conditions hold;
 *   3. the source is deleted as DELETE does it, if its newest version still is what was copied.
 *
 * So the object is always there under one of its names; a crash between 2 and 3 leaves it under both.
 * The copy remembers the token that the client gave and what it was made from, in a header that is
 * never shown: who repeats the request with that token goes on at 3, whatever the conditions say now.
 * A source that was written meanwhile stays: it is another object.
 */
import { createHash } from "node:crypto";
import { StoreError } from "../../base/store-error.ts";
import type {
  EncryptionRequest,
  RenameObjectInput,
  RenameObjectResult,
  StoredHeaders,
} from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { shownEncryption } from "../records/encryption-descriptor.ts";
import { decodeObjectRecord, encodeObjectRecord, latestVersion } from "../records/object-record.ts";
import type { StoredVersion } from "../records/stored-version.ts";
import { deleteLatest } from "../records/version-changes.ts";
import { newTimeId } from "../records/version-id.ts";
import { decodeWriteResult, encodeWriteResult } from "../records/write-result.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { changeContext } from "./commit-version.ts";
import type { ObjectCore } from "./object-core.ts";
import { sourceOf } from "./object-source.ts";
import { type FoundVersion, readVersion } from "./open-object.ts";
import { writeObject } from "./put-object.ts";
import type { QuotaCharge } from "./quota-account.ts";

/** Among the stored headers of the copy; no request can set it, and no answer shows it. */
export const RENAME_HEADER = "ringfort-rename";
const DIGEST_BYTES = 16;

type Removed = RenameObjectResult["source"];

export async function renameObject(
  core: ObjectCore,
  input: RenameObjectInput,
): Promise<RenameObjectResult> {
  const { bucket, source, target } = input;
  if (source === target) {
    throw new StoreError({ code: "invalid-argument", message: "An object is renamed to itself." });
  }
  const before = await earlierRename(core, input);
  if (before !== undefined) {
    const { copy, identity } = before;
    return { ...shownCopy(copy), source: await removeSource(core, input, identity) };
  }
  const conditions = input.sourceConditions;
  const { customerKey } = input;
  const found = await readVersion(core, { bucket, key: source, conditions, customerKey });
  const { version } = found;
  const identity = identityOf(version);
  const { headers, checksum } = version.meta();
  const written = await writeObject(core, {
    bucket,
    key: target,
    source: sourceOf(core.reader, found, undefined),
    headers: remembering(headers, input, identity),
    storageClass: version.storageClass,
    conditions: input.conditions,
    algorithm: checksum?.type === "FULL_OBJECT" ? checksum.algorithm : "crc64nvme",
    encryption: encryptionOf(found, input),
    facts: factsOf(version),
  });
  const { etag, versionId } = written;
  return { etag, versionId, source: await removeSource(core, input, identity) };
}

/** The same object: time and, unless it was that of its parts, ETag stay. */
function factsOf({ mtimeMs, partCount, etag }: StoredVersion) {
  return partCount > 0 ? { mtimeMs } : { mtimeMs, etag: Buffer.from(etag, "hex") };
}

/** As it was encrypted before. */
function encryptionOf(
  { version }: FoundVersion,
  { customerKey }: RenameObjectInput,
): EncryptionRequest | undefined {
  const shown = shownEncryption(version.meta().encryption).encryption;
  if (shown === undefined) return undefined;
  const { mode, ...named } = shown;
  if (mode !== "customer") return mode === "kms" ? { mode, ...named } : { mode };
  if (customerKey !== undefined) return { mode, key: customerKey };
  throw new StoreError({ code: "encryption", problem: "key-required" });
}

/** Tells a version from every other that was the newest of its key. */
function identityOf({ versionId, mtimeMs, etag, contentBytes }: StoredVersion): string {
  return digest([versionId, mtimeMs, etag, contentBytes]);
}

function digest(fields: readonly unknown[]): string {
  const hash = createHash("sha256").update(JSON.stringify(fields));
  return hash.digest("hex").slice(0, 2 * DIGEST_BYTES);
}

/** What makes two requests with one token the same. */
function requestOf({ source, sourceConditions, conditions }: RenameObjectInput): string {
  return digest([source, sourceConditions, conditions]);
}

function remembering(
  headers: StoredHeaders,
  input: RenameObjectInput,
  identity: string,
): StoredHeaders {
  const { [RENAME_HEADER]: _, ...others } = headers;
  if (input.token === undefined) return others;
  const mark = [digest([input.token]), requestOf(input), identity].join(" ");
  return { ...others, [RENAME_HEADER]: mark };
}

interface EarlierRename {
  readonly copy: StoredVersion;
  readonly identity: string;
}

/** Undefined: nothing of this token is known. Rejects when it stood for another request. */
async function earlierRename(
  core: ObjectCore,
  input: RenameObjectInput,
): Promise<EarlierRename | undefined> {
  if (input.token === undefined) return undefined;
  const body = await core.buckets.under(input.bucket, (entry) =>
    core.registers.read(objectKey(entry, input.target), actingUnder(entry)),
  );
  const copy = body === undefined ? undefined : latestVersion(body);
  if (copy === undefined || copy.deleteMarker) return undefined;
  const [token, request, identity] = copy.meta().headers[RENAME_HEADER]?.split(" ") ?? [];
  if (token !== digest([input.token]) || identity === undefined) return undefined;
  if (request === requestOf(input)) return { copy, identity };
  throw new StoreError({
    code: "refused",
    s3Code: "IdempotencyParameterMismatch",
    message: "The parameters of this request are not those that came with the token before.",
  });
}

function shownCopy(copy: StoredVersion) {
  return { etag: copy.etag, versionId: copy.isNull ? undefined : copy.versionId };
}

interface Removal {
  readonly key: string;
  readonly identity: string;
  readonly mintId: () => Buffer;
}

/** As DELETE without a version: gone in a bucket without versions, else behind a marker. */
function removeSource(
  core: ObjectCore,
  { bucket, source: key }: RenameObjectInput,
  identity: string,
): Promise<Removed> {
  let newId: Buffer | undefined;
  const mintId = () => {
    newId ??= newTimeId(core.clock, core.random);
    return newId;
  };
  return core.quotas.charging(bucket, undefined, (charge) =>
    core.buckets.commit(bucket, (entry) =>
      removeUnder(core, { key, identity, mintId }, { entry, charge }),
    ),
  );
}

async function removeUnder(
  core: ObjectCore,
  { key, identity, mintId }: Removal,
  { entry, charge }: { readonly entry: BucketEntry; readonly charge: QuotaCharge },
): Promise<Removed> {
  const outcome = await core.registers.update<undefined>(
    objectKey(entry, key),
    (body) => {
      charge.begin(entry);
      const record = decodeObjectRecord(body);
      const [latest] = record.versions;
      const same = latest !== undefined && !latest.deleteMarker && identityOf(latest) === identity;
      const change = same ? deleteLatest(record, mintId, changeContext(core, entry)) : undefined;
      if (change?.version === undefined) return { kind: "keep", answer: undefined };
      charge.covers(entry, record, change.record);
      return {
        kind: "write",
        body: encodeObjectRecord(change.record, body),
        result: encodeWriteResult(change.version),
      };
    },
    actingUnder(entry),
  );
  if (outcome.kind !== "written") return undefined;
  charge.written();
  const result = decodeWriteResult(outcome.result);
  if (entry.versioning === "unversioned") return { versionId: undefined, deleteMarker: false };
  return { versionId: result?.versionId, deleteMarker: result?.deleteMarker ?? false };
}
