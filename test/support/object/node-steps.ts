/** What tests of a whole node do with it and look at: objects in a bucket, shard files, rows. */
import type { ObjectStore } from "../../../src/object/contract/object-store.ts";
import { BufferSink, bytesSource } from "./memory-data.ts";
import { type TestNode, TestRig } from "./test-node.ts";

export const LARGE = Buffer.alloc(5000, "large content ");

export async function put(store: ObjectStore, key: string, content: Buffer): Promise<void> {
  await store.putObject({
    bucket: await store.bucket("bucket"),
    key,
    source: bytesSource(content),
    headers: {},
    storageClass: "STANDARD",
    conditions: {},
    checksumAlgorithm: "crc64nvme",
  });
}

export async function get(store: ObjectStore, key: string): Promise<Buffer> {
  const opened = await store.openObject({
    bucket: await store.bucket("bucket"),
    key,
    conditions: {},
  });
  const sink = new BufferSink();
  await opened.read({ offset: 0, length: opened.details.bytes }, sink);
  return sink.bytes;
}

export async function remove(store: ObjectStore, key: string): Promise<void> {
  await store.deleteObject({ bucket: await store.bucket("bucket"), key, conditions: {} });
}

export async function shardCount(node: TestNode): Promise<number> {
  let count = 0;
  for (const drive of node.drives) {
    const reply = await drive.listShards("", 1000);
    if (reply.ok) count += reply.shards.length;
  }
  return count;
}

export async function rowCount(
  node: TestNode,
  table: "trash" | "heal" | "pending" | "rec",
): Promise<number> {
  let count = 0;
  for (const drive of node.drives) {
    const reply = await drive.range({
      table,
      heads: [Buffer.alloc(0)],
      from: Buffer.alloc(0),
      fromExclusive: false,
      prefix: Buffer.alloc(0),
      visibleOnly: false,
      limit: 1000,
      scanMax: 1000,
    });
    if (reply.ok) count += reply.rows.length;
  }
  return count;
}

export async function startRig(driveCount = 4): Promise<{ rig: TestRig; node: TestNode }> {
  const rig = new TestRig();
  await rig.add(driveCount);
  const node = await rig.boot();
  await node.running.start();
  await node.running.store.createBucket("bucket");
  return { rig, node };
}
