/**
 * Deletes the data that a record has given up, when it is due, and then takes it out of the record.
 * In this order: a crash between leaves an item whose shards are gone, and dropping is repeatable.
 *
 * An item stays until every drive that holds a shard of it has answered: a drive that is away loses
 * its shards when it comes back, not never.
 */
import type { DataId } from "../../base/ids.ts";
import type { Drive } from "../../store/drive.ts";
import { uploadKeyOfPart } from "../contract/register-keys.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { forbidOldParts } from "../operations/upload-state.ts";
import {
  decodeObjectRecord,
  encodeObjectRecord,
  type TrashItem,
} from "../records/object-record.ts";
import { type RecordBase, readRecordHead } from "../records/record-head.ts";
import {
  decodePartRecord,
  decodeUploadRecord,
  encodePartRecord,
} from "../records/upload-record.ts";

export type TrashDrive = Pick<Drive, "id" | "index" | "dropShard">;

export interface TrashModules {
  readonly core: ObjectCore;
  driveAt(index: number): TrashDrive | undefined;
}

/** Before a drive that is away is asked again: each time costs a write, and this is only garbage. */
const RETRY_MS = 6 * 60 * 60_000;
const NO_RESULT = new Uint8Array(0);

export async function emptyObjectTrash(modules: TrashModules, key: Buffer): Promise<void> {
  const { core } = modules;
  const record = decodeObjectRecord(await core.registers.read(key));
  const outcome = await dropDue(modules, record.trash, () => Promise.resolve(true));
  await core.registers.update(key, (body) => {
    if (body === undefined) return { kind: "keep", answer: undefined };
    const current = decodeObjectRecord(body);
    const trash = without(current.trash, outcome);
    const changed = encodeObjectRecord({ ...current, trash }, baseOf(body, outcome));
    return { kind: "write", body: changed, result: NO_RESULT };
  });
}

/** A part's old data may have been named by a completion, before it was replaced: then it stays. */
export async function emptyPartTrash(modules: TrashModules, key: Buffer): Promise<void> {
  const { core } = modules;
  const record = decodePartRecord(await core.registers.read(key));
  if (record.trash.length > 0) await forbidOldParts(core, uploadKeyOfPart(key));
  const named = await namedByUpload(core, uploadKeyOfPart(key));
  const outcome = await dropDue(modules, record.trash, (dataId) =>
    Promise.resolve(!named.has(dataId)),
  );
  await core.registers.update(key, (body) => {
    if (body === undefined) return { kind: "keep", answer: undefined };
    const current = decodePartRecord(body);
    const trash = without(current.trash, outcome);
    const changed = encodePartRecord({ ...current, trash }, baseOf(body, outcome));
    return { kind: "write", body: changed, result: NO_RESULT };
  });
}

/** Data that the upload's completion has given, or is about to give, to the object. */
export async function namedByUpload(core: ObjectCore, uploadKey: Buffer): Promise<Set<string>> {
  const body = await core.registers.read(uploadKey);
  if (body === undefined) return new Set();
  const { state } = decodeUploadRecord(body);
  if (state.kind === "done") return new Set(state.dataIds.map((id) => id.toString("hex")));
  if (state.kind !== "completing") return new Set();
  const { parts } = state.manifest;
  return new Set(parts.flatMap(({ data }) => (data.kind === "shards" ? [data.dataId] : [])));
}

interface DropOutcome {
  /** Items to take out of the record. */
  readonly gone: ReadonlySet<DataId>;
  /** Items that have to wait for a drive. */
  readonly postponed: ReadonlyMap<DataId, number>;
}

async function dropDue(
  modules: TrashModules,
  trash: readonly TrashItem[],
  mayDrop: (dataId: DataId) => Promise<boolean>,
): Promise<DropOutcome> {
  const nowMs = modules.core.clock.nowMs();
  const gone = new Set<DataId>();
  const postponed = new Map<DataId, number>();
  for (const { data, dueMs } of trash) {
    if (dueMs > nowMs) continue;
    const done = !(await mayDrop(data.dataId)) || (await dropShards(modules, data));
    if (done) gone.add(data.dataId);
    else postponed.set(data.dataId, nowMs + RETRY_MS);
  }
  return { gone, postponed };
}

/** True when no drive of the item holds a shard of it any more. */
export async function dropShards(
  modules: Pick<TrashModules, "driveAt">,
  data: TrashItem["data"],
): Promise<boolean> {
  const replies = await Promise.all(
    data.drives.map((index, slot) => modules.driveAt(index)?.dropShard(data.dataId, slot)),
  );
  return replies.every((reply) => reply?.ok === true);
}

function without(trash: readonly TrashItem[], outcome: DropOutcome): TrashItem[] {
  const left: TrashItem[] = [];
  for (const item of trash) {
    if (outcome.gone.has(item.data.dataId)) continue;
    const dueMs = outcome.postponed.get(item.data.dataId);
    left.push(dueMs === undefined ? item : { ...item, dueMs });
  }
  return left;
}

/** A row that was followed in vain has no reason to be there. */
function baseOf(body: Uint8Array, outcome: DropOutcome): RecordBase {
  const vain = outcome.gone.size === 0 && outcome.postponed.size === 0;
  return vain && readRecordHead(body).dueMs === 0 ? "clear-rows" : body;
}
