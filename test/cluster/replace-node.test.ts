/**
 * A machine is lost for ever: another one with an identity of its own takes its place with a token, and
 * the cluster is as strong as before.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import {
  isStable,
  LastingObjects,
  operate,
  statusOf,
  until,
  untilShards,
} from "../support/cluster-operator.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { createClient } from "../support/s3-client.ts";
import type { ServerProcess } from "../support/server-process.ts";

const BUCKET = "lasting";
const OBJECTS = 20;
const NODES = 4;

async function startFilled(objects: LastingObjects): Promise<ClusterProcesses> {
  const cluster = await startCluster({ nodes: NODES, drivesPerNode: 1 });
  const first = nodeAt(cluster, 0);
  const s3 = createClient(first);
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3.destroy();
  await objects.write(first, OBJECTS);
  return cluster;
}

function nodeAt({ nodes }: ClusterProcesses, position: number): ServerProcess {
  const node = nodes[position];
  if (node === undefined) throw new Error(`no node ${position}`);
  return node;
}

/** The lost node, its disks emptied, does not get in as what it was. */
async function checkStranger(t: Test, cluster: ClusterProcesses): Promise<void> {
  rmSync(join(cluster.folder, "node4"), { recursive: true });
  await t.rejects(cluster.restart(3), {
    message: /formed without that node: all of its drives were emptied.* token --replaces NODE/,
  });
}

test("cluster: another machine takes the place of one that is lost, and is as full as it was", {
  timeout: 300_000,
}, async (t) => {
  const objects = new LastingObjects(BUCKET);
  const cluster = await startFilled(objects);
  t.teardown(() => cluster.stop());
  const first = nodeAt(cluster, 0);
  const before = await statusOf(first);
  await nodeAt(cluster, 3).kill();
  await objects.write(first, 5);
  await checkStranger(t, cluster);

  const name = before.nodes[3]?.addresses[0] ?? "";
  const made = await operate(first, "token", "--replaces", name, "--json");
  const { token }: { token: string } = JSON.parse(made);
  await cluster.startFurther({ drives: 1, flags: ["--join", token] });
  const after = await until(first, (status) => {
    return status.revision > before.revision && isStable(status);
  });
  const [old, newcomer] = after.nodes.slice(3);
  t.equal(old?.state, "removed");
  t.equal(newcomer?.drives[0]?.slots, before.nodes[3]?.drives[0]?.slots, "exactly its slots");
  t.not(newcomer?.peerId, old?.peerId);

  const drives = [0, 1, 2, 4].map((position) => cluster.driveFolder(position, 0));
  const wanted = objects.sharded * NODES;
  t.equal(await untilShards(drives, wanted), wanted, "every shard is there again");
  const serving = [0, 1, 2, 4].map((position) => nodeAt(cluster, position));
  await objects.verify(t, serving);
  await nodeAt(cluster, 1).kill();
  await objects.verify(t, serving.toSpliced(1, 1));
});
