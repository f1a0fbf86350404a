/**
 * Real processes in trouble: partitions, links that are silent in one direction or slow, a process
 * that stands still, a drive whose folder goes away. What every client was told must have one
 * explanation, and everything acknowledged is there afterwards, through every node.
 *
 * A longer run with faults chosen by a seed: npm run faults -- --seed N --minutes M
 */
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { test } from "tap";
import { FAULTS, type FaultRun, readThroughAll, underLoad } from "../support/cluster-faults.ts";
import { BUCKET, clientsOf, pause, verify } from "../support/cluster-load.ts";
import { startCluster } from "../support/cluster-processes.ts";
import { HistoryRecorder } from "../support/history-recorder.ts";

/** What goes wrong lasts so long, and then until clients were answered meanwhile. */
const LAST_MS = 2_500;
/** Only a busy machine takes so long; without an answer by then, there will be none. */
const PATIENCE_MS = 45_000;
const LOOK_MS = 50;
const BETWEEN_MS = 500;
const STEPS = [
  [FAULTS.partition, 3],
  [FAULTS.oneWay, 2],
  [FAULTS.slow, 0],
  [FAULTS.freeze, 1],
  [FAULTS.driveGone, 2],
] as const;

test("cluster: what clients are told while things go wrong has one explanation", {
  timeout: 300_000,
  skip: process.platform === "linux" ? false : "links are told apart by /proc, which Linux has",
}, async (t) => {
  const cluster = await startCluster({ nodes: 4, drivesPerNode: 1, proxied: true });
  t.teardown(() => cluster.stop());
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3?.destroy();
  const recorder = new HistoryRecorder(BUCKET);
  const run: FaultRun = { cluster, expectations: new Map(), recorder, seed: 1 };
  await underLoad(run, async () => {
    for (const [fault, victim] of STEPS) {
      t.comment(fault.name);
      const before = recorder.answered;
      let answered = 0;
      await fault.run(cluster, victim, async () => {
        await pause(LAST_MS);
        const deadlineMs = performance.now() + PATIENCE_MS;
        while (recorder.answered === before && performance.now() < deadlineMs) await pause(LOOK_MS);
        answered = recorder.answered - before;
      });
      t.ok(answered > 0, `clients are answered while ${fault.name}`);
      t.comment(`${answered} answers`);
      await pause(BETWEEN_MS);
    }
  });
  await readThroughAll(run);
  t.strictSame(recorder.problems(), [], `${recorder.operations} operations can be explained`);
  await verify(t, cluster, run.expectations);
});
