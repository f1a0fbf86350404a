/**
 * A cluster of real processes grows by a node that comes with a token, and says clearly why it does not
 * let others in; the new node knows its cluster without the token afterwards, and leaves again.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import { freePort } from "../../native-bench/load/free-port.ts";
import type { ClusterStatus } from "../../src/object/cluster/cluster-administration.ts";
import { type CommandOutcome, runProgram } from "../support/cluster-command.ts";
import {
  BUCKET,
  clientsOf,
  type Expectations,
  loadFor,
  pause,
  verify,
} from "../support/cluster-load.ts";
import { isStable, statusOf, until } from "../support/cluster-operator.ts";
import { type ClusterProcesses, startCluster } from "../support/cluster-processes.ts";
import { startServer } from "../support/server-process.ts";

function operate(cluster: ClusterProcesses, ...words: string[]): Promise<CommandOutcome> {
  const url = cluster.nodes[0]?.endpoint ?? "";
  return runProgram(["cluster", ...words, "--url", url]);
}

async function newToken(t: Test, cluster: ClusterProcesses): Promise<string> {
  const { code, stdout, stderr } = await operate(cluster, "token", "--expires", "10m", "--json");
  t.equal(code, 0, stderr);
  const { token }: { token: string } = JSON.parse(stdout);
  return token;
}

async function firstStatus({ nodes: [first] }: ClusterProcesses): Promise<ClusterStatus> {
  if (first === undefined) throw new Error("a node");
  return statusOf(first);
}

/** What a node says that cannot start. */
async function refusalOf(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const peer = { RINGFORT_PEER_ADDRESS: `127.0.0.1:${await freePort()}` };
  const { code, stdout, stderr } = await runProgram(
    ["server", "--json", "--address", address, ...words],
    { ...peer, ...environment },
  );
  return code === 0 ? "it started" : stdout + stderr;
}

async function checkRefusals(t: Test, cluster: ClusterProcesses, token: string): Promise<void> {
  const empty = join(cluster.folder, "empty");
  mkdirSync(empty);
  t.match(await refusalOf(["--join", token.slice(0, -9), empty]), /not whole: copy all of it/);
  t.match(
    await refusalOf(["--join", token, empty], { RINGFORT_ROOT_PASSWORD: "another-password" }),
    /root credentials are not those of the cluster: set RINGFORT_ROOT_USER/,
  );
  t.match(
    await refusalOf(["--join", token, empty], { RINGFORT_STRIPE_DATA_BYTES: "512KiB" }),
    /stripe-data-bytes is 524288 there, 1048576 here/,
  );
  const alone = await startServer({ drives: 1 });
  await alone.stop();
  t.match(
    await refusalOf(["--join", token, ...alone.drives]),
    /a new node needs empty folders: .* is a drive of node [0-9a-f]{32} in cluster/,
  );
  alone.clean();
}

/** As an operator does it: look at the plan, make the change, follow it. */
async function checkDrain(
  t: Test,
  cluster: ClusterProcesses,
  expectations: Expectations,
): Promise<void> {
  const address = (await firstStatus(cluster)).nodes[3]?.addresses[0] ?? "";
  const plan = await operate(cluster, "plan", "drain", address);
  t.match(plan.stdout, /Nothing has been changed/);
  const [, revision = ""] = /--revision (\d+)/.exec(plan.stdout) ?? [];
  t.match((await operate(cluster, "drain", address, "--revision", "1")).stderr, /plan again/);
  const drained = await operate(cluster, "drain", address, "--revision", revision, "--watch");
  t.equal(drained.code, 0, drained.stderr);
  t.match(drained.stdout, /the change is done/);
  const left = (await firstStatus(cluster)).nodes.filter(({ state }) => state !== "removed");
  t.equal(left.length, 3);
  const gone = cluster.nodes.pop();
  const code = await new Promise((resolve) => {
    if (gone === undefined || gone.child.exitCode !== null) resolve(gone?.child.exitCode);
    else gone.child.once("exit", resolve);
  });
  t.equal(code, 3, "the removed node ends by itself");
  t.match(gone?.output(), /not a member of its cluster any more: it was drained/);
  await verify(t, cluster, expectations);
}

test("cluster: a node joins by a token, knows its cluster afterwards, and leaves again", {
  timeout: 300_000,
}, async (t) => {
  const cluster = await startCluster({ nodes: 3, drivesPerNode: 1 });
  t.teardown(() => cluster.stop());
  const expectations: Expectations = new Map();
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3?.destroy();
  const token = await newToken(t, cluster);
  await checkRefusals(t, cluster, token);

  await loadFor(cluster, expectations, async () => {
    await cluster.startFurther({ drives: 1, flags: ["--join", token] });
    await pause(1_000);
  });
  t.match(await refusalOf(["--join", token, join(cluster.folder, "late")]), /used by another node/);
  const [first] = cluster.nodes;
  if (first === undefined) throw new Error("a node");
  // Each node hears of the others by itself: a moment passes until the first one sees all of them.
  const isWhole = (status: ClusterStatus): boolean =>
    isStable(status) && status.nodes.filter(({ online }) => online).length === 4;
  await until(first, isWhole);
  await verify(t, cluster, expectations);

  await cluster.nodes[3]?.kill();
  await cluster.startFurther({ drives: 1, position: 3 });
  t.ok(await until(first, isWhole), "no token is needed any more");
  await checkDrain(t, cluster, expectations);
});
