/**
 * What a write or a delete makes of an object's record, in each state of versioning. Pure functions
 * over records: no clock, no registers, so that the tables of the S3 documentation can be tested as
 * they stand.
 *
 * Delete markers are made whenever AWS makes one, also over another marker or over nothing.
 */
import type { ShardedData } from "../contract/data.ts";
import type { VersioningState } from "../contract/object-store.ts";
import { hasId, type ObjectRecord, type TrashItem, VERSIONS_MAX } from "./object-record.ts";
import {
  type StoredVersion,
  sealDeleteMarker,
  sealVersion,
  type VersionDraft,
} from "./stored-version.ts";

export interface ChangeContext {
  readonly versioning: VersioningState;
  readonly bucketEpoch: number;
  readonly nowMs: number;
  /** When data taken out now may be deleted. */
  readonly dueMs: number;
}

export interface RecordChange {
  readonly record: ObjectRecord;
  /** The version added or removed; undefined when nothing changed. */
  readonly version: StoredVersion | undefined;
}

/** Undefined when the key has as many versions as it may have. */
export function addVersion(
  record: ObjectRecord,
  draft: VersionDraft,
  mintId: () => Buffer,
  context: ChangeContext,
): RecordChange | undefined {
  const mtimeMs = draft.mtimeMs ?? timeAfter(record, context.nowMs);
  const id = context.versioning === "enabled" ? mintId() : undefined;
  return push(record, sealVersion(draft, id, mtimeMs), context);
}

/** DELETE without a version id: takes the object away, or hides it behind a delete marker. */
export function deleteLatest(
  record: ObjectRecord,
  mintId: () => Buffer,
  context: ChangeContext & { readonly mtimeMs?: number | undefined },
): RecordChange | undefined {
  if (context.versioning === "unversioned") return deleteVersion(record, undefined, context);
  const id = context.versioning === "enabled" ? mintId() : undefined;
  const mtimeMs = context.mtimeMs ?? timeAfter(record, context.nowMs);
  return push(record, sealDeleteMarker(id, mtimeMs), context);
}

/** DELETE of one version (undefined: the null version), for ever. */
export function deleteVersion(
  record: ObjectRecord,
  id: Buffer | undefined,
  context: ChangeContext,
): RecordChange {
  const removed = record.versions.find((version) => hasId(version, id));
  if (removed === undefined) return { record, version: undefined };
  return {
    record: {
      ...record,
      bucketEpoch: context.bucketEpoch,
      versions: record.versions.filter((version) => version !== removed),
      trash: withTrash(record.trash, removed.shards(), context.dueMs),
    },
    version: removed,
  };
}

/** The record with `changed` in the place of the version with the same id. */
export function replaceVersion(record: ObjectRecord, changed: StoredVersion): ObjectRecord {
  const id = changed.isNull ? undefined : changed.id;
  return {
    ...record,
    versions: record.versions.map((version) => (hasId(version, id) ? changed : version)),
  };
}

export function withTrash(
  trash: readonly TrashItem[],
  items: readonly ShardedData[],
  dueMs: number,
): readonly TrashItem[] {
  return items.length === 0 ? trash : [...trash, ...items.map((data) => ({ data, dueMs }))];
}

/** A new null version replaces the old one, wherever that stands. */
function push(
  record: ObjectRecord,
  version: StoredVersion,
  context: ChangeContext,
): RecordChange | undefined {
  const base = version.isNull ? deleteVersion(record, undefined, context).record : record;
  if (base.versions.length >= VERSIONS_MAX) return undefined;
  return {
    record: {
      ...base,
      bucketEpoch: context.bucketEpoch,
      versions: [version, ...base.versions],
    },
    version,
  };
}

/** Times of one key never go back, whatever the clock does. */
function timeAfter(record: ObjectRecord, nowMs: number): number {
  return Math.max(nowMs, record.versions[0]?.mtimeMs ?? 0);
}
