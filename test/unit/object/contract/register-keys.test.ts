import fc from "fast-check";
import { test } from "tap";
import { hashBytes } from "../../../../src/base/hash.ts";
import { parseBucketId } from "../../../../src/base/ids.ts";
import {
  escapeKey,
  headsOf,
  OBJECT_TAG,
  objectKey,
  objectKeyBeside,
  parseRegisterKey,
  partKey,
  placementHead,
  shardOf,
  unescapeKey,
  uploadKey,
  uploadKeyOfPart,
} from "../../../../src/object/contract/register-keys.ts";

const id = parseBucketId("00112233445566778899aabbccddeeff");
if (id === undefined) throw new Error("a bucket id");
const bucket = { id, shards: 16 };
const uploadId = Buffer.alloc(16, 7);
const bytes = fc.uint8Array({ maxLength: 12 }).map((it) => Buffer.from(it));
const zeroHeavy = fc
  .array(fc.constantFrom(0, 1, 0xff, 0x61), { maxLength: 8 })
  .map((it) => Buffer.from(it));

test("hashBytes: known values, because stored keys depend on it", async (t) => {
  t.equal(hashBytes(Buffer.from("")), 0xab3e7c0b);
  t.equal(hashBytes(Buffer.from("a/b")), 0xa11ccf42);
  t.equal(hashBytes(Buffer.from("é")), 0x8e4756c7);
  const shards = new Set<number>();
  for (let index = 0; index < 400; index++) shards.add(shardOf(Buffer.from(`key-${index}`), 16));
  t.equal(shards.size, 16);
});

test("escapeKey: keeps the order of keys and of prefixes, and is reversed by unescapeKey", async () => {
  const end = Buffer.of(0, 1);
  fc.assert(
    fc.property(fc.oneof(bytes, zeroHeavy), fc.oneof(bytes, zeroHeavy), (left, right) => {
      const escapedLeft = Buffer.concat([escapeKey(left), end, uploadId]);
      const escapedRight = Buffer.concat([escapeKey(right), end, uploadId]);
      const order = Math.sign(left.compare(right));
      if (Math.sign(escapedLeft.compare(escapedRight)) !== order) return false;
      const isPrefix = right.subarray(0, left.length).equals(left);
      if (escapedRight.subarray(0, escapeKey(left).length).equals(escapeKey(left)) !== isPrefix) {
        return false;
      }
      const back = unescapeKey(escapedLeft);
      return back?.key.equals(left) === true && escapedLeft.subarray(back.end).equals(uploadId);
    }),
  );
});

test("parseRegisterKey: gives back what a key was made of", async (t) => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 20, unit: "binary" }), (key) => {
      const object = parseRegisterKey(objectKey(bucket, key));
      const upload = uploadKey(bucket, key, uploadId);
      const part = parseRegisterKey(partKey(upload, 10_000));
      if (object?.kind !== "object" || part?.kind !== "part") return false;
      return (
        object.key.equals(Buffer.from(key)) &&
        part.key.equals(object.key) &&
        part.partNumber === 10_000 &&
        part.uploadId.equals(uploadId) &&
        uploadKeyOfPart(partKey(upload, 1)).equals(upload) &&
        objectKeyBeside(upload, part.key).equals(objectKey(bucket, key))
      );
    }),
  );
  t.equal(parseRegisterKey(Buffer.from("b-bucket"))?.kind, "bucket");
});

test("parseRegisterKey: nothing makes it throw", async () => {
  fc.assert(
    fc.property(
      fc.constantFrom("o", "u", "p", "b", "x", ""),
      fc.uint8Array({ maxLength: 60 }),
      (tag, rest) => {
        parseRegisterKey(Buffer.concat([Buffer.from(tag), rest]));
        return true;
      },
    ),
  );
});

test("register keys: one shard is one run of keys; objects and their uploads share a placement", async (t) => {
  const key = objectKey(bucket, "a/b");
  const heads = headsOf(OBJECT_TAG, bucket);
  t.equal(heads.filter((head) => key.subarray(0, head.length).equals(head)).length, 1);
  t.strictSame(placementHead(key), key.subarray(1, 19));
  t.strictSame(placementHead(Buffer.from("b-name")), Buffer.from("b"));
  t.throws(() => objectKey(bucket, ""), { code: "invalid-argument" });
  t.throws(() => objectKey(bucket, "é".repeat(513)), { code: "invalid-argument" });
  t.throws(() => uploadKey(bucket, "\0".repeat(600), uploadId), { code: "invalid-argument" });
});
