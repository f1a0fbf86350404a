import { test } from "tap";
import { newDataId } from "../../../src/base/ids.ts";
import { ByteReader, ByteWriter } from "../../../src/store/byte-writer.ts";
import {
  readCallName,
  readReply,
  readRequest,
  writeReply,
  writeRequest,
} from "../../../src/store/drive-wire.ts";
import type {
  DriveCallName,
  DriveReply,
  DriveReport,
  DriveRequest,
} from "../../../src/store/store-messages.ts";
import { ballot, createSeededRandom } from "./collaborators.ts";

const key = Buffer.from("key");
const value = Buffer.from("value");
const dataId = newDataId(createSeededRandom(1));
const place = { blockOffset: 5 * 2 ** 32, blockBytes: 4096, trailerOffset: 7 };
const rows = [
  { table: "list", key, value },
  { table: "trash", key: value, value: undefined },
] as const;
const report: DriveReport = {
  ok: true,
  state: "faulty",
  reason: "EIO",
  full: true,
  totalBytes: 2 ** 45,
  freeBytes: 12,
  readErrors: 3,
  writeErrors: 4,
};
const done = { ok: true } as const;
const keyBallot = { key, ballot: ballot(2 ** 50 + 1, 2 ** 32 - 1, 7) };
const cell = {
  ok: true,
  promised: ballot(9),
  accepted: ballot(8),
  floor: ballot(1, 2, 3),
  value,
} as const;
const spec = { dataId, slot: 3, k: 4, m: 2, stripeDataBytes: 2 ** 21, ownerKey: key };

/** One example of every call: the table is total, so a new call must be added here. */
const EXAMPLES: {
  readonly [K in DriveCallName]: readonly [DriveRequest<K>, ...DriveReply<K>[]];
} = {
  read: [{ key }, cell, { ok: false, reason: "corrupt", message: "rot" }],
  prepare: [
    keyBallot,
    { ok: true, promised: ballot(9), accepted: ballot(0, 0, 0), floor: ballot(0, 0, 0) },
    { ok: false, reason: "ballot", promised: ballot(4) },
    { ok: false, reason: "floor", floor: ballot(6) },
  ],
  accept: [{ ...keyBallot, proposal: { value, rows } }, done, { ok: false, reason: "full" }],
  acceptFirst: [{ ...keyBallot, proposal: { value, rows } }, done, { ok: false, reason: "full" }],
  install: [{ ...keyBallot, proposal: { value: Buffer.alloc(0), rows: [] } }, done],
  purge: [{ ...keyBallot, rows }, done],
  discard: [{ ...keyBallot, rows: [] }, done],
  range: [
    {
      table: "rec",
      heads: [key, Buffer.alloc(0)],
      from: key,
      fromExclusive: true,
      prefix: value,
      delimiter: Buffer.from("/"),
      visibleOnly: true,
      limit: 1000,
      scanMax: 2 ** 32 - 1,
    },
    { ok: true, count: 2, rows: value, exhausted: false, resume: key },
    { ok: true, count: 0, rows: Buffer.alloc(0), exhausted: true, resume: undefined },
  ],
  recent: [{ limit: 10 }, { ok: true, keys: [key, value], upTo: 2 ** 52 }],
  forgetRecent: [{ upTo: 2 ** 52 }, done],
  readMeta: [{ name: "epoch" }, { ok: true, value }, { ok: true }],
  writeMeta: [{ name: "épique", value }, done, { ok: false, reason: "busy" }],
  deleteRows: [{ rows: [{ table: "heal", key }] }, done],
  shardCreate: [{ writer: 7, spec: { ...spec, fileBytes: 2 ** 40 } }, done],
  shardAppend: [
    { writer: 7, place },
    done,
    { ok: false, reason: "unavailable", applied: "unknown", message: "EIO" },
  ],
  shardFinish: [{ writer: 7, nowMs: 1.7e12 }, done],
  shardAbort: [{ writer: 7 }, done],
  readBlock: [
    { dataId, slot: 1, fileOffset: 2 ** 40, place },
    done,
    { ok: false, reason: "missing" },
  ],
  checkShard: [
    { dataId, slot: 15, k: 12, m: 4, stripeDataBytes: 2 ** 24 },
    done,
    { ok: false, reason: "corrupt", message: "it is another shard" },
  ],
  dropShard: [{ dataId, slot: 15 }, done],
  listShards: [
    { after: `${dataId}.3`, limit: 5 },
    { ok: true, shards: [{ dataId, slot: 1, bytes: 2 ** 33, mtimeMs: 1.5e12 }] },
  ],
  raiseIncarnation: [{ incarnation: 9 }, done],
  markSynced: [{}, done],
  probe: [{}, report, { ...report, state: "online", reason: undefined }],
  fail: [{ reason: "by hand" }, report],
};

function names(): DriveCallName[] {
  return Object.keys(EXAMPLES) as DriveCallName[];
}

function roundTrip<K extends DriveCallName>(name: K): [DriveRequest<K>, ...DriveReply<K>[]] {
  const [request, ...replies] = EXAMPLES[name];
  const writer = new ByteWriter(0);
  writeRequest(writer, name, request);
  for (const reply of replies) writeReply(writer, name, reply);
  const reader = new ByteReader(writer.view());
  if (readCallName(reader) !== name) throw new Error("another call");
  const readBack = readRequest(reader, name);
  const repliesBack = replies.map(() => readReply(reader, name));
  if (reader.offset !== writer.length) throw new Error("bytes left over");
  return [readBack, ...repliesBack];
}

for (const name of names()) {
  test(`drive-wire: ${name} arrives as it was sent`, async (t) => {
    t.strictSame(roundTrip(name), EXAMPLES[name]);
  });
}

test("drive-wire: a spec without a file length stays without one", async (t) => {
  const writer = new ByteWriter(0);
  writeRequest(writer, "shardCreate", { writer: 1, spec });
  const reader = new ByteReader(writer.view());
  readCallName(reader);
  t.strictSame(readRequest(reader, "shardCreate"), { writer: 1, spec });
});

test("ByteWriter: grows over its first size and keeps what was written", async (t) => {
  const writer = new ByteWriter(0);
  const long = Buffer.alloc(100_000, 5);
  writer.u32(77);
  writer.bytes(long);
  writer.text("end");
  writer.patchU32(0, 78);
  const reader = new ByteReader(writer.view());
  t.equal(reader.u32(), 78);
  t.ok(reader.bytes().equals(long));
  t.equal(reader.text(), "end");
  t.throws(() => reader.u8(), /shorter/);
});
