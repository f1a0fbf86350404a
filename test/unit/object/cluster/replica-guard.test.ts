import { test } from "tap";
import type { CellReport, Refusal } from "../../../../cluster/register/replica.ts";
import { ZERO_BALLOT } from "../../../../src/base/ballot.ts";
import { newBucketId } from "../../../../src/base/ids.ts";
import { type GuardableDrive, ReplicaGuard } from "../../../../src/object/cluster/replica-guard.ts";
import { headsOf, OBJECT_TAG, objectKey } from "../../../../src/object/contract/register-keys.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const BUCKET = { id: newBucketId(new SeededRandom(5)), shards: 1 };
const KEY = objectKey(BUCKET, "a");
const PROPOSAL = { value: Buffer.from("value"), rows: [] };
const CELL: CellReport = {
  ok: true,
  promised: ZERO_BALLOT,
  accepted: ZERO_BALLOT,
  floor: ZERO_BALLOT,
};
const CORRUPT: Refusal = { ok: false, reason: "corrupt" };

/** A drive that keeps its marks, and whose one cell may be unreadable. */
function createDrive() {
  const marks = new Map<string, Uint8Array>();
  const installed: number[] = [];
  const state = { corrupt: false };
  const answer = <Reply>(reply: Reply) => Promise.resolve(state.corrupt ? CORRUPT : reply);
  const drive: GuardableDrive = {
    id: "drive",
    read: () => answer(CELL),
    prepare: () => answer(CELL),
    accept: () => answer({ ok: true } as const),
    purge: () => answer({ ok: true } as const),
    install(_, ballot) {
      installed.push(ballot.clock);
      state.corrupt = false;
      return Promise.resolve({ ok: true });
    },
    discard: () => Promise.resolve({ ok: true }),
    range: () => Promise.resolve({ ok: true, rows: [], exhausted: true }),
    readMeta(name) {
      const value = marks.get(name);
      return Promise.resolve(value === undefined ? { ok: true } : { ok: true, value });
    },
    writeMeta(name, value) {
      marks.set(name, value);
      return Promise.resolve({ ok: true });
    },
    forgetRecent: () => Promise.resolve({ ok: true }),
  };
  return { drive, state, installed };
}

function ballot(clock: number) {
  return { clock, proposer: 1, incarnation: 1 };
}

test("ReplicaGuard: what it has acknowledged outlives the process, and older requests are refused", async (t) => {
  const { drive } = createDrive();
  const first = new ReplicaGuard(drive);
  t.ok((await first.read(KEY, { layout: 3, bucketEpoch: 7 })).ok, "newer marks are taken up");
  for (const guard of [first, new ReplicaGuard(drive)]) {
    t.match(await guard.read(KEY, { layout: 2, bucketEpoch: 7 }), { reason: "epoch", epoch: 3 });
    t.match(await guard.accept(KEY, ballot(1), PROPOSAL, { layout: 3, bucketEpoch: 6 }), {
      reason: "stale",
      bucketEpoch: 7,
    });
    const [head] = headsOf(OBJECT_TAG, BUCKET);
    const query = {
      table: "list",
      heads: head === undefined ? [] : [head],
      from: Buffer.alloc(0),
      fromExclusive: false,
      prefix: Buffer.alloc(0),
      visibleOnly: false,
      limit: 1,
      scanMax: 1,
    } as const;
    t.match(await guard.range(query, { layout: 3, bucketEpoch: 6 }), { reason: "stale" });
    t.ok((await guard.read(KEY, { layout: 3, bucketEpoch: undefined })).ok, "under no settings");
    t.ok((await guard.read(Buffer.from("bucket"), { layout: 3, bucketEpoch: 1 })).ok);
  }
});

test("ReplicaGuard: raising never lowers", async (t) => {
  const { drive } = createDrive();
  const guard = new ReplicaGuard(drive);
  const id = Buffer.from(BUCKET.id, "hex");
  t.ok((await guard.raise({ layout: 5, bucket: { id, epoch: 9 } })).ok);
  t.ok((await guard.raise({ layout: 4, bucket: { id, epoch: 8 } })).ok);
  t.equal(guard.layoutVersion, 5);
  t.match(await guard.read(KEY, { layout: 5, bucketEpoch: 8 }), { reason: "stale" });
});

test("ReplicaGuard: a cell that cannot be read takes an accept above all it can have promised", async (t) => {
  const { drive, state, installed } = createDrive();
  const guard = new ReplicaGuard(drive);
  const fence = { layout: 1, bucketEpoch: undefined };
  await guard.prepare(KEY, ballot(1_000_000), fence);
  state.corrupt = true;
  t.match(await guard.prepare(KEY, ballot(10), fence), { reason: "corrupt", above: 1_000_000 });
  t.match(await guard.accept(KEY, ballot(1_000_000), PROPOSAL, fence), { reason: "corrupt" });
  t.ok((await guard.accept(KEY, ballot(1_000_001), PROPOSAL, fence)).ok);
  t.strictSame(installed, [1_000_001]);
  state.corrupt = true;
  const late = await guard.accept(KEY, ballot(1_000_001), PROPOSAL, fence);
  t.match(late, { reason: "corrupt", above: 1_000_001 }, "a repetition is too late");
});

test("ReplicaGuard: the next process does not know what was promised, and bounds it", async (t) => {
  const { drive, state } = createDrive();
  const fence = { layout: 1, bucketEpoch: undefined };
  await new ReplicaGuard(drive).prepare(KEY, ballot(5_000_000), fence);
  state.corrupt = true;
  const reply = await new ReplicaGuard(drive).read(KEY, fence);
  t.equal(!reply.ok && reply.reason === "corrupt" && (reply.above ?? 0) >= 5_000_000, true);
});
