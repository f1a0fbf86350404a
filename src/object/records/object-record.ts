/**
 * The record of an object key: all its versions, newest first, the data items that earlier changes
 * took out and that still have to be deleted, and the uploads completed into it whose outcome is not
 * yet written down in their own record. See docs/FORMATS.md "Object record".
 *
 * A record that holds nothing is encoded as no body at all: a tombstone.
 */
import { asBuffer } from "../../base/bytes.ts";
import { ID_BYTES } from "../../base/ids.ts";
import { takeShortLived } from "../../base/short-lived.ts";
import type { ShardedData } from "../contract/data.ts";
import { packShards, unpackShards } from "./data-descriptor.ts";
import { HEALTHY } from "./data-health.ts";
import { asBytes, asCount, asList, corrupt, pack, unpackArray } from "./record-bytes.ts";
import {
  RECORD_HEAD_BYTES,
  type RecordBase,
  readRecordHead,
  writeRecordHead,
} from "./record-head.ts";
import { type StoredVersion, versionOf } from "./stored-version.ts";

export const VERSIONS_MAX = 10_000;

/** Data that no version refers to any more, on its way to deletion. */
export interface TrashItem {
  readonly data: ShardedData;
  /** When it may be deleted; until then, running reads of it go on. */
  readonly dueMs: number;
}

export interface ObjectRecord {
  readonly bucketEpoch: number;
  readonly versions: readonly StoredVersion[];
  readonly trash: readonly TrashItem[];
  /** Ids of uploads whose completion is part of this record and not yet acknowledged by them. */
  readonly completed: readonly Buffer[];
}

export const EMPTY_RECORD: ObjectRecord = {
  bucketEpoch: 0,
  versions: [],
  trash: [],
  completed: [],
};

const EPOCH_AT = RECORD_HEAD_BYTES;
const AUX_LENGTH_AT = EPOCH_AT + 4;
const COUNT_AT = AUX_LENGTH_AT + 4;
const HEADER_BYTES = COUNT_AT + 4;

/** The versions one by one, newest first, nothing decoded ahead. Throws StoreError `corrupt`. */
export function* eachVersion(body: Uint8Array): Generator<StoredVersion, void, undefined> {
  const source = asBuffer(body);
  readRecordHead(source);
  if (source.length < HEADER_BYTES) throw corrupt("object record: shorter than its header");
  const count = source.readUInt32BE(COUNT_AT);
  let offset = HEADER_BYTES + source.readUInt32BE(AUX_LENGTH_AT);
  for (let index = 0; index < count; index++) {
    const version = versionAt(source, offset);
    yield version;
    offset += 4 + version.bytes.length;
  }
  if (offset !== source.length) throw corrupt("object record: something follows its versions");
}

function versionAt(source: Buffer, offset: number): StoredVersion {
  if (offset + 4 > source.length) throw corrupt("object record: ends before a version");
  const end = offset + 4 + source.readUInt32BE(offset);
  if (end > source.length) throw corrupt("object record: ends inside a version");
  return versionOf(source.subarray(offset + 4, end));
}

/** The newest version, without looking at the others. */
export function latestVersion(body: Uint8Array): StoredVersion | undefined {
  const source = asBuffer(body);
  readRecordHead(source);
  if (source.length < HEADER_BYTES) throw corrupt("object record: shorter than its header");
  if (source.readUInt32BE(COUNT_AT) === 0) return undefined;
  return versionAt(source, HEADER_BYTES + source.readUInt32BE(AUX_LENGTH_AT));
}

/** A version by id; undefined asks for the null version. */
export function findVersion(
  body: Uint8Array,
  id: Buffer | undefined,
): { version: StoredVersion; isLatest: boolean } | undefined {
  let isLatest = true;
  for (const version of eachVersion(body)) {
    if (hasId(version, id)) return { version, isLatest };
    isLatest = false;
  }
  return undefined;
}

export function hasId(version: StoredVersion, id: Buffer | undefined): boolean {
  return id === undefined ? version.isNull : !version.isNull && version.id.equals(id);
}

/** Undefined stands for no record. Throws StoreError `corrupt`. */
export function decodeObjectRecord(body: Uint8Array | undefined): ObjectRecord {
  if (body === undefined) return EMPTY_RECORD;
  const versions = [...eachVersion(body)];
  const source = asBuffer(body);
  const auxBytes = source.readUInt32BE(AUX_LENGTH_AT);
  const bucketEpoch = source.readUInt32BE(EPOCH_AT);
  if (auxBytes === 0) return { bucketEpoch, versions, trash: [], completed: [] };
  const aux = unpackArray(source.subarray(HEADER_BYTES, HEADER_BYTES + auxBytes), "object record");
  return {
    bucketEpoch,
    versions,
    trash: asList(aux[0], "trash").map(unpackTrashItem),
    completed: asList(aux[1], "completed uploads").map((id) => asBytes(id, "upload id", ID_BYTES)),
  };
}

/** The bytes of a record that replaces `base`; undefined when it holds nothing (a tombstone). */
export function encodeObjectRecord(record: ObjectRecord, base: RecordBase): Buffer | undefined {
  const { versions, trash, completed } = record;
  if (versions.length === 0 && trash.length === 0 && completed.length === 0) return undefined;
  const aux =
    trash.length === 0 && completed.length === 0
      ? undefined
      : pack([trash.map(packTrashItem), completed]);
  let length = HEADER_BYTES + (aux?.length ?? 0);
  let urgency = HEALTHY;
  for (const version of versions) {
    length += 4 + version.bytes.length;
    urgency = Math.min(urgency, version.urgency);
  }
  const bytes = takeShortLived(length);
  writeRecordHead(bytes, { dueMs: earliestDue(trash), urgency }, base);
  bytes.writeUInt32BE(record.bucketEpoch, EPOCH_AT);
  bytes.writeUInt32BE(aux?.length ?? 0, AUX_LENGTH_AT);
  bytes.writeUInt32BE(versions.length, COUNT_AT);
  let offset = HEADER_BYTES;
  if (aux !== undefined) offset += aux.copy(bytes, offset);
  for (const version of versions) {
    offset = bytes.writeUInt32BE(version.bytes.length, offset);
    offset += version.bytes.copy(bytes, offset);
  }
  return bytes;
}

/** The time of the first deletion that is due; 0 when there is nothing to delete. */
export function earliestDue(trash: readonly TrashItem[]): number {
  let due = 0;
  for (const item of trash) if (due === 0 || item.dueMs < due) due = item.dueMs;
  return due;
}

export function packTrashItem(item: TrashItem): unknown {
  return [packShards(item.data), item.dueMs];
}

export function unpackTrashItem(value: unknown): TrashItem {
  const fields = asList(value, "trash item");
  return { data: unpackShards(fields[0]), dueMs: asCount(fields[1], "due time") };
}
