/**
 * One version of an object as bytes: a summary of fixed length, which listings copy as it stands,
 * then the rest in msgpack, then the content when it is small. Fields of the summary are read in
 * place; the rest is decoded only when asked for. See docs/FORMATS.md "Object record".
 */
import { ID_BYTES } from "../../base/ids.ts";
import { takeShortLived } from "../../base/short-lived.ts";
import type { Data, ShardedData, StorageClass } from "../contract/data.ts";
import type { StoredHeaders } from "../contract/object-store.ts";
import {
  ETAG_BYTES,
  packChecksum,
  packHeaders,
  packPart,
  packShards,
  type StoredChecksum,
  type StoredPart,
  unpackChecksum,
  unpackHeaders,
  unpackPart,
  unpackShards,
} from "./data-descriptor.ts";
import { HEALTHY, urgencyOf } from "./data-health.ts";
import {
  packEncryption,
  type StoredEncryption,
  unpackEncryption,
} from "./encryption-descriptor.ts";
import { asList, corrupt, pack, U48_BYTES, U48_MAX, unpackArray } from "./record-bytes.ts";
import { formatVersionId, NULL_VERSION_ID, timeOfId } from "./version-id.ts";

const FLAG_DELETE_MARKER = 1;
const FLAG_NULL = 2;
const FLAG_REDUCED_REDUNDANCY = 4;
/** Written with fewer slots than the node has drives for: to be encoded anew. */
const FLAG_DEGRADED = 8;
/** Its bytes are in shards on drives, not in the record. */
const FLAG_SHARDED = 16;

const FLAGS_AT = 0;
const URGENCY_AT = 1;
const ID_AT = 2;
const MTIME_AT = ID_AT + ID_BYTES;
const BYTES_AT = MTIME_AT + U48_BYTES;
const PARTS_AT = BYTES_AT + U48_BYTES;
const ETAG_AT = PARTS_AT + 2;
/** What a listing row keeps of a version. */
export const SUMMARY_BYTES = ETAG_AT + ETAG_BYTES;
const META_LENGTH_AT = SUMMARY_BYTES;
const META_AT = META_LENGTH_AT + 4;

/** Where the bytes of a version are; undefined for a delete marker. */
export type StoredContent =
  | Data
  | { readonly kind: "parts"; readonly parts: readonly StoredPart[] }
  | undefined;

export interface VersionMeta {
  readonly headers: StoredHeaders;
  /** Sealed when the object is encrypted. */
  readonly checksum: StoredChecksum | undefined;
  readonly content: StoredContent;
  readonly encryption?: StoredEncryption | undefined;
}

/** A version before its id and its time are known. */
export interface VersionDraft extends VersionMeta {
  readonly storageClass: StorageClass;
  readonly bytes: number;
  readonly etag: Uint8Array;
  /** The data has a smaller geometry than the node's drives allow when all are there. */
  readonly degraded: boolean;
  /** The time that a trusted writer brings along; otherwise that of the commit. */
  readonly mtimeMs?: number | undefined;
}

/** Reads the summary at the start of `bytes`: a version's own, or a listing row's copy of it. */
export class VersionSummary {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get deleteMarker(): boolean {
    return (this.#flags & FLAG_DELETE_MARKER) !== 0;
  }

  get isNull(): boolean {
    return (this.#flags & FLAG_NULL) !== 0;
  }

  get storageClass(): StorageClass {
    return (this.#flags & FLAG_REDUCED_REDUNDANCY) === 0 ? "STANDARD" : "REDUCED_REDUNDANCY";
  }

  get degraded(): boolean {
    return (this.#flags & FLAG_DEGRADED) !== 0;
  }

  /** Some of its bytes are in shards on drives. */
  get sharded(): boolean {
    return (this.#flags & FLAG_SHARDED) !== 0;
  }

  /** Shards that may still be lost, or HEALTHY. */
  get urgency(): number {
    return this.bytes[URGENCY_AT] ?? HEALTHY;
  }

  /** Sixteen bytes; zeros for the null version. */
  get id(): Buffer {
    return this.bytes.subarray(ID_AT, ID_AT + ID_BYTES);
  }

  get versionId(): string {
    return formatVersionId(this.isNull ? undefined : this.id);
  }

  get mtimeMs(): number {
    return this.bytes.readUIntBE(MTIME_AT, U48_BYTES);
  }

  /** When it came to stand here, whatever time it was given. */
  get writtenMs(): number {
    return this.isNull ? this.mtimeMs : Math.max(this.mtimeMs, timeOfId(this.id));
  }

  get contentBytes(): number {
    return this.bytes.readUIntBE(BYTES_AT, U48_BYTES);
  }

  /** How many parts it was completed from; 0 when it was put whole. */
  get partCount(): number {
    return this.bytes.readUInt16BE(PARTS_AT);
  }

  /** As clients see it, without quotes; empty for a delete marker. */
  get etag(): string {
    if (this.deleteMarker) return "";
    const hex = this.bytes.toString("hex", ETAG_AT, ETAG_AT + ETAG_BYTES);
    const parts = this.partCount;
    return parts === 0 ? hex : `${hex}-${parts}`;
  }

  get #flags(): number {
    return this.bytes[FLAGS_AT] ?? 0;
  }
}

/** A version as it stands in a record. */
export class StoredVersion extends VersionSummary {
  #meta: VersionMeta | undefined;

  /** Decoded at the first call; throws StoreError `corrupt`. */
  meta(): VersionMeta {
    this.#meta ??= this.#decodeMeta();
    return this.#meta;
  }

  /** The sharded data items this version refers to. */
  shards(): ShardedData[] {
    return shardsOf(this.meta().content);
  }

  #decodeMeta(): VersionMeta {
    const metaEnd = META_AT + this.bytes.readUInt32BE(META_LENGTH_AT);
    if (metaEnd > this.bytes.length) throw corrupt("object version: ends inside its fields");
    const fields = unpackArray(this.bytes.subarray(META_AT, metaEnd), "object version");
    return {
      headers: unpackHeaders(fields[0]),
      checksum: unpackChecksum(fields[1]),
      content: this.#decodeContent(fields[2], metaEnd),
      encryption: unpackEncryption(fields[3]),
    };
  }

  #decodeContent(field: unknown, metaEnd: number): StoredContent {
    if (this.deleteMarker) return undefined;
    if (field === null) return { kind: "inline", content: this.bytes.subarray(metaEnd) };
    if (this.partCount === 0) return unpackShards(field);
    return { kind: "parts", parts: asList(field, "parts").map(unpackPart) };
  }
}

/** The stored form of a draft under an id (undefined: the null version) and a time. */
export function sealVersion(
  draft: VersionDraft,
  id: Uint8Array | undefined,
  mtimeMs: number,
): StoredVersion {
  const { content, encryption } = draft;
  const fields = [packHeaders(draft.headers), packChecksum(draft.checksum), packContent(content)];
  if (encryption !== undefined) fields.push(packEncryption(encryption));
  const meta = pack(fields);
  const inline = content?.kind === "inline" ? content.content : undefined;
  const bytes = takeShortLived(META_AT + meta.length + (inline?.length ?? 0));
  const marker = content === undefined ? FLAG_DELETE_MARKER : 0;
  const nullFlag = id === undefined ? FLAG_NULL : 0;
  const reduced = draft.storageClass === "STANDARD" ? 0 : FLAG_REDUCED_REDUNDANCY;
  const degraded = draft.degraded ? FLAG_DEGRADED : 0;
  const shards = shardsOf(content);
  const sharded = shards.length > 0 ? FLAG_SHARDED : 0;
  bytes[FLAGS_AT] = marker | nullFlag | reduced | degraded | sharded;
  bytes[URGENCY_AT] = urgencyOf(shards, draft.degraded);
  bytes.set(id ?? NULL_VERSION_ID, ID_AT);
  bytes.writeUIntBE(mtimeMs, MTIME_AT, U48_BYTES);
  bytes.writeUIntBE(Math.min(draft.bytes, U48_MAX), BYTES_AT, U48_BYTES);
  bytes.writeUInt16BE(content?.kind === "parts" ? content.parts.length : 0, PARTS_AT);
  bytes.set(draft.etag, ETAG_AT);
  bytes.writeUInt32BE(meta.length, META_LENGTH_AT);
  bytes.set(meta, META_AT);
  if (inline !== undefined) bytes.set(inline, META_AT + meta.length);
  return new StoredVersion(bytes);
}

const NO_ETAG = new Uint8Array(ETAG_BYTES);

/** A delete marker. */
export function sealDeleteMarker(id: Uint8Array | undefined, mtimeMs: number): StoredVersion {
  const draft: VersionDraft = {
    headers: {},
    checksum: undefined,
    content: undefined,
    storageClass: "STANDARD",
    bytes: 0,
    etag: NO_ETAG,
    degraded: false,
  };
  return sealVersion(draft, id, mtimeMs);
}

/** The same version with other headers or other places of its data. */
export function resealVersion(
  version: StoredVersion,
  change: Partial<VersionMeta & { degraded: boolean }>,
  mtimeMs: number = version.mtimeMs,
): StoredVersion {
  const draft: VersionDraft = {
    ...version.meta(),
    degraded: version.degraded,
    ...change,
    storageClass: version.storageClass,
    bytes: version.contentBytes,
    etag: version.bytes.subarray(ETAG_AT, ETAG_AT + ETAG_BYTES),
  };
  return sealVersion(draft, version.isNull ? undefined : version.id, mtimeMs);
}

/** Checks the length that the summary's getters rely on. */
export function versionOf(bytes: Buffer): StoredVersion {
  if (bytes.length < META_AT) throw corrupt("object version: shorter than its summary");
  return new StoredVersion(bytes);
}

function packContent(content: StoredContent): unknown {
  if (content === undefined || content.kind === "inline") return null;
  return content.kind === "shards" ? packShards(content) : content.parts.map(packPart);
}

/** The sharded data items among the bytes of a version. */
export function shardsOf(content: StoredContent): ShardedData[] {
  if (content === undefined || content.kind === "inline") return [];
  if (content.kind === "shards") return [content];
  return content.parts.flatMap(({ data }) => (data.kind === "shards" ? [data] : []));
}
