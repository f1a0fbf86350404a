/** How blocks are written: few at a time, and synced at once where a file is only one. */
import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { DiskError } from "../../../src/base/disk.ts";
import { newDataId } from "../../../src/base/ids.ts";
import { SHARD_HEADER_BYTES } from "../../../src/codec/shard-header.ts";
import { TRAILER_BYTES } from "../../../src/codec/stripe.ts";
import type { ShardSpec } from "../../../src/store/drive.ts";
import { BLOCK_WRITES_MAX } from "../../../src/store/shard-files.ts";
import { createSeededRandom, objectKey, settle } from "./collaborators.ts";
import { createTestDrive, DRIVE_PATH } from "./test-drive.ts";

const BLOCK = { blockOffset: 0, blockBytes: 4096, trailerOffset: 4096 };
const random = createSeededRandom(6);

/** Of a file whose length nobody knows before its end. */
function createSpec(): ShardSpec {
  const shape = { slot: 0, k: 2, m: 1, stripeDataBytes: 8192 };
  return { dataId: newDataId(random), ...shape, ownerKey: objectKey("owner") };
}

function createShortSpec(): ShardSpec {
  return { ...createSpec(), fileBytes: SHARD_HEADER_BYTES + 4096 + TRAILER_BYTES };
}

test("ShardFiles: few blocks of all files are written at a time, the others in their turn", async (t) => {
  const drive = await createTestDrive();
  const gate = createDeferred<void>();
  let [running, most, count] = [0, 0, 0];
  drive.hooks.disk = async (operation) => {
    if (operation !== "writev") return;
    most = Math.max(most, ++running);
    count++;
    await gate.promise;
    running--;
  };
  const writers = Array.from({ length: 4 * BLOCK_WRITES_MAX }, () =>
    drive.client.createShard(createSpec()),
  );
  const appended = writers.map((writer) => writer.append(BLOCK));
  await settle();
  t.equal(count, BLOCK_WRITES_MAX);
  gate.resolve();
  for (const reply of await Promise.all(appended)) t.same(reply, { ok: true });
  t.equal(count, writers.length);
  t.equal(most, BLOCK_WRITES_MAX);
});

test("ShardFiles: what waits for its turn is not written when its file is given up", async (t) => {
  const drive = await createTestDrive();
  const gate = createDeferred<void>();
  let count = 0;
  drive.hooks.disk = (operation) => {
    if (operation !== "writev") return;
    count++;
    return gate.promise;
  };
  const first = Array.from({ length: BLOCK_WRITES_MAX }, () =>
    drive.client.createShard(createSpec()).append(BLOCK),
  );
  await settle();
  const given = drive.client.createShard(createSpec());
  const waiting = given.append(BLOCK);
  await settle();
  given.abort();
  gate.resolve();
  t.match(await waiting, { ok: false });
  for (const reply of await Promise.all(first)) t.same(reply, { ok: true });
  await settle();
  t.equal(count, BLOCK_WRITES_MAX);
});

test("ShardFiles: a file of one block survives a power cut once it is finished", async (t) => {
  const drive = await createTestDrive();
  const spec = createShortSpec();
  const operations: string[] = [];
  drive.hooks.disk = (operation) => {
    operations.push(operation);
  };
  const writer = drive.client.createShard(spec);
  t.same(await writer.append(BLOCK), { ok: true });
  t.equal(operations.filter((operation) => operation === "fdatasync").length, 1, "by its write");
  t.same(await writer.finish(), { ok: true });
  t.equal(operations.filter((operation) => operation === "fdatasync").length, 1);
  t.ok(operations.includes("fsyncDir"));
  drive.disk.cutPower();
  const path = `${DRIVE_PATH}/data/${spec.dataId.slice(0, 2)}/${spec.dataId}.0`;
  t.equal(drive.disk.contentOf(path).length, spec.fileBytes);
});

test("ShardFiles: a sync that fails within a write ends the shard and the drive's writes", async (t) => {
  const drive = await createTestDrive();
  const writer = drive.client.createShard(createShortSpec());
  drive.hooks.disk = (operation) => {
    if (operation === "fdatasync") throw new DiskError("EIO", "injected");
  };
  t.match(await writer.append(BLOCK), { ok: false, reason: "unavailable" });
  drive.hooks.disk = () => {};
  t.match(await writer.finish(), { ok: false });
  t.equal(drive.client.status().state, "faulty");
});

test("ShardFiles: writes that wait for the disk take no turn", async (t) => {
  const drive = await createTestDrive();
  const gate = createDeferred<void>();
  drive.hooks.disk = (operation) => (operation === "fdatasync" ? gate.promise : undefined);
  const short = Array.from({ length: 2 * BLOCK_WRITES_MAX }, () =>
    drive.client.createShard(createShortSpec()).append(BLOCK),
  );
  await settle();
  t.same(await drive.client.createShard(createSpec()).append(BLOCK), { ok: true });
  gate.resolve();
  for (const reply of await Promise.all(short)) t.same(reply, { ok: true });
});
