import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { DiskError } from "../../../src/base/disk.ts";
import { newDataId } from "../../../src/base/ids.ts";
import type { ShardSpec, ShardWriter } from "../../../src/store/drive.ts";
import { SYNC_AHEAD_BYTES_MIN, SYNCS_AHEAD_MAX } from "../../../src/store/sync-ahead.ts";
import { createSeededRandom, objectKey, settle } from "./collaborators.ts";
import { createTestDrive, DRIVE_PATH } from "./test-drive.ts";

const BLOCK_BYTES = 512 * 1024;
const BLOCK = { blockOffset: 0, blockBytes: BLOCK_BYTES, trailerOffset: BLOCK_BYTES };
const random = createSeededRandom(5);

function createSpec(): ShardSpec {
  const shape = { slot: 0, k: 2, m: 1, stripeDataBytes: 1024 * 1024 };
  return { dataId: newDataId(random), ...shape, ownerKey: objectKey("owner") };
}

/** As much as is worth a sync. */
async function appendMuch(writer: ShardWriter): Promise<void> {
  for (let bytes = 0; bytes < SYNC_AHEAD_BYTES_MIN; bytes += BLOCK_BYTES) {
    await writer.append(BLOCK);
  }
}

test("SyncAhead: a long file is synced while it grows, and once more at its end", async (t) => {
  const drive = await createTestDrive();
  let syncs = 0;
  drive.hooks.disk = (operation) => {
    if (operation === "fdatasync") syncs++;
  };
  const writer = drive.client.createShard(createSpec());
  await writer.append(BLOCK);
  t.equal(syncs, 0, "little is left to the end");
  await appendMuch(writer);
  t.equal(syncs, 1);
  await appendMuch(writer);
  t.equal(syncs, 2);
  t.same(await writer.finish(), { ok: true });
  t.equal(syncs, 3, "whatever was synced before");
});

test("SyncAhead: nobody waits for it but the end, and few run at a time", async (t) => {
  const drive = await createTestDrive();
  const gate = createDeferred<void>();
  let syncs = 0;
  drive.hooks.disk = (operation) => {
    if (operation !== "fdatasync") return;
    syncs++;
    return syncs <= SYNCS_AHEAD_MAX ? gate.promise : undefined;
  };
  const writers = Array.from({ length: SYNCS_AHEAD_MAX + 1 }, () =>
    drive.client.createShard(createSpec()),
  );
  for (const writer of writers) await appendMuch(writer);
  t.equal(syncs, SYNCS_AHEAD_MAX);
  const [first, , last] = writers;
  t.same(await last?.finish(), { ok: true }, "which no early sync runs for");
  let finished = false;
  const finishing = first?.finish().then((reply) => {
    finished = reply.ok;
  });
  await settle();
  t.notOk(finished, "its descriptor is in use");
  gate.resolve();
  await finishing;
  t.ok(finished);
});

test("SyncAhead: one that fails ends the shard and the drive's writes", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  drive.hooks.disk = (operation) => {
    if (operation === "fdatasync") throw new DiskError("EIO", "injected");
  };
  const writer = drive.client.createShard(spec);
  await appendMuch(writer);
  await settle();
  drive.hooks.disk = () => {};
  t.match(
    await writer.finish(),
    { ok: false, reason: "unavailable" },
    "a second sync would succeed",
  );
  t.equal(drive.client.status().state, "faulty");
});

test("SyncAhead: one that fails later than the sync at the end succeeds counts", async (t) => {
  const drive = await createTestDrive();
  const gate = createDeferred<void>();
  let syncs = 0;
  drive.hooks.disk = (operation) => {
    if (operation !== "fdatasync") return;
    return ++syncs === 1 ? gate.promise : undefined;
  };
  const writer = drive.client.createShard(createSpec());
  await appendMuch(writer);
  const finishing = writer.finish();
  await settle();
  t.equal(syncs, 2);
  gate.reject(new DiskError("EIO", "injected"));
  t.match(await finishing, { ok: false, reason: "unavailable" });
  t.equal(drive.client.status().state, "faulty");
});

test("SyncAhead: an abort waits for it before it closes the file", async (t) => {
  const drive = await createTestDrive();
  const spec = createSpec();
  const path = `${DRIVE_PATH}/data/${spec.dataId.slice(0, 2)}/${spec.dataId}.0`;
  const gate = createDeferred<void>();
  drive.hooks.disk = (operation) => (operation === "fdatasync" ? gate.promise : undefined);
  const writer = drive.client.createShard(spec);
  await appendMuch(writer);
  writer.abort();
  await settle();
  t.ok(drive.disk.has(path));
  gate.resolve();
  await settle();
  t.notOk(drive.disk.has(path));
});
