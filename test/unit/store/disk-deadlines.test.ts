import { test } from "tap";
import { type Disk, diskErrorCode } from "../../../src/base/disk.ts";
import { limitDisk } from "../../../src/store/disk-deadlines.ts";
import { createNodeDisk } from "../../../src/store/disk-node.ts";
import { inspectFolder } from "../../../src/store/drive-inspection.ts";
import { HandClock, realClock, settle } from "./collaborators.ts";

const hanging = (): Promise<never> => new Promise(() => {});

test("limitDisk: what hangs has failed after the deadline, and a start takes it for unreadable", async (t) => {
  const clock = new HandClock();
  const disk: Disk = { ...createNodeDisk(), stat: hanging };
  const found = inspectFolder(limitDisk(disk, { clock, deadlineMs: 1_000 }), "/drive");
  let done = false;
  void found.finally(() => {
    done = true;
  });
  clock.advance(999);
  await settle();
  t.notOk(done);
  clock.advance(1);
  t.match(await found, { finding: { kind: "unreadable", message: "cannot be read (ETIMEDOUT)" } });
});

test("limitDisk: operations on files have the deadline too", async (t) => {
  const clock = new HandClock();
  const file = { writev: hanging, readv: hanging, fdatasync: hanging, close: hanging };
  const disk: Disk = { ...createNodeDisk(), open: async () => file };
  const opened = await limitDisk(disk, { clock, deadlineMs: 1_000 }).open("/drive/file");
  for (const work of [
    opened.readv([], 0),
    opened.writev([], 0),
    opened.fdatasync(),
    opened.close(),
  ]) {
    const failed = work.catch((error) => diskErrorCode(error));
    clock.advance(1_000);
    t.equal(await failed, "ETIMEDOUT");
  }
});

test("limitDisk: what answers in time answers as it is", async (t) => {
  const disk = limitDisk(createNodeDisk(), { clock: realClock, deadlineMs: 60_000 });
  t.equal((await disk.stat("/")).kind, "folder");
  await t.rejects(disk.stat("/there-is-no-such-folder"), { code: "ENOENT" });
});
