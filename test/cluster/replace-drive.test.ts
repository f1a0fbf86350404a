/**
 * A disk is lost and an empty one is put in its place: the drive fills itself, while its node runs and
 * when it was stopped, and the cluster is as strong as before. A drive that forgot everything never
 * comes back under its old id; a node that has lost all of its drives is told how it comes back.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { test } from "tap";
import {
  isStable,
  LastingObjects,
  shardsOn,
  statusOf,
  until,
  untilShards,
} from "../support/cluster-operator.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { createClient } from "../support/s3-client.ts";

const BUCKET = "lasting";
const OBJECTS = 25;
const NODES = 3;
const DRIVES = 2;
const SLOTS = NODES * DRIVES;

function empty(drive: string): void {
  for (const name of readdirSync(drive)) rmSync(join(drive, name), { recursive: true });
}

function drivesOf(cluster: ClusterProcesses): string[] {
  return Array.from({ length: NODES }, (_, node) => node).flatMap((node) =>
    Array.from({ length: DRIVES }, (_, drive) => cluster.driveFolder(node, drive)),
  );
}

async function startFilled(objects: LastingObjects): Promise<ClusterProcesses> {
  const cluster = await startCluster({
    nodes: NODES,
    drivesPerNode: DRIVES,
    environment: { RINGFORT_REPLACE_EMPTY_DRIVES_AFTER: "1s" },
  });
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("a node");
  const s3 = createClient(first);
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3.destroy();
  await objects.write(first, OBJECTS);
  return cluster;
}

test("cluster: an emptied drive of a running node, and one of a stopped node, fill themselves", {
  timeout: 300_000,
}, async (t) => {
  const objects = new LastingObjects(BUCKET);
  const cluster = await startFilled(objects);
  t.teardown(() => cluster.stop());
  const [first, second] = cluster.nodes;
  if (!first || !second) throw new Error("nodes");
  const drives = drivesOf(cluster);
  const before = await statusOf(first);
  t.equal(await untilShards(drives, objects.sharded * SLOTS), objects.sharded * SLOTS);

  // Node 2 goes on running.
  empty(cluster.driveFolder(1, 0));
  const replaced = await until(
    first,
    (status) => status.revision > before.revision && isStable(status),
  );
  const lost = before.nodes[1]?.drives[0];
  const [old, kept, fresh] = replaced.nodes[1]?.drives ?? [];
  t.equal(old?.driveId, lost?.driveId);
  t.equal(old?.state, "removed", "what was forgotten does not vote any more");
  t.equal(kept?.slots, before.nodes[1]?.drives[1]?.slots, "nothing else moves");
  t.equal(fresh?.slots, lost?.slots, "a new drive has all slots of the old one");
  await objects.write(second, 5);
  const wanted = objects.sharded * SLOTS;
  t.equal(await untilShards(drives, wanted), wanted, "every shard is there again");
  t.ok(shardsOn(cluster.driveFolder(1, 0)) > 0);

  // Node 3 finds an empty disk when it starts.
  await cluster.nodes[2]?.stop();
  rmSync(cluster.driveFolder(2, 1), { recursive: true });
  mkdirSync(cluster.driveFolder(2, 1));
  await cluster.restart(2);
  const again = await until(
    first,
    (status) => status.revision > replaced.revision && isStable(status),
  );
  t.equal(again.nodes[2]?.drives[1]?.state, "removed");
  t.equal(await untilShards(drives, wanted), wanted, "every shard is there again");

  // All of it stands without any one node, and after all of them were off at once.
  await Promise.all(cluster.nodes.map((node) => node.kill()));
  await cluster.restartAll();
  await objects.verify(t, cluster.nodes);
  await cluster.nodes[0]?.kill();
  await objects.verify(t, cluster.nodes.slice(1));
});
