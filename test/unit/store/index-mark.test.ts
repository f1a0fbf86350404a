import { test } from "tap";
import { DiskError } from "../../../src/base/disk.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { enterIndex, INDEX_MARK, leaveIndex } from "../../../src/store/index-mark.ts";
import { type DiskOperation, FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, HandClock } from "./collaborators.ts";

const FOLDER = "/drive/index";
const MARK = `${FOLDER}/${INDEX_MARK}`;
const MIB = 1024 * 1024;

async function createIndex(content?: Buffer) {
  const operations: string[] = [];
  const hooks = { before: (_operation: DiskOperation, _path: string): void => {} };
  const clock = new HandClock();
  const disk = new FaultDisk({
    random: createSeededRandom(3),
    before: (operation, path) => {
      operations.push(`${operation} ${path.slice(FOLDER.length + 1)}`.trim());
      hooks.before(operation, path);
    },
  });
  await disk.mkdir("/drive");
  await disk.mkdir(FOLDER);
  await disk.fsyncDir("/drive");
  await disk.fsyncDir("/");
  if (content !== undefined) disk.put(`${FOLDER}/data.mdb`, content);
  const said: unknown[] = [];
  const log = {
    ...silentLogger,
    info: (_: string, fields?: object) => void said.push(fields),
  };
  operations.length = 0;
  return { disk, clock, log, operations, hooks, said };
}

test("enterIndex: marks an index that was closed well, durably, and reads nothing", async (t) => {
  const index = await createIndex(Buffer.alloc(100));
  await enterIndex(FOLDER, index);
  t.same(index.operations, [`create ${INDEX_MARK}`, "fsyncDir"]);
  index.disk.cutPower();
  t.ok(index.disk.has(MARK), "a crash leaves the mark");
  await leaveIndex(FOLDER, index);
  index.disk.cutPower();
  t.notOk(index.disk.has(MARK));
});

test("enterIndex: reads an index through that was not closed, and says how far it is", async (t) => {
  const index = await createIndex(Buffer.alloc(9 * MIB));
  await enterIndex(FOLDER, index);
  index.operations.length = 0;
  index.hooks.before = (operation) => {
    if (operation === "readv") index.clock.advance(6000);
  };
  await enterIndex(FOLDER, index);
  t.same(index.operations.filter((operation) => operation === "readv data.mdb").length, 4);
  t.match(index.said, [{ bytes: 9 * MIB }, { done: 8 * MIB }, { done: 9 * MIB }].slice(0, 2));
  t.ok(index.disk.has(MARK));
});

test("enterIndex: a medium error keeps the drive out, each time, until it reads well", async (t) => {
  const index = await createIndex(Buffer.alloc(9 * MIB));
  await enterIndex(FOLDER, index);
  let reads = 0;
  index.hooks.before = (operation) => {
    if (operation !== "readv") return;
    reads += 1;
    if (reads === 2) throw new DiskError("EIO", "");
  };
  await t.rejects(enterIndex(FOLDER, index), { message: "the index cannot be read (EIO)" });
  t.ok(index.disk.has(MARK));
  await enterIndex(FOLDER, index);
});

test("enterIndex: an index that is missing or cannot be written is said by who knows", async (t) => {
  const index = await createIndex();
  await enterIndex(FOLDER, index);
  await enterIndex(FOLDER, index);
  const readOnly = await createIndex();
  readOnly.hooks.before = (operation) => {
    if (operation === "create") throw new DiskError("EROFS", "");
  };
  await t.rejects(enterIndex(FOLDER, readOnly), { message: "the index cannot be written (EROFS)" });
  await leaveIndex("/nowhere", index);
});
