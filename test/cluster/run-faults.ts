/**
 * `npm run faults -- --seed N --minutes M`: a cluster of real processes and faults chosen by a seed,
 * longer than any timeout of the nodes, for as long as one likes. Says what is wrong and ends with 1.
 */
import { parseArgs } from "node:util";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import {
  FAULTS,
  type FaultName,
  type FaultRun,
  readThroughAll,
  underLoad,
} from "../support/cluster-faults.ts";
import { BUCKET, clientsOf, pause, verify } from "../support/cluster-load.ts";
import { startCluster } from "../support/cluster-processes.ts";
import { HistoryRecorder } from "../support/history-recorder.ts";
import { SeededRandom } from "../support/seeded-random.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    minutes: { type: "string", default: "5" },
    nodes: { type: "string", default: "6" },
  },
});
const MINUTE_MS = 60_000;
/** Longer than a call, a block read and the word that a peer is down take to give up. */
const LONG_MS = 35_000;
const SHORT_MS = 1_500;
const LONG_EVERY = 4;
const nodes = Number(values.nodes);
const firstSeed = Number(values.seed);

function namesOf(): FaultName[] {
  const short: FaultName[] = ["partition", "oneWay", "slow", "freeze", "kill", "driveGone"];
  const all: FaultName[] = [...short, "driveLost", "rolling", "growAndShrink"];
  return process.getuid?.() === 0 ? all : [...all, "readOnly"];
}

/** A few faults, one after the other, and a look at everything. */
async function round(t: Test, run: FaultRun): Promise<void> {
  // Neighbours would draw alike.
  const random = new SeededRandom(Math.imul(run.seed, 0x9e3779b1));
  const names = namesOf();
  await underLoad(run, async () => {
    for (let step = 0; step < 3; step++) {
      // What takes longest to be drawn comes first in every fourth round.
      const isLong = step === 0 && run.seed % LONG_EVERY === 1;
      const name = isLong ? "freeze" : (names[random.below(names.length)] ?? "kill");
      const victim = random.below(run.cluster.nodes.length);
      const lastMs = isLong || random.below(3) === 0 ? LONG_MS : SHORT_MS;
      t.comment(`${FAULTS[name].name}: node ${victim + 1}, ${lastMs} ms`);
      await FAULTS[name].run(run.cluster, victim, () => pause(lastMs));
      await pause(SHORT_MS);
    }
  });
  await readThroughAll(run);
  t.strictSame(run.recorder.problems(), [], `${run.recorder.operations} operations explained`);
  await verify(t, run.cluster, run.expectations);
}

const untilMs = performance.now() + Number(values.minutes) * MINUTE_MS;
test(`faults from seed ${firstSeed} on ${nodes} nodes`, { timeout: 0 }, async (t) => {
  const environment = { RINGFORT_REPLACE_EMPTY_DRIVES_AFTER: "1s" };
  const cluster = await startCluster({ nodes, drivesPerNode: 1, proxied: true, environment });
  t.teardown(() => cluster.stop());
  const [s3] = clientsOf(cluster);
  await s3?.send(new CreateBucketCommand({ Bucket: BUCKET }));
  s3?.destroy();
  const expectations = new Map();
  for (let seed = firstSeed; performance.now() < untilMs; seed++) {
    t.comment(`seed ${seed}`);
    const recorder = new HistoryRecorder(BUCKET, `history-${seed}`);
    await round(t, { cluster, expectations, recorder, seed });
    if (!t.passing()) break;
  }
});
