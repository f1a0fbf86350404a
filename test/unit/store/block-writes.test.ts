/** How many writes of blocks a drive does at a time. */
import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { newDataId } from "../../../src/base/ids.ts";
import type { ShardSpec } from "../../../src/store/drive.ts";
import { BLOCK_WRITES_MAX } from "../../../src/store/shard-files.ts";
import { createSeededRandom, objectKey, settle } from "./collaborators.ts";
import { createTestDrive } from "./test-drive.ts";

const BLOCK = { blockOffset: 0, blockBytes: 4096, trailerOffset: 4096 };
const random = createSeededRandom(6);

function createSpec(): ShardSpec {
  const shape = { slot: 0, k: 2, m: 1, stripeDataBytes: 8192 };
  return { dataId: newDataId(random), ...shape, ownerKey: objectKey("owner") };
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
