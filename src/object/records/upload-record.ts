/**
 * The records of a multipart upload: the upload itself, a state machine, and one record per part.
 *
 *   open ──complete──► completing ──object written──► done ──parts cleaned──► finished ──24 h──► ∅
 *    │  ◄──refused──────┘
 *    └──abort──► aborted ──parts cleaned──► emptied ──1 h, parts cleaned again──► ∅
 *
 * See docs/FORMATS.md "Upload and part records". A part without data and trash is a tombstone.
 */
import { asBuffer } from "../../base/bytes.ts";
import { ID_BYTES } from "../../base/ids.ts";
import type { WriteConditions } from "../contract/conditions.ts";
import type { StorageClass } from "../contract/data.ts";
import type { StoredHeaders } from "../contract/object-store.ts";
import {
  type ChecksumPlan,
  ETAG_BYTES,
  packChecksum,
  packChecksumPlan,
  packHeaders,
  packPart,
  type StoredChecksum,
  type StoredPart,
  unpackChecksum,
  unpackChecksumPlan,
  unpackHeaders,
  unpackPart,
} from "./data-descriptor.ts";
import { HEALTHY, urgencyOf } from "./data-health.ts";
import {
  packEncryption,
  type StoredEncryption,
  unpackEncryption,
} from "./encryption-descriptor.ts";
import { earliestDue, packTrashItem, type TrashItem, unpackTrashItem } from "./object-record.ts";
import {
  asBytes,
  asChoice,
  asCount,
  asList,
  asText,
  corrupt,
  pack,
  unpackArray,
} from "./record-bytes.ts";
import {
  RECORD_HEAD_BYTES,
  type RecordBase,
  type RecordHead,
  readRecordHead,
  writeRecordHead,
} from "./record-head.ts";

export const STORAGE_CLASSES = ["STANDARD", "REDUCED_REDUNDANCY"] as const;
/** How msgpack begins a list of up to 15 values, its length in the other bits. */
const SHORT_LIST = 0x90;
const SHORT_LIST_MASK = 0xf0;
const STATES = ["open", "completing", "done", "finished", "aborted", "emptied"] as const;

/** What a completion is going to write, fixed before it writes anything. */
export interface CompletionManifest {
  /** Digest of the client's list of parts: a retry must ask for the same. */
  readonly request: Uint8Array;
  /** Undefined for the null version. */
  readonly versionId: Uint8Array | undefined;
  readonly etag: Uint8Array;
  readonly bytes: number;
  readonly checksum: StoredChecksum | undefined;
  readonly conditions: WriteConditions;
  readonly parts: readonly StoredPart[];
  readonly degraded: boolean;
  /** Of an encrypted object: see ObjectKeys. */
  readonly partsCheck?: Uint8Array | undefined;
  /** The time that the object is given instead of the commit's. */
  readonly mtimeMs?: number | undefined;
}

/** What a completion answered. */
export interface CompletionResult {
  readonly request: Uint8Array;
  readonly versionId: Uint8Array | undefined;
  /** The bucket had versioning enabled or suspended: the version id is part of the answer. */
  readonly versioned: boolean;
  readonly etag: Uint8Array;
  readonly partCount: number;
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly checksum: StoredChecksum | undefined;
}

export type UploadState =
  | { readonly kind: "open" }
  | { readonly kind: "completing"; readonly dueMs: number; readonly manifest: CompletionManifest }
  /** `dataIds`: data that belongs to the object now; any other data of a part is garbage. */
  | {
      readonly kind: "done";
      readonly dueMs: number;
      readonly result: CompletionResult;
      readonly dataIds: readonly Buffer[];
    }
  | { readonly kind: "finished"; readonly dueMs: number; readonly result: CompletionResult }
  | { readonly kind: "aborted"; readonly dueMs: number }
  /** Aborted, and cleaned once: a part that was under way then may have come later. */
  | { readonly kind: "emptied"; readonly dueMs: number };

export interface UploadRecord {
  /** Of the bucket: whoever finishes a completion must find it. */
  readonly bucketName: string;
  readonly initiatedMs: number;
  readonly headers: StoredHeaders;
  readonly storageClass: StorageClass;
  readonly checksum: ChecksumPlan | undefined;
  readonly state: UploadState;
  /**
   * Raised by every change of state, by every part that replaces another, and before data that a part
   * gave up is deleted: a completion that has read the parts before begins again.
   */
  readonly revision: number;
  readonly encryption?: StoredEncryption | undefined;
}

export interface PartRecord {
  readonly mtimeMs: number;
  readonly part: StoredPart | undefined;
  /** The upload's. */
  readonly storageClass: StorageClass;
  readonly degraded: boolean;
  readonly trash: readonly TrashItem[];
}

export function encodeUploadRecord(record: UploadRecord, base: RecordBase): Buffer {
  const { state, encryption } = record;
  const fields: unknown[] = [
    STATES.indexOf(state.kind),
    record.initiatedMs,
    packHeaders(record.headers),
    STORAGE_CLASSES.indexOf(record.storageClass),
    packChecksumPlan(record.checksum),
    packState(state),
    record.bucketName,
    record.revision,
  ];
  if (encryption !== undefined) fields.push(packEncryption(encryption));
  const dueMs = state.kind === "open" ? 0 : state.dueMs;
  return assemble({ dueMs, urgency: HEALTHY }, fields, base);
}

/** Throws StoreError `corrupt`. */
export function decodeUploadRecord(body: Uint8Array): UploadRecord {
  const { dueMs } = readRecordHead(body);
  const fields = unpackArray(asBuffer(body).subarray(RECORD_HEAD_BYTES), "upload record");
  return {
    bucketName: asText(fields[6], "bucket name"),
    initiatedMs: asCount(fields[1], "initiation time"),
    headers: unpackHeaders(fields[2]),
    storageClass: asChoice(fields[3], STORAGE_CLASSES, "storage class"),
    checksum: unpackChecksumPlan(fields[4]),
    state: unpackState(asChoice(fields[0], STATES, "upload state"), dueMs, fields[5]),
    revision: fields[7] === undefined ? 0 : asCount(fields[7], "revision"),
    encryption: unpackEncryption(fields[8]),
  };
}

/**
 * The state of the upload from the record's first field alone: a state may carry ten thousand parts,
 * which take long to decode. Undefined when it cannot be told.
 */
export function uploadStateKind(body: Uint8Array): UploadState["kind"] | undefined {
  const listHead = body[RECORD_HEAD_BYTES] ?? 0;
  const state = body[RECORD_HEAD_BYTES + 1];
  if ((listHead & SHORT_LIST_MASK) !== SHORT_LIST || state === undefined) return undefined;
  return STATES[state];
}

const EMPTY_PART: PartRecord = {
  mtimeMs: 0,
  part: undefined,
  storageClass: "STANDARD",
  degraded: false,
  trash: [],
};

/** Undefined when the record holds nothing (a tombstone). */
export function encodePartRecord(record: PartRecord, base: RecordBase): Buffer | undefined {
  const { part, trash, mtimeMs, degraded, storageClass } = record;
  if (part === undefined && trash.length === 0) return undefined;
  const shards = part?.data.kind === "shards" ? [part.data] : [];
  const head = { dueMs: earliestDue(trash), urgency: urgencyOf(shards, degraded) };
  const fields = [
    mtimeMs,
    part === undefined ? null : packPart(part),
    degraded,
    trash.map(packTrashItem),
    STORAGE_CLASSES.indexOf(storageClass),
  ];
  return assemble(head, fields, base);
}

/** Throws StoreError `corrupt`. */
export function decodePartRecord(body: Uint8Array | undefined): PartRecord {
  if (body === undefined) return EMPTY_PART;
  readRecordHead(body);
  return decodePartFields(asBuffer(body).subarray(RECORD_HEAD_BYTES));
}

/** A part from what its listing row keeps: the body without its head. */
export function decodePartFields(bytes: Uint8Array): PartRecord {
  const fields = unpackArray(bytes, "part record");
  return {
    mtimeMs: asCount(fields[0], "part time"),
    part: fields[1] === null ? undefined : unpackPart(fields[1]),
    storageClass: asChoice(fields[4], STORAGE_CLASSES, "storage class"),
    degraded: fields[2] === true,
    trash: asList(fields[3], "trash").map(unpackTrashItem),
  };
}

function assemble(head: RecordHead, fields: unknown, base: RecordBase): Buffer {
  const packed = pack(fields);
  const bytes = Buffer.allocUnsafe(RECORD_HEAD_BYTES + packed.length);
  writeRecordHead(bytes, head, base);
  packed.copy(bytes, RECORD_HEAD_BYTES);
  return bytes;
}

function packState(state: UploadState): unknown {
  switch (state.kind) {
    case "open":
    case "aborted":
    case "emptied":
      return null;
    case "completing":
      return packManifest(state.manifest);
    case "done":
      return [packResult(state.result), state.dataIds];
    case "finished":
      return packResult(state.result);
  }
}

function unpackState(kind: (typeof STATES)[number], dueMs: number, value: unknown): UploadState {
  switch (kind) {
    case "open":
      return { kind };
    case "aborted":
    case "emptied":
      return { kind, dueMs };
    case "completing":
      return { kind, dueMs, manifest: unpackManifest(value) };
    case "done": {
      const fields = asList(value, "upload state");
      const dataIds = asList(fields[1], "data ids").map((id) => asBytes(id, "data id", ID_BYTES));
      return { kind, dueMs, result: unpackResult(fields[0]), dataIds };
    }
    case "finished":
      return { kind, dueMs, result: unpackResult(value) };
  }
}

function packManifest(manifest: CompletionManifest): unknown {
  const { conditions, partsCheck, mtimeMs } = manifest;
  const fields = [
    manifest.request,
    manifest.versionId ?? null,
    manifest.etag,
    manifest.bytes,
    packChecksum(manifest.checksum),
    conditions.ifMatch ?? null,
    conditions.ifNoneMatch ?? null,
    manifest.parts.map(packPart),
    manifest.degraded,
  ];
  if (partsCheck === undefined && mtimeMs === undefined) return fields;
  if (mtimeMs === undefined) return [...fields, partsCheck];
  return [...fields, partsCheck ?? null, mtimeMs];
}

function unpackManifest(value: unknown): CompletionManifest {
  const fields = asList(value, "completion");
  const ifMatch = unpackEtags(fields[5]);
  const ifNoneMatch = unpackEtags(fields[6]);
  return {
    request: asBytes(fields[0], "request digest"),
    versionId: fields[1] === null ? undefined : asBytes(fields[1], "version id", ID_BYTES),
    etag: asBytes(fields[2], "etag", ETAG_BYTES),
    bytes: asCount(fields[3], "object bytes"),
    checksum: unpackChecksum(fields[4]),
    conditions: {
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    },
    parts: asList(fields[7], "parts").map(unpackPart),
    degraded: fields[8] === true,
    ...(fields[9] == null ? {} : { partsCheck: asBytes(fields[9], "parts check") }),
    ...(fields[10] === undefined ? {} : { mtimeMs: asCount(fields[10], "object time") }),
  };
}

function unpackEtags(value: unknown): readonly string[] | undefined {
  if (value === null) return undefined;
  return asList(value, "conditions").map((etag) => asText(etag, "etag"));
}

function packResult(result: CompletionResult): unknown {
  return [
    result.request,
    result.versionId ?? null,
    result.versioned,
    result.etag,
    result.partCount,
    result.bytes,
    result.mtimeMs,
    packChecksum(result.checksum),
  ];
}

function unpackResult(value: unknown): CompletionResult {
  const fields = asList(value, "completion result");
  if (typeof fields[2] !== "boolean") throw corrupt("completion result: versioned");
  return {
    request: asBytes(fields[0], "request digest"),
    versionId: fields[1] === null ? undefined : asBytes(fields[1], "version id", ID_BYTES),
    versioned: fields[2],
    etag: asBytes(fields[3], "etag", ETAG_BYTES),
    partCount: asCount(fields[4], "part count"),
    bytes: asCount(fields[5], "object bytes"),
    mtimeMs: asCount(fields[6], "object time"),
    checksum: unpackChecksum(fields[7]),
  };
}
