import { test } from "tap";
import type { RegisterChange } from "../../../../cluster/register/register-contract.ts";
import { newDataId } from "../../../../src/base/ids.ts";
import { avoidLeaving } from "../../../../src/object/cluster/leaving-drives.ts";
import type { ShardedData } from "../../../../src/object/contract/data.ts";
import { OBJECT_TAG, PART_TAG, UPLOAD_TAG } from "../../../../src/object/contract/register-keys.ts";
import { dataOf } from "../../../../src/object/records/record-data.ts";
import { encodePartRecord, type PartRecord } from "../../../../src/object/records/upload-record.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const random = new SeededRandom(6);
const KEY = Buffer.of(PART_TAG, 1, 2, 3);
const DATA: ShardedData = {
  kind: "shards",
  dataId: newDataId(random),
  k: 2,
  m: 2,
  stripeDataBytes: 1 << 20,
  bytes: 100_000,
  drives: [0, 1, 2, 3],
  missing: 0,
};

function bodyWith(data: ShardedData): Buffer {
  const part = { number: 1, bytes: data.bytes, etag: Buffer.alloc(16), checksum: undefined, data };
  const record: PartRecord = {
    mtimeMs: 1,
    part,
    storageClass: "STANDARD",
    degraded: false,
    trash: [],
  };
  const body = encodePartRecord(record, undefined);
  if (body === undefined) throw new Error("a part has a body");
  return body;
}

function changed(base: Buffer | undefined, next: ShardedData, leaving: readonly number[]) {
  const write: RegisterChange<never> = {
    kind: "write",
    body: bodyWith(next),
    result: Buffer.alloc(0),
  };
  const change = avoidLeaving<never>(
    KEY,
    () => write,
    () => new Set(leaving),
  );
  const wanted = change(base);
  if (wanted instanceof Promise || wanted.kind !== "write") throw new Error("a write");
  return dataOf(KEY, wanted.body)[0]?.data;
}

test("avoidLeaving: what is newly named on a leaving drive counts as missing", async (t) => {
  t.match(changed(undefined, DATA, []), { missing: 0 });
  t.match(changed(undefined, DATA, [7]), { missing: 0 });
  t.match(changed(undefined, DATA, [2]), { missing: 0b0100, drives: [0, 1, 2, 3] });
});

test("avoidLeaving: what was there before stays", async (t) => {
  t.match(changed(bodyWith(DATA), DATA, [2]), { missing: 0 });
  const moved = { ...DATA, drives: [0, 1, 3, 2] };
  t.match(changed(bodyWith(DATA), moved, [2]), { missing: 0b1000 }, "in another slot it is new");
});

test("avoidLeaving: a record that could not bear it is not written", async (t) => {
  t.throws(() => changed(undefined, DATA, [2, 3]), { code: "busy" });
});

test("avoidLeaving: records without data are passed on as they are", async (t) => {
  const change = () => ({ kind: "keep", answer: 1 }) as const;
  const key = Buffer.of(UPLOAD_TAG);
  t.equal(
    avoidLeaving(key, change, () => new Set()),
    change,
  );
  t.strictSame(avoidLeaving(Buffer.of(OBJECT_TAG), change, () => new Set([1]))(undefined), {
    kind: "keep",
    answer: 1,
  });
});
