import fc from "fast-check";
import { test } from "tap";
import { newBucketId, newDataId } from "../../../src/base/ids.ts";
import { ROW_VISIBLE } from "../../../src/base/kv-row.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import type { ShardedData } from "../../../src/object/contract/data.ts";
import {
  bucketKey,
  objectKey,
  partKey,
  uploadKey,
} from "../../../src/object/contract/register-keys.ts";
import {
  type BucketRecord,
  decodeBucketRecord,
  encodeBucketRecord,
} from "../../../src/object/records/bucket-record.ts";
import type { StoredPart } from "../../../src/object/records/data-descriptor.ts";
import {
  ROW_VERSIONS_MAX,
  readObjectRow,
  rowBallot,
} from "../../../src/object/records/list-row.ts";
import {
  decodeObjectRecord,
  EMPTY_RECORD,
  encodeObjectRecord,
  findVersion,
  latestVersion,
  type ObjectRecord,
} from "../../../src/object/records/object-record.ts";
import {
  resealVersion,
  type StoredVersion,
  sealDeleteMarker,
  sealVersion,
  type VersionDraft,
} from "../../../src/object/records/stored-version.ts";
import {
  decodePartRecord,
  decodeUploadRecord,
  encodePartRecord,
  encodeUploadRecord,
  type UploadRecord,
  type UploadState,
  uploadStateKind,
} from "../../../src/object/records/upload-record.ts";
import { deriveRows, purgedRows, readDueValue } from "../../../src/object/registers/derive-rows.ts";
import { SeededRandom } from "../../support/seeded-random.ts";

const random = new SeededRandom(7);
const bucket = { id: newBucketId(random), shards: 4 };
const ballot = { clock: 123_456_789_012_345, proposer: 2, incarnation: 3 };
const etag = Buffer.alloc(16, 0xab);

function shards(missing = 0): ShardedData {
  return {
    kind: "shards",
    dataId: newDataId(random),
    k: 2,
    m: 2,
    stripeDataBytes: 1 << 20,
    bytes: 2 ** 40,
    drives: [3, 1, 0, 2],
    missing,
  };
}

function draft(change: Partial<VersionDraft> = {}): VersionDraft {
  return {
    headers: { "content-type": "text/plain", __proto__x: "é" },
    checksum: { algorithm: "crc64nvme", type: "FULL_OBJECT", value: Buffer.alloc(8, 1) },
    content: { kind: "inline", content: Buffer.from("hello") },
    storageClass: "STANDARD",
    bytes: 5,
    etag,
    degraded: false,
    ...change,
  };
}

function part(number: number): StoredPart {
  return { number, bytes: 9, etag, checksum: undefined, data: shards() };
}

function recordOf(versions: readonly StoredVersion[], change: Partial<ObjectRecord> = {}) {
  return { ...EMPTY_RECORD, bucketEpoch: 9, versions, ...change };
}

function encoded(record: ObjectRecord, base?: Uint8Array | "clear-rows"): Buffer {
  const body = encodeObjectRecord(record, base);
  if (body === undefined) throw new Error("a tombstone");
  return body;
}

test("object record: what is encoded comes back, of every kind of version", async (t) => {
  const id = Buffer.from("0190b6b1c0de7000800000000000000a", "hex");
  const data = shards(0b0100);
  const parts = { kind: "parts" as const, parts: [part(1), part(7)] };
  const versions = [
    sealDeleteMarker(undefined, 1002),
    sealVersion(draft({ content: parts, bytes: 18, storageClass: "REDUCED_REDUNDANCY" }), id, 1001),
    sealVersion(draft({ content: data, bytes: 2 ** 40, checksum: undefined }), id, 1000),
    sealVersion(draft(), id, 999),
  ];
  const trash = [{ data: shards(), dueMs: 77_000 }];
  const body = encoded(recordOf(versions, { trash, completed: [id] }));
  const back = decodeObjectRecord(body);
  t.equal(back.bucketEpoch, 9);
  t.strictSame(back.trash, trash);
  t.strictSame(back.completed, [id]);
  t.equal(back.versions.length, 4);
  const [marker, multipart, sharded, inline] = back.versions;
  t.equal(marker?.deleteMarker, true);
  t.equal(marker?.versionId, "null");
  t.equal(marker?.etag, "");
  t.equal(multipart?.etag, `${etag.toString("hex")}-2`);
  t.equal(multipart?.versionId, "0190b6b1-c0de-7000-8000-00000000000a");
  t.equal(multipart?.storageClass, "REDUCED_REDUNDANCY");
  t.strictSame(multipart?.meta().content, parts);
  t.equal(sharded?.contentBytes, 2 ** 40);
  t.equal(sharded?.urgency, 1);
  t.strictSame(sharded?.meta().content, data);
  t.equal(sharded?.meta().checksum, undefined);
  t.strictSame(inline?.meta().headers, Object.assign(Object.create(null), draft().headers));
  t.strictSame(inline?.meta().content, draft().content);
  t.strictSame(inline?.meta().checksum, draft().checksum);
});

test("object record: holding nothing is a tombstone", async (t) => {
  t.equal(encodeObjectRecord(EMPTY_RECORD, undefined), undefined);
  t.strictSame(decodeObjectRecord(undefined), EMPTY_RECORD);
  const waiting = { ...EMPTY_RECORD, completed: [Buffer.alloc(16)] };
  t.ok(encodeObjectRecord(waiting, undefined));
});

test("latestVersion and findVersion: see what decoding sees", async (t) => {
  const id = Buffer.alloc(16, 5);
  const body = encoded(recordOf([sealDeleteMarker(id, 2), sealVersion(draft(), undefined, 1)]));
  t.equal(latestVersion(body)?.deleteMarker, true);
  t.equal(findVersion(body, undefined)?.version.mtimeMs, 1);
  t.equal(findVersion(body, undefined)?.isLatest, false);
  t.equal(findVersion(body, id)?.isLatest, true);
  t.equal(findVersion(body, Buffer.alloc(16, 6)), undefined);
});

test("resealVersion: changes the headers and nothing else", async (t) => {
  const version = sealVersion(draft({ content: shards(), degraded: true }), undefined, 44);
  const changed = resealVersion(version, { headers: { "x-amz-tagging": "a=b" } });
  t.equal(changed.meta().headers["x-amz-tagging"], "a=b");
  t.strictSame(changed.bytes.subarray(0, 48), version.bytes.subarray(0, 48));
  t.strictSame(changed.meta().content, version.meta().content);
});

function rowsOf(key: Uint8Array, body: Uint8Array | undefined) {
  return new Map(deriveRows(key, body, ballot).map((row) => [row.table, row.value]));
}

test("deriveRows: a live object is visible, under its ballot; a tombstone is due for purging", async (t) => {
  const key = objectKey(bucket, "a");
  const live = rowsOf(key, encoded(recordOf([sealVersion(draft(), undefined, 1)])));
  const row = live.get("list") ?? Buffer.alloc(0);
  t.equal((row[0] ?? 0) & ROW_VISIBLE, ROW_VISIBLE);
  t.strictSame(rowBallot(row), ballot);
  t.equal(readObjectRow(row).versions[0]?.etag, etag.toString("hex"));
  t.strictSame([...live.keys()], ["list"]);
  const gone = rowsOf(key, undefined);
  t.strictSame(rowBallot(gone.get("list") ?? Buffer.alloc(0)), ballot);
  t.equal(gone.get("list")?.[0], 0);
  t.equal(readDueValue(gone.get("trash") ?? Buffer.alloc(0)), 0);
  const marked = rowsOf(key, encoded(recordOf([sealDeleteMarker(undefined, 1)])));
  t.equal(marked.get("list")?.[0], 0);
});

test("deriveRows: weak data asks for healing until a record takes the row away", async (t) => {
  const key = objectKey(bucket, "a");
  const data = shards(0b0011);
  const weak = encoded(recordOf([sealVersion(draft({ content: data }), undefined, 1)]));
  t.strictSame(rowsOf(key, weak).get("heal"), Buffer.of(0));
  const pending = deriveRows(key, weak, ballot).filter(({ table }) => table === "pending");
  t.strictSame(
    pending.map(({ key: row }) => Buffer.from(row).readUInt16BE(16)),
    [2, 3],
    "the rows of missing shards stay: a slow drive may still write them",
  );
  t.ok(pending.every(({ value }) => value === undefined));
  const healed = sealVersion(draft({ content: { ...data, missing: 0 } }), undefined, 1);
  const after = rowsOf(key, encoded(recordOf([healed]), weak));
  t.equal(after.has("heal"), true);
  t.equal(after.get("heal"), undefined);
  t.equal(rowsOf(key, encoded(recordOf([healed]))).has("heal"), false);
  t.equal(rowsOf(key, encoded(recordOf([healed]), "clear-rows")).has("heal"), true);
});

test("deriveRows: the first item of trash says when the record is due", async (t) => {
  const key = objectKey(bucket, "a");
  const trash = [
    { data: shards(), dueMs: 5000 },
    { data: shards(), dueMs: 4000 },
  ];
  const full = encoded(recordOf([], { trash }));
  t.equal(readDueValue(rowsOf(key, full).get("trash") ?? Buffer.alloc(0)), 4000);
  const empty = encoded(recordOf([sealVersion(draft(), undefined, 1)]), full);
  t.equal(rowsOf(key, empty).has("trash"), true);
  t.equal(rowsOf(key, empty).get("trash"), undefined);
});

test("deriveRows: a row sums up a bounded number of versions", async (t) => {
  const versions = Array.from({ length: ROW_VERSIONS_MAX + 1 }, (_, index) =>
    sealVersion(draft(), Buffer.alloc(16, index + 1), 1000 - index),
  );
  const key = objectKey(bucket, "a");
  const row = readObjectRow(rowsOf(key, encoded(recordOf(versions))).get("list") ?? etag);
  t.equal(row.versions.length, ROW_VERSIONS_MAX);
  t.equal(row.more, true);
});

test("purgedRows: takes away every row that deriveRows makes under the register's key", async (t) => {
  const key = objectKey(bucket, "a");
  const tables = purgedRows(key).map(({ table }) => table);
  t.strictSame(tables.sort(), ["heal", "list", "trash"]);
});

const manifest = {
  request: Buffer.alloc(16, 1),
  versionId: undefined,
  etag,
  bytes: 18,
  checksum: undefined,
  conditions: { ifNoneMatch: ["*"] },
  parts: [part(1), part(2)],
  degraded: false,
};
const result = {
  request: Buffer.alloc(16, 1),
  versionId: Buffer.alloc(16, 2),
  versioned: true,
  etag,
  partCount: 2,
  bytes: 18,
  mtimeMs: 5,
  checksum: { algorithm: "sha256" as const, type: "COMPOSITE" as const, value: Buffer.alloc(32) },
};
const STATES: UploadState[] = [
  { kind: "open" },
  { kind: "completing", dueMs: 8, manifest },
  { kind: "completing", dueMs: 8, manifest: { ...manifest, mtimeMs: 77 } },
  { kind: "completing", dueMs: 8, manifest: { ...manifest, partsCheck: Buffer.alloc(32, 4) } },
  { kind: "done", dueMs: 9, result, dataIds: [Buffer.alloc(16, 3)] },
  { kind: "finished", dueMs: 10, result },
  { kind: "aborted", dueMs: 11 },
  { kind: "emptied", dueMs: 12 },
];

function uploadOf(state: UploadState): UploadRecord {
  return {
    bucketName: "bucket",
    initiatedMs: 4,
    headers: {},
    storageClass: "STANDARD",
    checksum: { algorithm: "crc32c", type: "COMPOSITE" },
    state,
    revision: 7,
  };
}

test("upload record: every state comes back; only an open one is listed", async (t) => {
  const key = uploadKey(bucket, "a", Buffer.alloc(16, 9));
  for (const state of STATES) {
    const body = encodeUploadRecord(uploadOf(state), undefined);
    t.match(decodeUploadRecord(body), uploadOf(state));
    t.equal(uploadStateKind(body), state.kind);
    const rows = rowsOf(key, body);
    t.equal((rows.get("list")?.[0] ?? 0) === ROW_VISIBLE, state.kind === "open");
    t.equal(rows.has("trash"), state.kind !== "open");
  }
});

test("part record: comes back, is listed while it has a part, adopts its data", async (t) => {
  const key = partKey(uploadKey(bucket, "a", Buffer.alloc(16, 9)), 3);
  const trash = [{ data: shards(), dueMs: 3 }];
  const record = {
    mtimeMs: 6,
    part: part(3),
    storageClass: "STANDARD" as const,
    degraded: false,
    trash,
  };
  const body = encodePartRecord(record, undefined);
  t.strictSame(decodePartRecord(body), record);
  const rows = rowsOf(key, body);
  t.equal(rows.get("list")?.[0], ROW_VISIBLE);
  t.ok(rows.has("pending"));
  const left = encodePartRecord({ ...record, part: undefined }, body);
  t.equal(rowsOf(key, left).get("list")?.[0], 0);
  t.equal(encodePartRecord({ ...record, part: undefined, trash: [] }, body), undefined);
});

const bucketRecord: BucketRecord = {
  id: bucket.id,
  state: "active",
  createdMs: 1,
  versioning: "suspended",
  shards: 16,
  epoch: 4,
  documents: { policy: "{}" },
};

test("bucket record: comes back; one being deleted is due", async (t) => {
  const body = encodeBucketRecord(bucketRecord, undefined);
  t.match(decodeBucketRecord(body), bucketRecord);
  t.equal(rowsOf(bucketKey("x"), body).has("trash"), false);
  const deleting = encodeBucketRecord({ ...bucketRecord, state: "deleting" }, body);
  t.equal(rowsOf(bucketKey("x"), deleting).has("trash"), true);
});

/** Everything a reader of records may do with bytes that it found. */
function readEverything(key: Uint8Array, body: Uint8Array): void {
  const record = decodeObjectRecord(body);
  for (const version of record.versions) version.meta();
  deriveRows(key, body, ballot);
}

const samples: [string, (body: Uint8Array) => void, Uint8Array][] = [
  [
    "object",
    (body) => readEverything(objectKey(bucket, "a"), body),
    encoded(
      recordOf(
        [
          sealVersion(draft({ content: { kind: "parts", parts: [part(1)] } }), undefined, 3),
          sealVersion(draft(), Buffer.alloc(16, 1), 2),
        ],
        { trash: [{ data: shards(), dueMs: 1 }] },
      ),
    ),
  ],
  [
    "upload",
    decodeUploadRecord,
    encodeUploadRecord(uploadOf(STATES[1] ?? { kind: "open" }), undefined),
  ],
  ["bucket", decodeBucketRecord, encodeBucketRecord(bucketRecord, undefined)],
  [
    "part",
    decodePartRecord,
    encodePartRecord(
      { mtimeMs: 6, part: part(3), storageClass: "STANDARD", degraded: false, trash: [] },
      undefined,
    ) ?? etag,
  ],
];

for (const [name, read, sample] of samples) {
  test(`${name} record: damaged bytes are reported as corrupt and never as anything else`, async () => {
    fc.assert(
      fc.property(
        fc.nat(sample.length - 1),
        fc.nat(255),
        fc.nat(sample.length),
        (at, value, cut) => {
          const damaged = Buffer.from(sample.subarray(0, Math.max(cut, at + 1)));
          damaged[at] = value;
          try {
            read(damaged);
          } catch (error) {
            return error instanceof StoreError && error.code === "corrupt";
          }
          return true;
        },
      ),
      { numRuns: 1500 },
    );
  });
}
