/** A change of a running cluster that was begun by mistake is given up, and everything is as before. */
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { test } from "tap";
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

test("cluster: a change is given up in its middle, through another node than began it", {
  timeout: 300_000,
}, async (t) => {
  const objects = new LastingObjects(BUCKET);
  const cluster = await startFilled(objects);
  t.teardown(() => cluster.stop());
  const [first, second] = [nodeAt(cluster, 0), nodeAt(cluster, 1)];
  const drives = Array.from({ length: NODES }, (_, node) => cluster.driveFolder(node, 0));
  const before = await statusOf(first);
  await t.rejects(operate(second, "abandon"), { message: /there is no change/ });
  const { token }: { token: string } = JSON.parse(await operate(first, "token", "--json"));
  const newcomer = await cluster.startFurther({ drives: 1, flags: ["--join", token] });
  await until(first, ({ phase }) => phase === "joint");
  // What is to lie on it cannot get there: the change does not end, however fast the machine is.
  newcomer.child.kill("SIGSTOP");
  await objects.write(first, 5);
  await operate(second, "abandon");
  newcomer.child.kill("SIGCONT");
  const after = await until(second, (status) => {
    return status.revision > before.revision && isStable(status);
  });
  t.strictSame(
    after.nodes.map(({ state, drives: [drive] }) => [state, drive?.slots]),
    [...before.nodes.map(({ drives: [drive] }) => ["active", drive?.slots]), ["removed", 0]],
    "the cluster is what it was",
  );
  await newcomer.kill();
  await objects.verify(t, cluster.nodes.slice(0, NODES));
  const wanted = objects.sharded * NODES;
  const found = await untilShards(drives, wanted);
  // What was written anew because a drive was away is kept for a while.
  t.ok(found >= wanted, `${found} shards, and ${wanted} are needed`);
  await nodeAt(cluster, 2).kill();
  await objects.verify(t, [first, second, nodeAt(cluster, 3)]);
});
