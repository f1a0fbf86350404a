/** Multipart uploads until their completion: creating, uploading and copying parts, listing them. */

import type { PreparedKey } from "../../../cluster/register/base.ts";
import type { ReadOptions } from "../../../cluster/register/register-contract.ts";
import { GIB } from "../../base/bytes.ts";
import type { PayloadSource } from "../../base/payload.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import { isCrc } from "../../codec/checksum-hash.ts";
import type {
  CopyPartInput,
  CreateUploadInput,
  ListPartsPage,
  PutPartInput,
  Upload,
  UploadAddress,
  UploadedPart,
} from "../contract/object-store.ts";
import { HEAD_BYTES, PART_NUMBER_MAX, partKey, uploadKey } from "../contract/register-keys.ts";
import type { ObjectPlace } from "../encryption/object-encryption.ts";
import { type ObjectKeys, PART_SALT_BYTES, readableChecksum } from "../encryption/object-keys.ts";
import { checksumText, type StoredPart } from "../records/data-descriptor.ts";
import { shownEncryption } from "../records/encryption-descriptor.ts";
import { readPartRow } from "../records/list-row.ts";
import {
  decodePartRecord,
  encodePartRecord,
  encodeUploadRecord,
  type PartRecord,
  type UploadRecord,
} from "../records/upload-record.ts";
import { withTrash } from "../records/version-changes.ts";
import { formatUploadId, newTimeId, parseUploadId } from "../records/version-id.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";
import { admitPart } from "./admit.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { isTooLate, type Moment, momentOf } from "./commit-limit.ts";
import { commitData, writtenChecksum } from "./commit-version.ts";
import type { ObjectCore } from "./object-core.ts";
import { sourceOf } from "./object-source.ts";
import { readVersion } from "./open-object.ts";
import { declaredChecksum } from "./put-object.ts";
import { confirmPart, readUpload } from "./upload-state.ts";

/** As in S3. */
export const PART_BYTES_MAX = 5 * GIB;

const NO_RESULT = new Uint8Array(0);
/** Kept with a part that took another's place. */
const REPLACED = Uint8Array.of(1);

export async function createUpload(core: ObjectCore, input: CreateUploadInput): Promise<Upload> {
  const { key, headers, storageClass, checksum } = input;
  if (checksum?.type === "FULL_OBJECT" && !isCrc(checksum.algorithm)) {
    throw new StoreError({
      code: "invalid-argument",
      message: `The FULL_OBJECT checksum type cannot be used with the ${checksum.algorithm} checksum algorithm.`,
    });
  }
  const id = newTimeId(core.clock, core.random);
  const encrypted =
    input.encryption &&
    (await core.encryption.create(input.encryption, { bucket: input.bucket.name, key }));
  const record: UploadRecord = {
    bucketName: input.bucket.name,
    initiatedMs: core.clock.nowMs(),
    headers,
    storageClass,
    checksum,
    state: { kind: "open" },
    revision: 0,
    encryption: encrypted?.stored,
  };
  await core.buckets.commit(input.bucket, (entry) =>
    core.registers.update(
      uploadKey(entry, key, id),
      (body) => ({ kind: "write", body: encodeUploadRecord(record, body), result: NO_RESULT }),
      actingUnder(entry),
    ),
  );
  return shownUpload(key, formatUploadId(id), record);
}

/** An upload that parts can be added to. */
export interface OpenUpload {
  readonly bucket: BucketEntry;
  readonly registerKey: Buffer;
  readonly record: UploadRecord;
}

/** Rejects with no-such-upload when it is completed, aborted or never was. */
export function openUpload(core: ObjectCore, address: UploadAddress): Promise<OpenUpload> {
  return core.buckets.under(address.bucket, async (bucket) => {
    const registerKey = uploadKey(bucket, address.key, parseUploadId(address.uploadId));
    return { bucket, registerKey, record: await readOpen(core, registerKey, bucket) };
  });
}

async function readOpen(
  core: ObjectCore,
  registerKey: Uint8Array,
  bucket: BucketEntry,
): Promise<UploadRecord> {
  const record = await readUpload(core, registerKey, actingUnder(bucket));
  if (record.state.kind !== "open") throw new StoreError({ code: "no-such-upload" });
  return record;
}

export async function findUpload(core: ObjectCore, address: UploadAddress): Promise<Upload> {
  const { record } = await openUpload(core, address);
  return shownUpload(address.key, address.uploadId, record);
}

export function shownUpload(
  key: string,
  uploadId: string,
  record: Pick<UploadRecord, "initiatedMs" | "storageClass" | "checksum"> &
    Partial<Pick<UploadRecord, "headers" | "encryption">>,
): Upload {
  const { initiatedMs, storageClass, checksum, headers } = record;
  const encryption = shownEncryption(record.encryption);
  const shown = { key, uploadId, initiatedMs, storageClass, checksum, ...encryption };
  return headers === undefined ? shown : { ...shown, headers };
}

export async function putPart(core: ObjectCore, input: PutPartInput): Promise<UploadedPart> {
  const upload = await openUpload(core, input);
  return writePart(core, upload, input, input.source);
}

export async function copyPart(
  core: ObjectCore,
  input: CopyPartInput,
): Promise<UploadedPart & { sourceVersionId: string | undefined }> {
  const upload = await openUpload(core, input);
  const found = await readVersion(core, input.source);
  const { bucket, version } = found;
  const { range } = input;
  const size = version.contentBytes;
  if (range !== undefined && range.offset + range.length > size) {
    throw new StoreError({ code: "range-not-satisfiable", size });
  }
  const source = sourceOf(core.reader, found, range);
  const part = await writePart(core, upload, input, source);
  const versioned = bucket.versioning !== "unversioned";
  return { ...part, sourceVersionId: versioned ? version.versionId : undefined };
}

async function writePart(
  core: ObjectCore,
  upload: OpenUpload,
  { key, partNumber, customerKey }: Pick<PutPartInput, "key" | "partNumber" | "customerKey">,
  source: PayloadSource,
): Promise<UploadedPart> {
  const algorithm = partChecksum(upload.record, partNumber, source);
  const { storageClass } = upload.record;
  const registerKey = partKey(upload.registerKey, partNumber);
  const entry = await core.buckets.current(upload.bucket);
  await admitPart(core, entry, source.length);
  let prepared: PreparedKey | undefined;
  let since: Moment | undefined;
  const place = { bucket: upload.bucket.name, key };
  const keys = await core.encryption.openAny(upload.record.encryption, place, { customerKey });
  const salt = keys && core.random.bytes(PART_SALT_BYTES);
  const here = { number: partNumber, salt };
  const written = await core.writer.write({
    source,
    ownerKey: registerKey,
    storageClass,
    bytesMax: PART_BYTES_MAX,
    inlineBytesMax: core.options.inlineBytesMax,
    checksums: algorithm === undefined ? [] : [algorithm],
    onVerified: () => {
      since = momentOf(core.clock);
      prepared = core.registers.prepareAhead(registerKey, actingUnder(entry));
    },
    sealKey: keys?.dataKey(here),
  });
  const checksum = writtenChecksum(written, algorithm);
  const part: StoredPart = {
    number: partNumber,
    bytes: written.bytes,
    etag: keys?.etag(written.digests.md5) ?? written.digests.md5,
    checksum: checksum && keys ? keys.sealChecksum(checksum, here, core.random) : checksum,
    data: written.data,
    ...(salt === undefined ? {} : { salt }),
  };
  const mtimeMs = await commitPart(core, upload, part, { prepared, since });
  const shown = shownPart({ ...part, checksum }, mtimeMs);
  return { ...shown, ...shownEncryption(upload.record.encryption) };
}

/** The algorithm to compute for a part; rejects what contradicts the upload. */
function partChecksum(record: UploadRecord, partNumber: number, source: PayloadSource) {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > PART_NUMBER_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
    });
  }
  const declared = declaredChecksum(source);
  const planned = record.checksum?.algorithm;
  if (planned !== undefined && declared !== undefined && planned !== declared) {
    throw new StoreError({
      code: "invalid-argument",
      message: `Checksum Type mismatch occurred, expected checksum Type: ${planned}, actual checksum Type: ${declared}`,
    });
  }
  return planned ?? declared;
}

/** What goes with the commit of a part. */
interface PartCommit {
  readonly prepared: PreparedKey | undefined;
  readonly since: Moment | undefined;
}

/** The part counts only if the upload is open when it is written: see upload-state.ts. */
async function commitPart(
  core: ObjectCore,
  upload: OpenUpload,
  part: StoredPart,
  { prepared, since }: PartCommit,
): Promise<number> {
  const registerKey = partKey(upload.registerKey, part.number);
  const mtimeMs = core.clock.nowMs();
  const degraded =
    part.data.kind === "shards" && core.geometry.isDegraded(part.data, upload.record.storageClass);
  await commitData(core, part.data, () =>
    core.buckets.commit(upload.bucket, (entry) =>
      core.uploadGate.pass(gateName(upload.registerKey), async () => {
        await readOpen(core, upload.registerKey, entry);
        const outcome = await core.registers.update<StoreErrorData>(
          registerKey,
          (body) => {
            const late = isTooLate(core.clock, since, core.options.commitWithinMs);
            if (late) return { kind: "refuse", answer: { code: "deadline" } };
            const before = decodePartRecord(body);
            const replaced = before.part?.data.kind === "shards" ? [before.part.data] : [];
            const record: PartRecord = {
              mtimeMs,
              part,
              storageClass: upload.record.storageClass,
              degraded,
              trash: withTrash(before.trash, replaced, mtimeMs + core.options.trashGraceMs),
            };
            const result = before.part === undefined ? NO_RESULT : REPLACED;
            return { kind: "write", body: encodePartRecord(record, body), result };
          },
          { ...actingUnder(entry), prepared },
        );
        if (outcome.kind === "refused") throw new StoreError(outcome.answer);
        const replaced = outcome.kind === "written" && outcome.result.length > 0;
        await confirmPart(core, upload.registerKey, { part, replaced });
      }),
    ),
  );
  return mtimeMs;
}

export function gateName(uploadRegisterKey: Buffer): string {
  return uploadRegisterKey.toString("latin1");
}

export function shownPart(part: StoredPart, mtimeMs: number): UploadedPart {
  const { number, bytes, etag, checksum } = part;
  return {
    number,
    bytes,
    etag: Buffer.from(etag).toString("hex"),
    ...(checksum === undefined ? {} : { checksum: checksumText(checksum, 0) }),
    mtimeMs,
  };
}

/** Rows read at a time where all parts are wanted. */
export const PARTS_PER_PAGE = 1000;

export interface PartsQuery extends ReadOptions {
  readonly after: number;
  readonly pageRows: number;
}

/** The parts uploaded so far, by number, from the first above `after`. */
export async function* partsOf(
  core: ObjectCore,
  uploadRegisterKey: Buffer,
  { after, pageRows, ...under }: PartsQuery,
): AsyncGenerator<PartRecord & { part: StoredPart }, void, undefined> {
  const first = partKey(uploadRegisterKey, after);
  const head = first.subarray(0, HEAD_BYTES);
  const rows = scanRows(core.registers, {
    ...scanAll([head], true),
    ...under,
    from: first.subarray(HEAD_BYTES),
    fromExclusive: true,
    prefix: uploadRegisterKey.subarray(HEAD_BYTES),
    pageRows,
  });
  for await (const row of rows) {
    if (row.value === undefined) continue;
    const record = readPartRow(row.value);
    if (record.part !== undefined) yield { ...record, part: record.part };
  }
}

/** To show checksums with. Who lists parts brings no key of a customer. */
async function listingKeys(
  core: ObjectCore,
  { encryption }: UploadRecord,
  place: ObjectPlace,
): Promise<ObjectKeys | undefined> {
  if (encryption === undefined || encryption.mode === "customer") return undefined;
  return core.encryption.open(encryption, place, {});
}

export async function listParts(
  core: ObjectCore,
  input: UploadAddress & { after: number; limit: number },
): Promise<ListPartsPage> {
  const { bucket, registerKey, record } = await openUpload(core, input);
  const keys = await listingKeys(core, record, { bucket: bucket.name, key: input.key });
  const upload = shownUpload(input.key, input.uploadId, record);
  const parts: UploadedPart[] = [];
  const after = Math.min(Math.max(input.after, 0), PART_NUMBER_MAX);
  const page = { upload, parts, truncated: false, nextPartNumber: undefined };
  if (input.limit <= 0) return page;
  const query = { after, pageRows: input.limit + 1, ...actingUnder(bucket) };
  for await (const { part, mtimeMs } of partsOf(core, registerKey, query)) {
    if (parts.length === input.limit) {
      return { ...page, truncated: true, nextPartNumber: parts.at(-1)?.number };
    }
    const checksum = readableChecksum(part.checksum, part, { ...record, keys });
    parts.push(shownPart({ ...part, checksum }, mtimeMs));
  }
  return page;
}
