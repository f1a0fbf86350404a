/**
 * Moves an upload on that nobody moves any more: a completion that was cut off, the parts that a
 * completed or aborted upload leaves behind, an answer that was kept long enough.
 */
import { StoreError, type StoreErrorCode } from "../../base/store-error.ts";
import { parseRegisterKey, partKey } from "../contract/register-keys.ts";
import { finishCompletion, objectKeyOf, uploadIdOf } from "../operations/complete-upload.ts";
import { withPlacesOfNow } from "../operations/manifest-places.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { changeState, readUpload } from "../operations/upload-state.ts";
import { gateName, PARTS_PER_PAGE, partsOf } from "../operations/uploads.ts";
import { decodeObjectRecord, encodeObjectRecord } from "../records/object-record.ts";
import { dataOf } from "../records/record-data.ts";
import {
  decodePartRecord,
  decodeUploadRecord,
  encodePartRecord,
  encodeUploadRecord,
  type UploadRecord,
} from "../records/upload-record.ts";
import { withTrash } from "../records/version-changes.ts";

/** Longer than a part that was under way when its upload was aborted can take to be written. */
const STRAGGLING_PARTS_MS = 60 * 60 * 1000;
const NO_RESULT = new Uint8Array(0);
/** Refusals after which an upload is open again. */
const REOPENING: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  "precondition-failed",
  "no-such-key",
  "object-locked",
  "too-many-versions",
  "quota-exceeded",
]);

export async function advanceUpload(core: ObjectCore, key: Buffer): Promise<void> {
  const record = await readUpload(core, key);
  switch (record.state.kind) {
    case "open":
      return clearRows(core, key);
    case "completing":
      return rollForward(core, key, record);
    case "done": {
      const kept = new Set(record.state.dataIds.map((id) => id.toString("hex")));
      await cleanParts(core, key, kept);
      await forgetCompletion(core, key);
      const dueMs = record.state.dueMs + core.options.completedUploadMs;
      const { result } = record.state;
      return changeState(core, key, { from: "done", to: { kind: "finished", dueMs, result } });
    }
    case "aborted": {
      await cleanParts(core, key, await ownedByObject(core, key));
      const dueMs = core.clock.nowMs() + STRAGGLING_PARTS_MS;
      return changeState(core, key, { from: "aborted", to: { kind: "emptied", dueMs } });
    }
    case "emptied":
    case "finished":
      await cleanParts(core, key, await ownedByObject(core, key));
      return remove(core, key, record.state.kind);
  }
}

/** The completion goes on where it stopped; without its bucket it never happened. */
async function rollForward(core: ObjectCore, key: Buffer, record: UploadRecord): Promise<void> {
  const parsed = parseRegisterKey(key);
  if (parsed?.kind !== "upload") return;
  const bucket = { name: record.bucketName, id: parsed.bucketId };
  try {
    await core.quotas.charging(bucket, undefined, (charge) =>
      core.buckets.commit(bucket, (entry) =>
        core.uploadGate.close(gateName(key), async () => {
          const found = await readUpload(core, key);
          const current = await withPlacesOfNow(core, key, found, {});
          if (current.state.kind === "completing") {
            await finishCompletion(core, { bucket: entry, key, record: current, charge });
          }
        }),
      ),
    );
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // To this node a new bucket of the name looks like a change of the old one.
    const gone = error.code === "stale-bucket" && (await core.buckets.isGone(bucket));
    if (gone || error.code === "no-such-bucket") return giveUp(core, key);
    // Its condition does not hold: the upload is open again.
    if (!REOPENING.has(error.code)) throw error;
  }
}

function giveUp(core: ObjectCore, key: Buffer): Promise<void> {
  return core.uploadGate.close(gateName(key), () =>
    changeState(core, key, {
      from: "completing",
      to: { kind: "aborted", dueMs: core.clock.nowMs() },
    }),
  );
}

/** Parts give up their data, but for what the object owns now; their records go with it. */
async function cleanParts(core: ObjectCore, key: Buffer, kept: ReadonlySet<string>): Promise<void> {
  for await (const { part } of partsOf(core, key, { after: 0, pageRows: PARTS_PER_PAGE })) {
    await core.registers.update(partKey(key, part.number), (body) => {
      const before = decodePartRecord(body);
      if (body === undefined || before.part === undefined) {
        return { kind: "keep", answer: undefined };
      }
      const { data } = before.part;
      const unused = data.kind === "shards" && !kept.has(data.dataId) ? [data] : [];
      // A part that came too late may have given up what the completion had named.
      const own = before.trash.filter((item) => !kept.has(item.data.dataId));
      const trash = withTrash(own, unused, core.clock.nowMs());
      const record = { ...before, part: undefined, degraded: false, trash };
      return { kind: "write", body: encodePartRecord(record, body), result: NO_RESULT };
    });
  }
}

/**
 * Data of the object, which may be that of parts of an upload that was not completed in the end: one
 * node found that a condition did not hold and opened the upload again, while what another one had
 * begun of the same completion took effect after all. The update prepares the object's register, so
 * that nothing that was begun earlier can take effect from here on.
 */
async function ownedByObject(core: ObjectCore, key: Buffer): Promise<ReadonlySet<string>> {
  const objectKey = objectKeyOf(key);
  let owned = new Set<string>();
  await core.registers.update(objectKey, (body) => {
    owned = new Set(dataOf(objectKey, body).map(({ data }) => data.dataId));
    return { kind: "keep", answer: undefined };
  });
  return owned;
}

/** The upload's record says by itself now that it is complete. */
async function forgetCompletion(core: ObjectCore, key: Buffer): Promise<void> {
  const uploadId = uploadIdOf(key);
  await core.registers.update(objectKeyOf(key), (body) => {
    const record = decodeObjectRecord(body);
    const completed = record.completed.filter((id) => !id.equals(uploadId));
    if (completed.length === record.completed.length) return { kind: "keep", answer: undefined };
    const changed = encodeObjectRecord({ ...record, completed }, body);
    return { kind: "write", body: changed, result: NO_RESULT };
  });
}

async function remove(
  core: ObjectCore,
  key: Buffer,
  from: UploadRecord["state"]["kind"],
): Promise<void> {
  await core.registers.update(key, (body) => {
    const record = body === undefined ? undefined : decodeUploadRecord(body);
    if (record?.state.kind !== from) return { kind: "keep", answer: undefined };
    return { kind: "write", body: undefined, result: NO_RESULT };
  });
}

/** A row that leads to an open upload has no reason to be there. */
async function clearRows(core: ObjectCore, key: Buffer): Promise<void> {
  await core.registers.update(key, (body) => {
    const record = body === undefined ? undefined : decodeUploadRecord(body);
    if (record?.state.kind !== "open") return { kind: "keep", answer: undefined };
    const changed = encodeUploadRecord(record, "clear-rows");
    return { kind: "write", body: changed, result: NO_RESULT };
  });
}
