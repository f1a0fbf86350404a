import { test } from "tap";
import { createDeferred, type Deferred } from "../../../src/base/deferred.ts";
import { DiskError } from "../../../src/base/disk.ts";
import { FolderSync } from "../../../src/store/folder-sync.ts";
import { FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, settle } from "./collaborators.ts";

function createGatedDisk(): { disk: FaultDisk; gates: Deferred<void>[] } {
  const gates: Deferred<void>[] = [];
  const disk = new FaultDisk({
    random: createSeededRandom(1),
    before: (operation) => {
      if (operation !== "fsyncDir") return;
      const gate = createDeferred<void>();
      gates.push(gate);
      return gate.promise;
    },
  });
  return { disk, gates };
}

test("FolderSync: callers during a sync share the next one, never the running one", async (t) => {
  const { disk, gates } = createGatedDisk();
  await disk.mkdir("/a");
  const sync = new FolderSync(disk);
  const done: string[] = [];
  const first = sync.sync("/a").then(() => done.push("first"));
  const second = sync.sync("/a").then(() => done.push("second"));
  const third = sync.sync("/a").then(() => done.push("third"));
  await settle();
  t.equal(gates.length, 1);
  gates[0]?.resolve();
  await settle();
  t.same(done, ["first"]);
  t.equal(gates.length, 2, "one more sync for both");
  gates[1]?.resolve();
  await Promise.all([first, second, third]);
  t.same(done, ["first", "second", "third"]);
});

test("FolderSync: folders do not wait for each other, and idle ones start at once", async (t) => {
  const { disk, gates } = createGatedDisk();
  await disk.mkdir("/a");
  await disk.mkdir("/b");
  const sync = new FolderSync(disk);
  const both = Promise.all([sync.sync("/a"), sync.sync("/b")]);
  await settle();
  t.equal(gates.length, 2);
  for (const gate of gates) gate.resolve();
  await both;
  const again = sync.sync("/a");
  await settle();
  t.equal(gates.length, 3);
  gates[2]?.resolve();
  await again;
});

test("FolderSync: a failed sync fails its own callers only", async (t) => {
  const { disk, gates } = createGatedDisk();
  await disk.mkdir("/a");
  const sync = new FolderSync(disk);
  const first = sync.sync("/a");
  const second = sync.sync("/a");
  await settle();
  gates[0]?.reject(new DiskError("EIO", "/a"));
  await t.rejects(first, { code: "EIO" });
  await settle();
  gates[1]?.resolve();
  await second;
});
