/** What every disk promises (src/base/disk.ts), run on the real one and on the one that fails. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { type Disk, diskErrorCode } from "../../../src/base/disk.ts";
import { createNodeDisk } from "../../../src/store/disk-node.ts";
import { FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom } from "./collaborators.ts";

interface Place {
  readonly disk: Disk;
  readonly root: string;
}

const PLACES: Readonly<Record<string, (t: Test) => Place>> = {
  node: (t) => {
    const root = mkdtempSync(join(tmpdir(), "ringfort-disk-"));
    t.teardown(() => rmSync(root, { recursive: true, force: true }));
    return { disk: createNodeDisk(), root };
  },
  fault: () => {
    const disk = new FaultDisk({ random: createSeededRandom(1) });
    disk.mount("/root");
    return { disk, root: "/root" };
  },
};

async function codeOf(operation: Promise<unknown>): Promise<string | undefined> {
  try {
    await operation;
    return "none";
  } catch (error) {
    return diskErrorCode(error);
  }
}

for (const [name, make] of Object.entries(PLACES)) {
  test(`Disk ${name}: writes and reads vectors at their positions`, async (t) => {
    const { disk, root } = make(t);
    const path = `${root}/file`;
    const arena = Buffer.from(new SharedArrayBuffer(64));
    arena.write("hello", 8);
    const file = await disk.create(path);
    await file.writev([Buffer.from("ab"), arena.subarray(8, 13), Buffer.alloc(0)], 0);
    await file.writev([Buffer.from("XY")], 9);
    await file.fdatasync();
    await file.close();
    const reader = await disk.open(path);
    const parts = [arena.subarray(32, 36), arena.subarray(40, 60)];
    t.equal(await reader.readv(parts, 2), 9);
    t.equal(arena.toString("latin1", 32, 36), "hell");
    t.equal(arena.toString("latin1", 40, 45), "o\0\0XY");
    t.equal(await reader.readv([Buffer.alloc(3)], 100), 0);
    await reader.close();
    await disk.fsyncDir(root);
  });

  test(`Disk ${name}: names the errors that callers tell apart`, async (t) => {
    const { disk, root } = make(t);
    await (await disk.create(`${root}/a`)).close();
    t.equal(await codeOf(disk.create(`${root}/a`)), "EEXIST");
    t.equal(await codeOf(disk.open(`${root}/b`)), "ENOENT");
    t.equal(await codeOf(disk.unlink(`${root}/b`)), "ENOENT");
    t.equal(await codeOf(disk.stat(`${root}/b/c`)), "ENOENT");
    t.equal(await codeOf(disk.rename(`${root}/b`, `${root}/c`)), "ENOENT");
    await disk.mkdir(`${root}/d`);
    t.equal(await codeOf(disk.mkdir(`${root}/d`)), "EEXIST");
    t.equal(await codeOf(disk.readdir(`${root}/nowhere`)), "ENOENT");
  });

  test(`Disk ${name}: folders, kinds and space`, async (t) => {
    const { disk, root } = make(t);
    await disk.mkdir(`${root}/folder`);
    const file = await disk.create(`${root}/old`);
    await file.writev([Buffer.alloc(5)], 0);
    await file.close();
    await disk.rename(`${root}/old`, `${root}/new`);
    t.same((await disk.readdir(root)).sort(), ["folder", "new"]);
    t.match(await disk.stat(`${root}/new`), { kind: "file", bytes: 5 });
    t.match(await disk.stat(`${root}/folder`), { kind: "folder" });
    await disk.unlink(`${root}/new`);
    t.same(await disk.readdir(root), ["folder"]);
    const { totalBytes, freeBytes } = await disk.statfs(root);
    t.ok(freeBytes > 0 && freeBytes <= totalBytes);
  });
}

test("diskErrorCode: other errors have none", async (t) => {
  t.equal(diskErrorCode(new Error("x")), undefined);
  t.equal(diskErrorCode(Object.assign(new Error("x"), { code: 7 })), undefined);
  t.equal(diskErrorCode("ENOENT"), undefined);
});
