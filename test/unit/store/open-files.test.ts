import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import type { Disk } from "../../../src/base/disk.ts";
import { OpenFiles } from "../../../src/store/open-files.ts";
import { FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, settle } from "./collaborators.ts";

/** A disk that says which files are open. */
function createCountingDisk(): { disk: Disk; open: string[]; opened: string[] } {
  const inner = new FaultDisk({ random: createSeededRandom(1) });
  const open: string[] = [];
  const opened: string[] = [];
  for (const name of ["a", "b", "c", "d"]) inner.put(`/${name}`, Buffer.from(name));
  const disk: Disk = {
    create: (path) => inner.create(path),
    createSynced: (path) => inner.createSynced(path),
    rename: (source, target) => inner.rename(source, target),
    unlink: (path) => inner.unlink(path),
    mkdir: (path) => inner.mkdir(path),
    readdir: (path) => inner.readdir(path),
    stat: (path) => inner.stat(path),
    fsyncDir: (path) => inner.fsyncDir(path),
    statfs: (path) => inner.statfs(path),
    open: async (path) => {
      const file = await inner.open(path);
      open.push(path);
      opened.push(path);
      return {
        writev: (buffers, position) => file.writev(buffers, position),
        readv: (buffers, position) => file.readv(buffers, position),
        fdatasync: () => file.fdatasync(),
        close: async () => void open.splice(open.indexOf(path), 1),
      };
    },
  };
  return { disk, open, opened };
}

async function read(files: OpenFiles, path: string): Promise<string> {
  const bytes = Buffer.alloc(1);
  await files.use(path, (file) => file.readv([bytes], 0));
  return bytes.toString();
}

test("OpenFiles: keeps the most recently used files open, and no more", async (t) => {
  const { disk, open, opened } = createCountingDisk();
  const files = new OpenFiles(disk, 2);
  t.equal(await read(files, "/a"), "a");
  t.equal(await read(files, "/b"), "b");
  t.equal(await read(files, "/a"), "a");
  t.equal(await read(files, "/c"), "c");
  await settle();
  t.same(open.sort(), ["/a", "/c"], "b was used longest ago");
  t.same(opened, ["/a", "/b", "/c"], "nothing was opened twice");
  files.closeAll();
  await settle();
  t.same(open, []);
});

test("OpenFiles: a file in use is closed by its last user", async (t) => {
  const { disk, open } = createCountingDisk();
  const files = new OpenFiles(disk, 1);
  const gate = createDeferred<void>();
  const using = files.use("/a", () => gate.promise);
  await read(files, "/b");
  files.forget("/a");
  await settle();
  t.ok(open.includes("/a"));
  gate.resolve();
  await using;
  await settle();
  t.notOk(open.includes("/a"));
});

test("OpenFiles: a failed opening is tried again", async (t) => {
  const { disk } = createCountingDisk();
  const files = new OpenFiles(disk, 2);
  await t.rejects(read(files, "/e"), { code: "ENOENT" });
  t.equal(files.size, 0);
  const created = await disk.create("/e");
  await created.writev([Buffer.from("e")], 0);
  t.equal(await read(files, "/e"), "e");
});
