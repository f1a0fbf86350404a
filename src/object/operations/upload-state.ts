/**
 * The state of a multipart upload, changed by compare-and-set on its register, and how parts and
 * completions on different nodes keep out of each other's way by it:
 *
 * - A part is written first, and counts when the upload is seen open afterwards. So whoever completes
 *   or aborts it later finds the part.
 * - A completion reads the parts and then names them in the upload's register, if its revision is
 *   still that from before it read. A part that replaces another raises the revision, and so does
 *   whoever deletes data that a part gave up.
 */
import type { ReadOptions } from "../../../cluster/register/register-contract.ts";
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { StoredPart } from "../records/data-descriptor.ts";
import {
  decodeUploadRecord,
  encodeUploadRecord,
  type UploadRecord,
  type UploadState,
  uploadStateKind,
} from "../records/upload-record.ts";
import type { ObjectCore } from "./object-core.ts";

const NO_RESULT = new Uint8Array(0);
const NO_SUCH_UPLOAD: StoreErrorData = { code: "no-such-upload" };

export async function readUpload(
  core: ObjectCore,
  key: Uint8Array,
  options: ReadOptions = {},
): Promise<UploadRecord> {
  const body = await core.registers.read(key, options);
  if (body === undefined) throw new StoreError(NO_SUCH_UPLOAD);
  return decodeUploadRecord(body);
}

/** Without what the state carries: see `uploadStateKind`. */
export async function readUploadState(
  core: ObjectCore,
  key: Uint8Array,
  options: ReadOptions,
): Promise<UploadState["kind"]> {
  const body = await core.registers.read(key, options);
  if (body === undefined) throw new StoreError(NO_SUCH_UPLOAD);
  return uploadStateKind(body) ?? decodeUploadRecord(body).state.kind;
}

export interface StateChange extends ReadOptions {
  readonly from: UploadState["kind"];
  readonly to: UploadState;
  /** Only if the upload has not been touched since it was read. */
  readonly revision?: number;
}

/** Rejects with busy when the revision is another one, with no-such-upload in another state. */
export async function changeState(
  core: ObjectCore,
  key: Uint8Array,
  change: StateChange,
): Promise<void> {
  const { bucketEpoch } = change;
  const outcome = await core.registers.update<StoreErrorData>(
    key,
    (body) => {
      const record = body === undefined ? undefined : decodeUploadRecord(body);
      if (change.revision !== undefined && change.revision !== record?.revision) {
        return { kind: "refuse", answer: { code: "busy" } };
      }
      if (record?.state.kind !== change.from) return { kind: "refuse", answer: NO_SUCH_UPLOAD };
      const revision = record.revision + 1;
      const changed = encodeUploadRecord({ ...record, state: change.to, revision }, body);
      return { kind: "write", body: changed, result: NO_RESULT };
    },
    bucketEpoch === undefined ? {} : { bucketEpoch },
  );
  if (outcome.kind !== "written") throw new StoreError(outcome.answer);
}

/**
 * After a part was written: resolves when it counts. Otherwise nothing can be said (unknown-outcome):
 * the part is there, and whoever cleans up behind the upload finds it.
 */
export async function confirmPart(
  core: ObjectCore,
  key: Uint8Array,
  { part, replaced }: { part: StoredPart; replaced: boolean },
): Promise<void> {
  try {
    if (replaced) return await changeState(core, key, { from: "open", to: { kind: "open" } });
    const { state } = await readUpload(core, key);
    if (state.kind === "open" || isNamed(state, part)) return;
  } catch (error) {
    throw new StoreError({ code: "unknown-outcome" }, { cause: error });
  }
  throw new StoreError({ code: "unknown-outcome" });
}

/** A completion has found the part: it came before. */
function isNamed(state: UploadState, { number, data }: StoredPart): boolean {
  if (state.kind === "done") {
    return data.kind === "shards" && state.dataIds.some((id) => id.toString("hex") === data.dataId);
  }
  if (state.kind !== "completing") return false;
  const named = state.manifest.parts.find((candidate) => candidate.number === number);
  if (named?.data.kind !== "shards" || data.kind !== "shards") return false;
  return named.data.dataId === data.dataId;
}

/**
 * Before data that parts gave up is deleted: a completion that has read them while they still had it
 * must begin again. Rejects with busy while a completion is under way.
 */
export async function forbidOldParts(core: ObjectCore, key: Uint8Array): Promise<void> {
  const outcome = await core.registers.update<StoreErrorData>(key, (body) => {
    const record = body === undefined ? undefined : decodeUploadRecord(body);
    if (record?.state.kind === "completing") return { kind: "refuse", answer: { code: "busy" } };
    if (record?.state.kind !== "open") return { kind: "keep", answer: NO_SUCH_UPLOAD };
    const changed = encodeUploadRecord({ ...record, revision: record.revision + 1 }, body);
    return { kind: "write", body: changed, result: NO_RESULT };
  });
  if (outcome.kind === "refused") throw new StoreError(outcome.answer);
}
