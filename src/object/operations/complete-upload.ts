/**
 * CompleteMultipartUpload and AbortMultipartUpload.
 *
 * Completing, with the upload's gate closed so that on this node no part comes or goes:
 *   1. read the parts and check them against the request;
 *   2. upload: open → completing, with all that is going to be written, if no part has been replaced
 *      since step 1 began (upload-state.ts);
 *   3. object: the new version, and the upload's id among those completed into the record, which
 *      makes a repetition of this step harmless. The upload has to be completing still when the
 *      object's register is prepared: the id is taken out again once it is done;
 *   4. upload: completing → done, with the answer.
 * A crash before 2 leaves an open upload. After 2, whoever comes next (a retry, or the janitor when
 * the record falls due) goes on with 3 and 4. A condition that does not hold in 3 leads back to
 * open. No bytes move: parts keep their data, which now belongs to the object.
 */
import { createHash } from "node:crypto";
import type { ReadOptions, RegisterChange } from "../../../cluster/register/register-contract.ts";
import { ID_BYTES } from "../../base/ids.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type {
  CompletePart,
  CompleteUploadInput,
  PutObjectResult,
  UploadAddress,
} from "../contract/object-store.ts";
import { objectKeyBeside, parseRegisterKey, uploadKey } from "../contract/register-keys.ts";
import { type ObjectKeys, readableChecksum } from "../encryption/object-keys.ts";
import { checksumText, type StoredPart } from "../records/data-descriptor.ts";
import { shownEncryption } from "../records/encryption-descriptor.ts";
import {
  decodeObjectRecord,
  encodeObjectRecord,
  hasId,
  type ObjectRecord,
} from "../records/object-record.ts";
import type { VersionDraft } from "../records/stored-version.ts";
import type {
  CompletionManifest,
  CompletionResult,
  UploadRecord,
  UploadState,
} from "../records/upload-record.ts";
import { addVersion } from "../records/version-changes.ts";
import { formatVersionId, newTimeId, parseUploadId } from "../records/version-id.ts";
import { decodeWriteResult, encodeWriteResult } from "../records/write-result.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { changeContext, shownChecksum } from "./commit-version.ts";
import { checkExpected, checkPart, checkSizes, partsInOrder } from "./completion-checks.ts";
import { checkWriteConditions } from "./conditions.ts";
import { withPlacesOfNow } from "./manifest-places.ts";
import { multipartChecksum, multipartEtag } from "./multipart-checksum.ts";
import type { ObjectCore } from "./object-core.ts";
import { checkUnlocked, LOCK_DOCUMENT, withDefaultRetention } from "./object-lock.ts";
import type { QuotaCharge } from "./quota-account.ts";
import { changeState, readUpload, readUploadState } from "./upload-state.ts";
import { gateName, PARTS_PER_PAGE, partsOf } from "./uploads.ts";

/** A completion that is not done by then was cut off. */
const COMPLETING_MS_MAX = 60_000;
/** How often a completion begins anew because parts are replaced meanwhile. */
const COMPLETION_ATTEMPTS_MAX = 5;
const NO_SUCH_UPLOAD: StoreErrorData = { code: "no-such-upload" };
/** The upload is not completing any more. */
const ENDED: StoreErrorData = { code: "busy" };

export async function completeUpload(
  core: ObjectCore,
  input: CompleteUploadInput,
): Promise<PutObjectResult> {
  return core.quotas.charging(input.bucket, undefined, (charge) =>
    core.buckets.commit(input.bucket, (bucket) => {
      const key = uploadKey(bucket, input.key, parseUploadId(input.uploadId));
      const request = requestDigest(input.parts);
      const attempt = { bucket, key, input, request, charge };
      return core.uploadGate.close(gateName(key), () => completeInside(core, attempt));
    }),
  );
}

/** The gates are held. */
async function completeInside(core: ObjectCore, wanted: Attempt): Promise<PutObjectResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryCompletion(core, wanted);
    } catch (error) {
      if (!isBusy(error) || attempt >= COMPLETION_ATTEMPTS_MAX) throw error;
    }
  }
}

interface Attempt extends Omit<Completion, "record"> {
  readonly input: CompleteUploadInput;
  readonly request: Buffer;
}

/** Rejects with busy when parts were replaced, or another node acted, meanwhile. */
async function tryCompletion(core: ObjectCore, attempt: Attempt): Promise<PutObjectResult> {
  const { bucket, key, request, charge } = attempt;
  const under = actingUnder(bucket);
  let record = await readUpload(core, key, under);
  if (record.state.kind === "completing") {
    record = await withPlacesOfNow(core, key, record, under);
    await finishCompletion(core, { bucket, key, record, charge });
    record = await readUpload(core, key, under);
  }
  const { state, revision, encryption } = record;
  const { input } = attempt;
  const place = { bucket: bucket.name, key: input.key };
  const keys = await core.encryption.openAny(encryption, place, input);
  const shown = { encryption, keys };
  if (state.kind === "done" || state.kind === "finished") {
    return answerAgain(state.result, request, shown);
  }
  if (state.kind !== "open") throw new StoreError(NO_SUCH_UPLOAD);
  const manifest = await checkedManifest(core, { ...attempt, record, keys });
  const to = completingState(core, manifest);
  await changeState(core, key, { from: "open", to, revision, ...under });
  const completion = { bucket, key, record: { ...record, state: to }, charge };
  return shownResult(await finishCompletion(core, completion), shown);
}

/** Steps 3 and 4 of a completion whose manifest is chosen. The gates are held. */
export async function finishCompletion(
  core: ObjectCore,
  { bucket, key, record, charge }: Completion,
): Promise<CompletionResult> {
  if (record.state.kind !== "completing") throw new StoreError(NO_SUCH_UPLOAD);
  const { manifest } = record.state;
  const under = actingUnder(bucket);
  const outcome = await core.registers.update<StoreErrorData | undefined>(
    objectKeyOf(key),
    async (body) => {
      const state = await readUploadState(core, key, under);
      charge.begin(bucket);
      if (state !== "completing") return { kind: "refuse", answer: ENDED };
      return objectChange(core, { bucket, key, record, charge, manifest }, body);
    },
    under,
  );
  if (outcome.kind === "written") charge.written();
  if (outcome.kind === "refused" && outcome.answer === ENDED) return endedResult(core, key, under);
  if (outcome.kind === "refused" && outcome.answer !== undefined) {
    await changeState(core, key, { from: "completing", to: { kind: "open" }, ...under });
    throw new StoreError(outcome.answer);
  }
  const written =
    outcome.kind === "written" ? decodeWriteResult(outcome.result)?.mtimeMs : undefined;
  const result: CompletionResult = {
    request: manifest.request,
    versionId: manifest.versionId,
    versioned: bucket.versioning !== "unversioned",
    etag: manifest.etag,
    partCount: manifest.parts.length,
    bytes: manifest.bytes,
    mtimeMs: written ?? (await completedTime(core, key, manifest)),
    checksum: manifest.checksum,
  };
  const dataIds = manifest.parts.flatMap(({ data }) =>
    data.kind === "shards" ? [Buffer.from(data.dataId, "hex")] : [],
  );
  const done: UploadState = { kind: "done", dueMs: core.clock.nowMs(), result, dataIds };
  try {
    await changeState(core, key, { from: "completing", to: done, ...under });
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-such-upload") {
      return endedResult(core, key, under);
    }
    throw error;
  }
  return result;
}

/** Another node has come to the end of the same completion: its answer is the answer. */
async function endedResult(
  core: ObjectCore,
  key: Buffer,
  under: ReadOptions,
): Promise<CompletionResult> {
  const { state } = await readUpload(core, key, under);
  if (state.kind === "done" || state.kind === "finished") return state.result;
  // A condition did not hold there, and somebody may have begun anew.
  if (state.kind === "open" || state.kind === "completing") throw new StoreError({ code: "busy" });
  throw new StoreError(NO_SUCH_UPLOAD);
}

function isBusy(error: unknown): boolean {
  return error instanceof StoreError && error.code === "busy";
}

export async function abortUpload(core: ObjectCore, address: UploadAddress): Promise<void> {
  await core.buckets.commit(address.bucket, (bucket) =>
    abortInside(core, uploadKey(bucket, address.key, parseUploadId(address.uploadId)), bucket),
  );
}

/** The bucket's gate is held. Only an open upload can be aborted. */
export function abortInside(core: ObjectCore, key: Buffer, bucket: BucketEntry): Promise<void> {
  const to: UploadState = { kind: "aborted", dueMs: core.clock.nowMs() };
  return core.uploadGate.close(gateName(key), () =>
    changeState(core, key, { from: "open", to, ...actingUnder(bucket) }),
  );
}

function completingState(core: ObjectCore, manifest: CompletionManifest): UploadState {
  return { kind: "completing", dueMs: core.clock.nowMs() + COMPLETING_MS_MAX, manifest };
}

export interface Completion {
  readonly bucket: BucketEntry;
  readonly key: Buffer;
  readonly record: UploadRecord;
  /** Against the bucket's quota. */
  readonly charge: QuotaCharge;
}

/** Step 1: what the request asks for, from the parts that are there. */
async function checkedManifest(
  core: ObjectCore,
  completion: Completion & {
    input: CompleteUploadInput;
    request: Buffer;
    keys: ObjectKeys | undefined;
  },
): Promise<CompletionManifest> {
  const { bucket, key, record, input, request, keys } = completion;
  const wantedParts = partsInOrder(input.parts);
  const uploaded = new Map<number, StoredPart>();
  let degraded = false;
  const query = { after: 0, pageRows: PARTS_PER_PAGE, ...actingUnder(bucket) };
  for await (const part of partsOf(core, key, query)) {
    const { part: stored } = part;
    uploaded.set(stored.number, stored);
    degraded ||= part.degraded;
  }
  const { encryption } = record;
  const readable = wantedParts.map((wanted) => {
    const stored = uploaded.get(wanted.number);
    const checksum = readableChecksum(stored?.checksum, stored, { encryption, keys });
    return checkPart(wanted, stored && { ...stored, checksum });
  });
  const parts = readable.map((part) => uploaded.get(part.number) ?? part);
  checkSizes(parts, core.options.partBytesMin, input.bytes);
  const plan = record.checksum;
  const checksum = plan === undefined ? undefined : multipartChecksum(plan, readable);
  checkExpected(
    input,
    plan,
    checksum === undefined ? undefined : checksumText(checksum, parts.length),
  );
  return {
    request,
    versionId: bucket.versioning === "enabled" ? newTimeId(core.clock, core.random) : undefined,
    etag: multipartEtag(parts),
    bytes: parts.reduce((sum, part) => sum + part.bytes, 0),
    checksum: checksum && keys ? keys.sealChecksum(checksum, undefined, core.random) : checksum,
    conditions: input.conditions,
    parts,
    degraded,
    partsCheck: keys?.partsCheck(parts),
    mtimeMs: input.mtimeMs,
  };
}

/** Step 3. An id that is there already says that it has happened. */
function objectChange(
  core: ObjectCore,
  completion: Completion & { manifest: CompletionManifest },
  body: Uint8Array | undefined,
): RegisterChange<StoreErrorData | undefined> {
  const { bucket, key, record: upload, charge, manifest } = completion;
  const record = decodeObjectRecord(body);
  const uploadId = uploadIdOf(key);
  if (record.completed.some((id) => id.equals(uploadId)))
    return { kind: "keep", answer: undefined };
  const refusal = checkWriteConditions(manifest.conditions, record.versions[0]);
  if (refusal !== undefined) return { kind: "refuse", answer: refusal };
  const { versionId } = manifest;
  const context = changeContext(core, bucket);
  if (versionId === undefined) {
    const locked = checkNullUnlocked(record, bucket, context.nowMs);
    if (locked !== undefined) return { kind: "refuse", answer: locked };
  }
  // The version id was chosen with the manifest, and with it the state of versioning.
  const chosenId = () => Buffer.from(versionId ?? []);
  const draft = draftOf(upload, manifest);
  const headers = withDefaultRetention(draft.headers, bucket, context.nowMs);
  const change = addVersion(record, { ...draft, headers }, chosenId, {
    ...context,
    versioning: versionId === undefined ? "suspended" : "enabled",
  });
  if (change === undefined) return { kind: "refuse", answer: { code: "too-many-versions" } };
  if (!charge.covers(bucket, record, change.record)) {
    return { kind: "refuse", answer: { code: "quota-exceeded" } };
  }
  const completed = [...change.record.completed, uploadId];
  return {
    kind: "write",
    body: encodeObjectRecord({ ...change.record, completed }, body),
    result: encodeWriteResult(change.version),
  };
}

/** The null version that would be replaced, should the bucket have got object lock meanwhile. */
function checkNullUnlocked(
  record: ObjectRecord,
  bucket: BucketEntry,
  nowMs: number,
): StoreErrorData | undefined {
  if (bucket.documents[LOCK_DOCUMENT] === undefined) return undefined;
  const replaced = record.versions.find((version) => version.isNull && !version.deleteMarker);
  if (replaced === undefined) return undefined;
  return checkUnlocked(replaced.meta().headers, { nowMs, bypassGovernance: false });
}

function draftOf(upload: UploadRecord, manifest: CompletionManifest): VersionDraft {
  return {
    headers: upload.headers,
    checksum: manifest.checksum,
    content: { kind: "parts", parts: manifest.parts },
    storageClass: upload.storageClass,
    bytes: manifest.bytes,
    etag: manifest.etag,
    degraded: manifest.degraded,
    mtimeMs: manifest.mtimeMs,
    encryption: upload.encryption && { ...upload.encryption, partsCheck: manifest.partsCheck },
  };
}

/** When the version was written by an earlier attempt; now, when it is gone again. */
async function completedTime(
  core: ObjectCore,
  key: Buffer,
  manifest: CompletionManifest,
): Promise<number> {
  const record = decodeObjectRecord(await core.registers.read(objectKeyOf(key)));
  const id = manifest.versionId === undefined ? undefined : Buffer.from(manifest.versionId);
  const version = record.versions.find((candidate) => hasId(candidate, id));
  return version?.mtimeMs ?? core.clock.nowMs();
}

export function objectKeyOf(uploadRegisterKey: Buffer): Buffer {
  const parsed = parseRegisterKey(uploadRegisterKey);
  if (parsed?.kind !== "upload" && parsed?.kind !== "part") throw new StoreError(NO_SUCH_UPLOAD);
  return objectKeyBeside(uploadRegisterKey, parsed.key);
}

export function uploadIdOf(uploadRegisterKey: Buffer): Buffer {
  return uploadRegisterKey.subarray(uploadRegisterKey.length - ID_BYTES);
}

function requestDigest(parts: readonly CompletePart[]): Buffer {
  const text = parts.map(({ number, etag }) => `${number} ${etag}\n`).join("");
  return createHash("sha256").update(text).digest().subarray(0, ID_BYTES);
}

/** A repeated request gets the first one's answer; another request meets no upload. */
function answerAgain(result: CompletionResult, request: Buffer, shown: ShownWith): PutObjectResult {
  if (!request.equals(result.request)) throw new StoreError(NO_SUCH_UPLOAD);
  return shownResult(result, shown);
}

interface ShownWith extends Pick<UploadRecord, "encryption"> {
  readonly keys: ObjectKeys | undefined;
}

function shownResult(result: CompletionResult, shown: ShownWith): PutObjectResult {
  const { etag, partCount, bytes, mtimeMs, versionId } = result;
  const checksum = readableChecksum(result.checksum, undefined, {
    encryption: shown.encryption,
    keys: shown.keys,
  });
  const named = result.versioned && versionId !== undefined;
  return {
    etag: `${Buffer.from(etag).toString("hex")}-${partCount}`,
    versionId: named ? formatVersionId(Buffer.from(versionId)) : undefined,
    bytes,
    mtimeMs,
    ...(checksum === undefined ? {} : { checksum: shownChecksum(checksum, partCount) }),
    ...shownEncryption(shown.encryption),
  };
}
