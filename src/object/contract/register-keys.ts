/**
 * Keys of the registers: which bytes name the record of a bucket, an object, an upload, a part.
 *
 * A key begins with its head (a type byte, and for everything inside a bucket the bucket's id and
 * the shard), so that one shard of a bucket is one run of keys in key order. A part's key contains
 * its upload's and its object's key: from any key alone every record around it can be found.
 * See docs/FORMATS.md "Register keys".
 */
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { hashBytes } from "../../base/hash.ts";
import { type BucketId, ID_BYTES } from "../../base/ids.ts";
import { REGISTER_KEY_BYTES_MAX } from "../../base/register-cell.ts";
import { StoreError } from "../../base/store-error.ts";

/** Longest object key, in bytes of UTF-8, as in S3. */
export const OBJECT_KEY_BYTES_MAX = 1024;
/** Type, bucket id, shard: the beginning of all keys inside a bucket. */
export const HEAD_BYTES = 1 + ID_BYTES + 2;
export const SHARDS_MAX = 1024;
export const PART_NUMBER_MAX = 10_000;

export const BUCKET_TAG = 0x62;
export const OBJECT_TAG = 0x6f;
export const UPLOAD_TAG = 0x75;
export const PART_TAG = 0x70;
/** Records of the deployment itself (identities), which lie in no bucket. */
export const SYSTEM_TAG = 0x73;
/** The one record that says who belongs to the cluster. */
export const CLUSTER_KEY: Uint8Array = Uint8Array.of(0x63);

const ESCAPED = 0x00;
const ESCAPED_ZERO = 0xff;
const TERMINATOR = 0x01;
const TERMINATOR_BYTES = 2;
const PART_NUMBER_BYTES = 2;

/** Where the records of a bucket live. */
export interface BucketPlace {
  readonly id: BucketId;
  /** A power of two. */
  readonly shards: number;
}

export type ParsedKey =
  | { readonly kind: "bucket"; readonly name: string }
  | { readonly kind: "system"; readonly name: string }
  | { readonly kind: "object"; readonly bucketId: BucketId; readonly key: Buffer }
  | {
      readonly kind: "upload";
      readonly bucketId: BucketId;
      readonly key: Buffer;
      readonly uploadId: Buffer;
    }
  | {
      readonly kind: "part";
      readonly bucketId: BucketId;
      readonly key: Buffer;
      readonly uploadId: Buffer;
      readonly partNumber: number;
    };

/** Which of a bucket's shards holds an object key. */
export function shardOf(keyBytes: Uint8Array, shards: number): number {
  return hashBytes(keyBytes) & (shards - 1);
}

/**
 * What decides where a register's replicas are: keys with equal placement share them. All buckets
 * have one placement; inside a bucket it is bucket id and shard, so that an object, its uploads and
 * their parts lie together.
 */
export function placementHead(registerKey: Uint8Array): Uint8Array {
  const tag = registerKey[0];
  return tag === BUCKET_TAG || tag === SYSTEM_TAG
    ? registerKey.subarray(0, 1)
    : registerKey.subarray(1, HEAD_BYTES);
}

export function headOf(tag: number, bucketId: BucketId, shard: number): Buffer {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  writeHead(head, tag, bucketId, shard);
  return head;
}

/** The heads of all shards of a bucket, in shard order. */
export function headsOf(tag: number, bucket: BucketPlace): Buffer[] {
  const heads: Buffer[] = [];
  for (let shard = 0; shard < bucket.shards; shard++) heads.push(headOf(tag, bucket.id, shard));
  return heads;
}

export function bucketKey(name: string): Buffer {
  return namedKey(BUCKET_TAG, name);
}

export function systemKey(name: string): Buffer {
  return namedKey(SYSTEM_TAG, name);
}

function namedKey(tag: number, name: string): Buffer {
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(name));
  key[0] = tag;
  key.write(name, 1);
  return key;
}

export function objectKey(bucket: BucketPlace, key: string): Buffer {
  const bytes = checkedKeyBytes(key);
  const registerKey = Buffer.allocUnsafe(HEAD_BYTES + bytes.length);
  writeHead(registerKey, OBJECT_TAG, bucket.id, shardOf(bytes, bucket.shards));
  bytes.copy(registerKey, HEAD_BYTES);
  return registerKey;
}

/** The register of the object whose upload or part has this key. */
export function objectKeyBeside(registerKey: Uint8Array, keyBytes: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(HEAD_BYTES + keyBytes.length);
  key.set(registerKey.subarray(0, HEAD_BYTES));
  key[0] = OBJECT_TAG;
  key.set(keyBytes, HEAD_BYTES);
  return key;
}

export function uploadKey(bucket: BucketPlace, key: string, uploadId: Uint8Array): Buffer {
  const bytes = checkedKeyBytes(key);
  const head = headOf(UPLOAD_TAG, bucket.id, shardOf(bytes, bucket.shards));
  const registerKey = Buffer.concat([head, escapeKey(bytes), endOfKey, uploadId]);
  if (registerKey.length + PART_NUMBER_BYTES > REGISTER_KEY_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: "the key holds too many zero bytes for a multipart upload",
    });
  }
  return registerKey;
}

/** The register of one part of the upload with this register key. */
export function partKey(uploadRegisterKey: Uint8Array, partNumber: number): Buffer {
  const key = Buffer.allocUnsafe(uploadRegisterKey.length + PART_NUMBER_BYTES);
  key.set(uploadRegisterKey);
  key[0] = PART_TAG;
  key.writeUInt16BE(partNumber, uploadRegisterKey.length);
  return key;
}

/** The register of the upload that a part key belongs to. */
export function uploadKeyOfPart(partRegisterKey: Uint8Array): Buffer {
  const key = Buffer.from(partRegisterKey.subarray(0, -PART_NUMBER_BYTES));
  key[0] = UPLOAD_TAG;
  return key;
}

const endOfKey = Buffer.of(ESCAPED, TERMINATOR);

/**
 * A key that can be followed by something else and still sorts by itself first: 00 becomes 00 FF,
 * and 00 01 ends it. The escape of a prefix is a prefix of the escape.
 */
export function escapeKey(key: Uint8Array): Buffer {
  const source = asBuffer(key);
  if (!source.includes(ESCAPED)) return source;
  const bytes: number[] = [];
  for (const byte of source) {
    bytes.push(byte);
    if (byte === ESCAPED) bytes.push(ESCAPED_ZERO);
  }
  return Buffer.from(bytes);
}

/** The reverse, up to the terminator; undefined when malformed. `end` is behind the terminator. */
export function unescapeKey(bytes: Uint8Array): { key: Buffer; end: number } | undefined {
  const source = asBuffer(bytes);
  const key: Buffer[] = [];
  let from = 0;
  for (;;) {
    const at = source.indexOf(ESCAPED, from);
    if (at < 0) return undefined;
    const next = source[at + 1];
    if (next === TERMINATOR) {
      const last = source.subarray(from, at);
      return {
        key: key.length === 0 ? last : Buffer.concat([...key, last]),
        end: at + TERMINATOR_BYTES,
      };
    }
    if (next !== ESCAPED_ZERO) return undefined;
    key.push(source.subarray(from, at + 1));
    from = at + TERMINATOR_BYTES;
  }
}

/** What a register key names; undefined when it is none of ours. */
export function parseRegisterKey(registerKey: Uint8Array): ParsedKey | undefined {
  const source = asBuffer(registerKey);
  const tag = source[0];
  if (tag === BUCKET_TAG) {
    return { kind: "bucket", name: source.toString("utf8", 1) };
  }
  if (tag === SYSTEM_TAG) return { kind: "system", name: source.toString("utf8", 1) };
  if (source.length < HEAD_BYTES) return undefined;
  // Sixteen bytes in hexadecimal are a bucket id by construction.
  const bucketId = source.toString("hex", 1, 1 + ID_BYTES) as BucketId;
  if (tag === OBJECT_TAG) return { kind: "object", bucketId, key: source.subarray(HEAD_BYTES) };
  if (tag !== UPLOAD_TAG && tag !== PART_TAG) return undefined;
  const unescaped = unescapeKey(source.subarray(HEAD_BYTES));
  if (unescaped === undefined) return undefined;
  const { key, end } = unescaped;
  const rest = source.subarray(HEAD_BYTES + end);
  const uploadId = rest.subarray(0, ID_BYTES);
  if (tag === UPLOAD_TAG) {
    return rest.length === ID_BYTES ? { kind: "upload", bucketId, key, uploadId } : undefined;
  }
  if (rest.length !== ID_BYTES + PART_NUMBER_BYTES) return undefined;
  return { kind: "part", bucketId, key, uploadId, partNumber: rest.readUInt16BE(ID_BYTES) };
}

function writeHead(target: Buffer, tag: number, bucketId: BucketId, shard: number): void {
  target[0] = tag;
  target.write(bucketId, 1, "hex");
  target.writeUInt16BE(shard, 1 + ID_BYTES);
}

function checkedKeyBytes(key: string): Buffer {
  const bytes = utf8(key);
  if (bytes.length === 0 || bytes.length > OBJECT_KEY_BYTES_MAX) {
    throw new StoreError({
      code: "invalid-argument",
      message: `an object key has 1 to ${OBJECT_KEY_BYTES_MAX} bytes, not ${bytes.length}`,
    });
  }
  return bytes;
}
