import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import type { WrittenData } from "../../../../src/object/contract/data.ts";
import { BufferSource, chunksOf } from "../../../support/buffer-source.ts";
import { DataWorld, FINISH_GRACE_MS, LAG_GRACE_MS, settle } from "../../../support/data-world.ts";
import { UNAVAILABLE } from "../../../support/memory-drive.ts";

import { STRIPE, shardsOf } from "../../../support/written-data.ts";

test("DataWriter: one drive failing in any phase is left out, and two are too many for 2+2", async (t) => {
  const phases = ["append", "finish"] as const;
  for (const failing of [1, 2]) {
    for (const phase of phases) {
      for (const nth of phase === "append" ? [0, 1, 3] : [0]) {
        const world = new DataWorld({ drives: 4 });
        for (const drive of world.drives.slice(1, 1 + failing)) {
          drive.fault = (call, count) => (call === phase && count >= nth ? UNAVAILABLE : undefined);
        }
        const content = world.random.bytes(4 * STRIPE - 100);
        const writing = world.writer.write(world.request(new BufferSource(chunksOf(content, 500))));
        if (failing === 1) {
          const data = shardsOf(await writing);
          t.equal(data.missing, 1 << data.drives.indexOf(1));
          t.equal(world.drives[1]?.file(data.dataId, data.drives.indexOf(1))?.state, "aborted");
        } else {
          const error = new StoreError({ code: "no-quorum", needed: 3, got: 2 });
          await t.rejects(writing, error, `${phase} ${nth}`);
        }
        await settle();
        t.ok(world.isAtRest);
      }
    }
  }
});

test("DataWriter: a single drive that fails fails the write", async (t) => {
  const world = new DataWorld({ drives: 1 });
  const [drive] = world.drives;
  if (drive) drive.fault = () => UNAVAILABLE;
  const source = new BufferSource(chunksOf(world.random.bytes(9000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "no-quorum", needed: 1, got: 0 }),
  );
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: drives that fill up midway are reported as full", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const drive of world.drives.slice(0, 2)) {
    drive.fault = (call, nth) =>
      call === "append" && nth === 1 ? { ok: false, reason: "full" } : undefined;
  }
  const source = new BufferSource(chunksOf(world.random.bytes(9000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "drive-full" }),
  );
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: too few drives online is no-quorum, before the source is started", async (t) => {
  const world = new DataWorld({ drives: 4 });
  for (const drive of world.drives.slice(1)) drive.state = "offline";
  const source = new BufferSource(chunksOf(world.random.bytes(5000), 500));
  await t.rejects(
    world.writer.write(world.request(source)),
    new StoreError({ code: "no-quorum", needed: 2, got: 1 }),
  );
  t.equal(source.remaining, 10);
  const unknown = new BufferSource(chunksOf(world.random.bytes(5000), 100), {
    unknownLength: true,
  });
  await t.rejects(world.writer.write(world.request(unknown)), /no-quorum/);
  t.ok(unknown.stopped);
  const inline = new BufferSource([{ chunk: Buffer.from("small") }]);
  t.equal((await world.writer.write(world.request(inline))).bytes, 5, "inline data needs no drive");
});

test("DataWriter: a drive that lags is dropped after the grace time, and its stripe comes back late", async (t) => {
  const world = new DataWorld({ drives: 4, windowMax: 2 });
  const [slow] = world.drives;
  if (slow === undefined) return;
  slow.fault = (call, nth) => (call === "append" && nth >= 1 ? "hold" : undefined);
  const content = world.random.bytes(8 * STRIPE);
  const source = new BufferSource(chunksOf(content, STRIPE));
  const writing = world.writer.write(world.request(source));
  await settle();
  t.ok(source.remaining > 0, "the window is full of what the slow drive holds back");
  world.clock.advance(LAG_GRACE_MS);
  const data = shardsOf(await writing);
  t.equal(data.missing, 1 << data.drives.indexOf(0));
  await settle();
  t.equal(world.arena.freeCount, world.arena.stripeCount - 2, "the drive may still read them");
  t.notOk(world.table.states()[0]?.online, "it gets no new data before it has answered");
  slow.letGo();
  await settle();
  t.ok(world.table.states()[0]?.online);
  t.ok(world.isAtRest);
});

test("DataWriter: a drive slow to finish counts as missing after the grace time", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const slow = world.drives[2];
  if (slow === undefined) return;
  slow.fault = (call) => (call === "finish" ? "hold" : undefined);
  const content = world.random.bytes(3000);
  let written: WrittenData | undefined;
  void world.writer
    .write(world.request(new BufferSource(chunksOf(content, 500))))
    .then((result) => {
      written = result;
    });
  await settle();
  world.clock.advance(FINISH_GRACE_MS - 1);
  await settle();
  t.equal(written, undefined, "all drives are waited for at first");
  world.clock.advance(1);
  await settle();
  if (written === undefined) throw new Error("the grace time is over");
  const data = shardsOf(written);
  t.equal(data.missing, 1 << data.drives.indexOf(2));
  slow.letGo();
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: two drives slow to finish are waited for: one spare is needed", async (t) => {
  const world = new DataWorld({ drives: 4 });
  const slow = world.drives.slice(0, 2);
  for (const drive of slow) drive.fault = (call) => (call === "finish" ? "hold" : undefined);
  let done = false;
  const writing = world.writer
    .write(world.request(new BufferSource(chunksOf(world.random.bytes(3000), 500))))
    .finally(() => {
      done = true;
    });
  await settle();
  world.clock.advance(100 * FINISH_GRACE_MS);
  await settle();
  t.notOk(done);
  slow[0]?.letGo();
  await settle();
  world.clock.advance(FINISH_GRACE_MS);
  const data = shardsOf(await writing);
  t.equal(data.missing, 1 << data.drives.indexOf(1));
  slow[1]?.letGo();
  await settle();
  t.ok(world.isAtRest);
});

test("DataWriter: offline drives are replaced by a handoff or left out", async (t) => {
  const world = new DataWorld({ drives: 18 });
  const content = world.random.bytes(5000);
  const first = shardsOf(
    await world.writer.write(world.request(new BufferSource(chunksOf(content, 500)))),
  );
  for (const drive of world.drives.slice(0, 2)) drive.state = "offline";
  const second = shardsOf(
    await world.writer.write(world.request(new BufferSource(chunksOf(content, 500)))),
  );
  t.equal(first.drives.length, 16);
  t.equal(second.missing, 0);
  t.notOk(second.drives.includes(0) || second.drives.includes(1));
  t.same(world.assemble(second), content);
});
