import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { DiskError } from "../../../src/base/disk.ts";
import { newDataId } from "../../../src/base/ids.ts";
import { parseShardHeader } from "../../../src/codec/shard-header.ts";
import { pendingRowKey, readPendingRow } from "../../../src/object/records/pending-row.ts";
import { readDriveRows } from "../../../src/object/registers/drive-rows.ts";
import type { ShardSpec } from "../../../src/store/drive.ts";
import { createSeededRandom, objectKey, settle } from "./collaborators.ts";
import { createTestDrive, DRIVE_PATH, type TestDrive } from "./test-drive.ts";

const BLOCK = { blockOffset: 0, blockBytes: 4096, trailerOffset: 4096 };
const random = createSeededRandom(3);

function createSpec(more: Partial<ShardSpec> = {}): ShardSpec {
  const dataId = newDataId(random);
  const shape = { slot: 0, k: 2, m: 1, stripeDataBytes: 8192 };
  return { dataId, ...shape, ownerKey: objectKey("owner"), ...more };
}

function pathOf(spec: ShardSpec): string {
  return `${DRIVE_PATH}/data/${spec.dataId.slice(0, 2)}/${spec.dataId}.${spec.slot}`;
}

async function writeShard(drive: TestDrive, spec: ShardSpec): Promise<void> {
  const writer = drive.client.createShard(spec);
  await writer.append(BLOCK);
  const reply = await writer.finish();
  if (!reply.ok) throw new Error(JSON.stringify(reply));
}

test("shards: a file is its header, then blocks and trailers in the order of the calls", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  random.bytes(5000).copy(drive.arena);
  drive.arena.fill(7, 8192, 8192 + 64).fill(8, 9000, 9032);
  // The first write is held back: the second keeps its place all the same.
  const gate = createDeferred<void>();
  let writes = 0;
  drive.hooks.disk = (operation) => {
    if (operation !== "writev") return;
    writes += 1;
    return writes === 1 ? gate.promise : undefined;
  };
  const writer = drive.client.createShard(spec);
  const appended = [
    writer.append(BLOCK),
    writer.append({ blockOffset: 8192, blockBytes: 64, trailerOffset: 9000 }),
  ];
  await settle();
  gate.resolve();
  t.same(await Promise.all(appended), [{ ok: true }, { ok: true }]);
  t.same(await writer.finish(), { ok: true });
  const file = drive.disk.contentOf(pathOf(spec));
  t.match(parseShardHeader(file), { ok: true, header: { dataId: spec.dataId, k: 2, m: 1 } });
  t.ok(file.subarray(128, 128 + 4128).equals(drive.arena.subarray(0, 4128)));
  t.ok(file.subarray(128 + 4128).equals(Buffer.concat([Buffer.alloc(64, 7), Buffer.alloc(32, 8)])));
});

test("shards: an empty shard is its header", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  t.same(await drive.client.createShard(spec).finish(), { ok: true });
  t.equal(drive.disk.contentOf(pathOf(spec)).length, 128);
});

test("shards: finish waits for the file, the folder and the pending row", async (t) => {
  for (const held of ["fdatasync", "fsyncDir", "flush"]) {
    const drive = await createTestDrive();
    const gate = createDeferred<void>();
    drive.hooks.disk = (operation) => (operation === held ? gate.promise : undefined);
    drive.hooks.flush = async (apply) => {
      if (held === "flush") await gate.promise;
      apply();
    };
    const writer = drive.client.createShard(createSpec());
    const appending = writer.append(BLOCK);
    let finished = false;
    const finishing = writer.finish().then((reply) => {
      finished = reply.ok;
    });
    await settle();
    t.notOk(finished, `not before ${held}`);
    gate.resolve();
    await finishing;
    t.same(await appending, { ok: true });
    t.ok(finished);
  }
});

test("shards: there is no file before the row that finds it, and neither after an abort", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  const gate = createDeferred<void>();
  drive.hooks.flush = async (apply) => {
    await gate.promise;
    apply();
  };
  const writer = drive.client.createShard(spec);
  const appending = writer.append(BLOCK);
  await settle();
  t.notOk(drive.disk.has(pathOf(spec)), "a crash now leaves nothing");
  gate.resolve();
  t.same(await appending, { ok: true });
  t.ok(drive.disk.has(pathOf(spec)));
  t.equal(await pendingCount(drive), 1, "a crash now leaves a file and a row");
  writer.abort();
  await settle();
  t.notOk(drive.disk.has(pathOf(spec)));
  t.equal(await pendingCount(drive), 0);
});

test("shards: what is being written, or undone, is neither dropped nor written again", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  const gate = createDeferred<void>();
  drive.hooks.disk = (operation) => (operation === "unlink" ? gate.promise : undefined);
  const writer = drive.client.createShard(spec);
  await writer.append(BLOCK);
  const busy = { ok: false, reason: "busy" };
  t.same(await drive.client.dropShard(spec.dataId, spec.slot), busy);
  writer.abort();
  await settle();
  t.same(await drive.client.dropShard(spec.dataId, spec.slot), busy);
  t.same(await drive.client.createShard(spec).append(BLOCK), busy);
  gate.resolve();
  await settle();
  const again = drive.client.createShard(spec);
  t.same(await again.append(BLOCK), { ok: true });
  t.same(await again.finish(), { ok: true });
  t.ok(drive.disk.has(pathOf(spec)), "the abort of the first does not touch it");
});

async function pendingCount({ client }: Pick<TestDrive, "client">): Promise<number> {
  const page = await readDriveRows(client, "pending", { from: Buffer.alloc(0), limit: 10 });
  return page.ok ? page.rows.length : -1;
}

test("shards: abort removes the file, also while blocks are written, and frees the name", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  const gate = createDeferred<void>();
  drive.hooks.disk = (operation) => (operation === "writev" ? gate.promise : undefined);
  const writer = drive.client.createShard(spec);
  const appending = writer.append(BLOCK);
  await settle();
  writer.abort();
  await settle();
  t.ok(drive.disk.has(pathOf(spec)), "the arena is still being read");
  gate.resolve();
  t.match(await appending, { ok: false, applied: "no" });
  await settle();
  t.notOk(drive.disk.has(pathOf(spec)));
  t.match(await writer.append(BLOCK), { ok: false });
  t.equal(drive.client.status().state, "online");
});

test("shards: a name that is taken is refused and left alone", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  await writeShard(drive, spec);
  const before = drive.disk.contentOf(pathOf(spec));
  const writer = drive.client.createShard(spec);
  t.match(await writer.append(BLOCK), { ok: false, reason: "unavailable", applied: "no" });
  writer.abort();
  await settle();
  t.ok(drive.disk.contentOf(pathOf(spec)).equals(before));
  t.equal(drive.client.status().state, "online");
});

test("shards: no space while writing is full, not faulty, and leaves nothing behind", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  drive.hooks.disk = (operation) => {
    if (operation === "writev") throw new DiskError("ENOSPC", "");
  };
  const writer = drive.client.createShard(spec);
  t.same(await writer.append(BLOCK), { ok: false, reason: "full" });
  t.same(await writer.finish(), { ok: false, reason: "full" });
  t.notOk(drive.disk.has(pathOf(spec)));
  t.equal(drive.client.status().state, "online");
});

for (const [operation, code] of [
  ["writev", "EIO"],
  ["fdatasync", "EIO"],
  ["fdatasync", "ENOSPC"],
  ["fsyncDir", "EIO"],
  ["create", "EROFS"],
  ["unlink", "EIO"],
] as const) {
  test(`shards: ${code} from ${operation} makes the drive faulty at once`, async (t) => {
    const drive = await createTestDrive();
    const old = createSpec();
    await writeShard(drive, old);
    let failures = 0;
    drive.hooks.disk = (current) => {
      if (current !== operation) return;
      failures += 1;
      throw new DiskError(code, "");
    };
    const writer = drive.client.createShard(createSpec());
    const replies = [await writer.append(BLOCK), await writer.finish()];
    if (operation === "unlink") replies.push(await drive.client.dropShard(old.dataId, 0));
    t.match(replies.at(-1), { ok: false, reason: "unavailable" });
    t.equal(drive.client.status().state, "faulty");
    t.equal(drive.client.status().writeErrors, 1);
    drive.hooks.disk = () => {};
    t.equal(failures, 1, "nothing is retried");
    t.match(await drive.client.dropShard(old.dataId, 0), { ok: false, applied: "no" });
    t.match(await drive.client.read(objectKey("a")), { ok: false, applied: "no" });
  });
}

test("shards: reading says missing, corrupt or unavailable, and counts", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  await writeShard(drive, spec);
  const { dataId } = spec;
  const place = BLOCK;
  t.same(await drive.client.readBlock({ dataId, slot: 0, fileOffset: 128, place }), { ok: true });
  t.same(await drive.client.readBlock({ dataId, slot: 1, fileOffset: 128, place }), {
    ok: false,
    reason: "missing",
  });
  t.same(await drive.client.readBlock({ dataId, slot: 0, fileOffset: 129, place }), {
    ok: false,
    reason: "missing",
  });
  drive.hooks.disk = (operation) => {
    if (operation === "readv") throw new DiskError("EIO", "");
  };
  t.match(await drive.client.readBlock({ dataId, slot: 0, fileOffset: 128, place }), {
    ok: false,
    reason: "corrupt",
  });
  drive.hooks.disk = (operation) => {
    if (operation === "readv") throw new DiskError("EACCES", "");
  };
  t.match(await drive.client.readBlock({ dataId, slot: 0, fileOffset: 128, place }), {
    ok: false,
    reason: "unavailable",
    applied: "no",
  });
  drive.hooks.disk = () => {};
  await drive.clock.advance(5000);
  await settle();
  t.match(drive.client.status(), { state: "online", readErrors: 2 });
});

test("shards: a file is checked against the header that its shard was written with", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  await writeShard(drive, spec);
  t.same(await drive.client.checkShard(spec), { ok: true });
  t.same(await drive.client.checkShard({ ...spec, slot: 1 }), { ok: false, reason: "missing" });
  const reply = await drive.client.checkShard({ ...spec, stripeDataBytes: 64 });
  t.match(reply, { ok: false, reason: "corrupt", message: `it is shard 0 of data ${spec.dataId}` });
  const path = `${drive.client.path}/data/${spec.dataId.slice(0, 2)}/${spec.dataId}.0`;
  drive.disk.rot(path, 100);
  t.same(await drive.client.checkShard(spec), {
    ok: false,
    reason: "corrupt",
    message: "its header is bad-checksum",
  });
  t.equal(
    (await drive.client.readBlock({ dataId: spec.dataId, slot: 0, fileOffset: 128, place: BLOCK }))
      .ok,
    true,
  );
  await drive.clock.advance(5000);
  await settle();
  t.match(drive.client.status(), { state: "online", readErrors: 2 });
});

test("shards: listing goes through all folders in name order and resumes", async (t) => {
  const drive = await createTestDrive();
  const names: string[] = [];
  for (let index = 0; index < 12; index++) {
    const spec = createSpec({ slot: index % 3 });
    await writeShard(drive, spec);
    names.push(`${spec.dataId}.${spec.slot}`);
  }
  drive.disk.put(`${DRIVE_PATH}/data/00/stranger`, Buffer.alloc(1));
  names.sort();
  const found: string[] = [];
  for (let after = ""; ; ) {
    const page = await drive.client.listShards(after, 5);
    if (!page.ok) throw new Error(JSON.stringify(page));
    if (page.shards.length === 0) break;
    for (const shard of page.shards) {
      t.equal(shard.bytes, 128 + 4128);
      found.push(`${shard.dataId}.${shard.slot}`);
    }
    after = found.at(-1) ?? "";
  }
  t.same(found, names);
});

test("shards: a drive keeps its reserve: no new data, but deletes, tombstones and reads", async (t) => {
  const totalBytes = 1024 * 1024;
  const drive = await createTestDrive({ totalBytes });
  const { client, disk } = drive;
  const old = createSpec();
  await writeShard(drive, old);
  const key = objectKey("a");
  const ballotOf = (clock: number) => ({ clock, proposer: 1, incarnation: 1 });
  const large = { value: Buffer.alloc(5000), rows: [] };
  t.same(await client.accept(key, ballotOf(1), large), { ok: true });
  // A file that is being written holds its space.
  const reserveBytes = totalBytes * 0.01;
  disk.setFreeBytes(reserveBytes + 100_000);
  drive.clock.advance(5000);
  await settle();
  t.equal(client.status().full, false);
  const holder = client.createShard(createSpec({ fileBytes: 90_000 }));
  const second = client.createShard(createSpec({ fileBytes: 90_000 }));
  t.same(await second.append(BLOCK), { ok: false, reason: "full" });
  t.same(await holder.append(BLOCK), { ok: true });
  holder.abort();
  await settle();
  t.same(await client.createShard(createSpec({ fileBytes: 90_000 })).append(BLOCK), { ok: true });

  disk.setFreeBytes(reserveBytes - 1);
  drive.clock.advance(5000);
  await settle();
  t.match(client.status(), { full: true, state: "online" });
  t.same(await client.createShard(createSpec()).append(BLOCK), { ok: false, reason: "full" });
  t.same(await client.accept(objectKey("b"), ballotOf(2), large), { ok: false, reason: "full" });
  const small = { value: Buffer.alloc(100), rows: [] };
  t.same(await client.accept(key, ballotOf(3), small), { ok: true });
  t.same(await client.accept(key, ballotOf(4), { ...small, value: Buffer.alloc(1000) }), {
    ok: true,
  });
  t.same(await client.purge(key, ballotOf(4), []), { ok: true });
  t.same(await client.dropShard(old.dataId, 0), { ok: true });
});

test("shards: a record that names another copy leaves the row of one that was made anew", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec({ anew: true });
  await writeShard(drive, spec);
  const rows = async () => {
    const page = await readDriveRows(drive.client, "pending", { from: Buffer.alloc(0), limit: 10 });
    return page.ok ? page.rows : [];
  };
  const key = pendingRowKey(spec.dataId, spec.slot);
  await drive.client.deleteRows([{ table: "pending", key }]);
  const [row] = await rows();
  if (row?.value === undefined) throw new Error("nothing would lead to the copy any more");
  t.match(readPendingRow(row.key, row.value), { dataId: spec.dataId, slot: spec.slot });
  const own = pendingRowKey(spec.dataId, spec.slot, true);
  await drive.client.deleteRows([{ table: "pending", key: own }]);
  t.equal((await rows()).length, 0);
});
