/** The sharded data that a record refers to, and the record with some of it replaced. Pure. */
import type { DataId } from "../../base/ids.ts";
import type { Data, ShardedData, StorageClass } from "../contract/data.ts";
import { PART_TAG } from "../contract/register-keys.ts";
import {
  decodeObjectRecord,
  encodeObjectRecord,
  type ObjectRecord,
  type TrashItem,
} from "./object-record.ts";
import { resealVersion, type StoredContent, type StoredVersion } from "./stored-version.ts";
import { decodePartRecord, encodePartRecord, type PartRecord } from "./upload-record.ts";
import { withTrash } from "./version-changes.ts";

/** One data item of a record, as maintenance sees it. */
export interface RecordData {
  readonly data: ShardedData;
  readonly storageClass: StorageClass;
  /** Meant to have a larger geometry. */
  readonly degraded: boolean;
}

/** What maintenance puts in the place of an item. */
export interface Replacement {
  readonly data: Data;
  /** The old item's shards are to be deleted: the new one is under another id. */
  readonly moved: boolean;
  readonly degraded: boolean;
}

export type Replacements = ReadonlyMap<DataId, Replacement>;

/** Throws StoreError `corrupt`. */
export function dataOf(key: Uint8Array, body: Uint8Array | undefined): RecordData[] {
  if (body === undefined) return [];
  if (key[0] === PART_TAG) {
    const { part, degraded, storageClass } = decodePartRecord(body);
    if (part?.data.kind !== "shards") return [];
    return [{ data: part.data, storageClass, degraded }];
  }
  return decodeObjectRecord(body).versions.flatMap((version) =>
    version.sharded
      ? version.shards().map((data) => ({
          data,
          storageClass: version.storageClass,
          degraded: version.degraded,
        }))
      : [],
  );
}

/** The record's new body, or undefined when it refers to none of the items any more. */
export function replaceData(
  key: Uint8Array,
  body: Uint8Array,
  replacements: Replacements,
  trashDueMs: number,
): Buffer | undefined {
  const found = dataOf(key, body).filter(({ data }) => replacements.has(data.dataId));
  if (found.length === 0) return undefined;
  const moved = found.flatMap(({ data }) =>
    replacements.get(data.dataId)?.moved === true ? [data] : [],
  );
  const trashed = (trash: readonly TrashItem[]) => withTrash(trash, moved, trashDueMs);
  if (key[0] === PART_TAG) {
    const record = decodePartRecord(body);
    const changed = { ...inPart(record, replacements), trash: trashed(record.trash) };
    return encodePartRecord(changed, body);
  }
  const record: ObjectRecord = decodeObjectRecord(body);
  return encodeObjectRecord(
    {
      ...record,
      versions: record.versions.map((version) => inVersion(version, replacements)),
      trash: trashed(record.trash),
    },
    body,
  );
}

/**
 * What the item becomes when some of its slots were changed while others may have changed too: each
 * slot that is still as in `before` becomes as in `after`. Undefined: nothing is left to change.
 */
export function mergeShards(
  current: ShardedData,
  before: ShardedData,
  after: ShardedData,
): ShardedData | undefined {
  const drives = [...current.drives];
  let { missing } = current;
  let changed = false;
  for (let slot = 0; slot < drives.length; slot++) {
    const bit = 1 << slot;
    const isNews = !isSameSlot(before, after, slot);
    if (!isNews || !isSameSlot(current, before, slot)) continue;
    drives[slot] = after.drives[slot] ?? 0;
    missing = (missing & ~bit) | (after.missing & bit);
    changed = true;
  }
  return changed ? { ...current, drives, missing } : undefined;
}

function isSameSlot(one: ShardedData, other: ShardedData, slot: number): boolean {
  const same = one.drives[slot] === other.drives[slot];
  return same && ((one.missing ^ other.missing) & (1 << slot)) === 0;
}

/** The same record, taking away rows that should not be there. */
export function withClearedRows(key: Uint8Array, body: Uint8Array): Buffer | undefined {
  return key[0] === PART_TAG
    ? encodePartRecord(decodePartRecord(body), "clear-rows")
    : encodeObjectRecord(decodeObjectRecord(body), "clear-rows");
}

function inPart(record: PartRecord, replacements: Replacements): PartRecord {
  const { part } = record;
  if (part?.data.kind !== "shards") return record;
  const replacement = replacements.get(part.data.dataId);
  if (replacement === undefined) return record;
  return { ...record, part: { ...part, data: replacement.data }, degraded: replacement.degraded };
}

function inVersion(version: StoredVersion, replacements: Replacements): StoredVersion {
  if (!version.sharded) return version;
  const before = version.shards();
  const touched = before.filter(({ dataId }) => replacements.has(dataId));
  if (touched.length === 0) return version;
  const { content } = version.meta();
  // Strong again only when nothing in it is weak any more.
  const degraded = before.some(({ dataId }) => {
    const replacement = replacements.get(dataId);
    return replacement === undefined ? version.degraded : replacement.degraded;
  });
  return resealVersion(version, { content: inContent(content, replacements), degraded });
}

function inContent(content: StoredContent, replacements: Replacements): StoredContent {
  const replaced = (data: Data): Data =>
    data.kind === "shards" ? (replacements.get(data.dataId)?.data ?? data) : data;
  if (content === undefined) return undefined;
  if (content.kind !== "parts") return replaced(content);
  const parts = content.parts.map((part) => ({ ...part, data: replaced(part.data) }));
  return { kind: "parts", parts };
}
