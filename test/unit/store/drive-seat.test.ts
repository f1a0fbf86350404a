import { test } from "tap";
import type { Disk } from "../../../src/base/disk.ts";
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createNodeDisk } from "../../../src/store/disk-node.ts";
import { DriveSeat } from "../../../src/store/drive-seat.ts";
import type { DriveReport } from "../../../src/store/store-messages.ts";
import { StoreThread } from "../../../src/store/store-thread.ts";
import { HandClock, realRandom, settle } from "./collaborators.ts";

const report: DriveReport = {
  ok: true,
  state: "online",
  reason: undefined,
  full: false,
  totalBytes: 1,
  freeBytes: 1,
  readErrors: 0,
  writeErrors: 0,
};

/** A thread whose answers the test gives by hand. */
function createWorld() {
  const clock = new HandClock();
  const asked: unknown[] = [];
  let answer: (message: unknown) => void = () => {};
  const thread = new StoreThread({
    port: {
      postMessage: (message) => void asked.push(message),
      onMessage: (callback) => {
        answer = callback;
      },
    },
    afterTurn: (callback) => void setImmediate(callback),
    terminate: async () => {},
  });
  const file = { writev: async () => {}, readv: async () => 0, fdatasync: async () => {} };
  const disk: Disk = {
    ...createNodeDisk(),
    create: async () => ({ ...file, close: async () => {} }),
    fsyncDir: async () => {},
  };
  const limits = { requestsInFlightMax: 10, deadlineMs: 1_000, probeIntervalMs: 60_000 };
  const id = newDriveId(realRandom);
  const plan = { cluster: "c", node: "n", table: [], stripeDataBytesMax: 0 };
  const seat = new DriveSeat(
    { id, index: 0, path: "/drive", ...limits },
    { thread, disk, clock, log: silentLogger, plan, freePaths: () => [], incarnation: () => 1 },
  );
  const opening = { path: "/drive", id, create: false, needsResync: false };
  return { clock, asked, answer: (message: unknown) => answer(message), seat, opening };
}

test("DriveSeat.open: a drive that hangs is given up, and let go of when it has opened after all", async (t) => {
  const { clock, asked, answer, seat, opening } = createWorld();
  const opened = seat.open(opening);
  await settle();
  t.match(asked, [{ kind: "open", slot: 0 }]);
  clock.advance(1_000);
  await t.rejects(opened, { message: "it does not open within 1 s" });
  t.equal(seat.status().state, "offline");
  let released = false;
  const release = seat.release().then(() => {
    released = true;
  });
  await settle();
  t.notOk(released, "the thread is still at work in the folder");
  answer({ kind: "opened", slot: 0, opened: { incarnation: 0, needsResync: false, report } });
  await settle();
  t.match(asked[1], { kind: "close", slot: 0 });
  t.equal(seat.status().state, "offline", "nobody was told of a drive that is being closed");
  answer({ kind: "closed", slot: 0 });
  await release;
});
