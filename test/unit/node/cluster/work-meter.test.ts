import { test } from "tap";
import { checkSameCluster } from "../../../../src/node/cluster/join-cluster.ts";
import { explicitParity } from "../../../../src/node/cluster/shared-settings.ts";
import { WorkMeter } from "../../../../src/node/cluster/work-meter.ts";
import type { WorkerStatus } from "../../../../src/object/contract/background-worker.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const NOTHING: WorkerStatus = {
  name: "healer",
  done: 0,
  failed: 0,
  waiting: undefined,
  progress: undefined,
  remainingMs: undefined,
};

test("WorkMeter: the rate is that of the last minute, and gives the time left", (t) => {
  const clock = new ManualClock();
  let workers: WorkerStatus[] = [{ ...NOTHING, done: 1000, waiting: 600 }];
  const meter = new WorkMeter(() => workers, clock);
  t.match(meter.figures(), [{ perSecond: 0, remainingMs: null, waiting: 600 }]);
  meter.start();
  clock.advance(10_000);
  workers = [{ ...NOTHING, done: 1100, waiting: 500 }];
  t.match(meter.figures(), [{ name: "healer", perSecond: 10, remainingMs: 50_000 }]);
  for (let step = 0; step < 30; step++) clock.advance(5_000);
  t.match(meter.figures(), [{ perSecond: 0, remainingMs: null }], "what was long ago is forgotten");
  workers = [{ ...NOTHING, done: 1100, waiting: 0 }];
  t.match(meter.figures(), [{ waiting: 0, remainingMs: 0 }]);
  meter.stop();
  t.equal(clock.timerCount, 0);
  t.end();
});

test("WorkMeter: workers of one name are one line", (t) => {
  const refill = { ...NOTHING, name: "refill", waiting: 5, remainingMs: 100 };
  const meter = new WorkMeter(
    () => [
      { ...refill, done: 1 },
      { ...refill, done: 2, failed: 1, remainingMs: 300 },
      { ...NOTHING, name: "scrubber" },
    ],
    new ManualClock(),
  );
  t.match(meter.figures(), [
    { name: "refill", done: 3, failed: 1, waiting: 10, remainingMs: 300 },
    { name: "scrubber", waiting: null, remainingMs: null },
  ]);
  t.end();
});

test("explicitParity: what a node's own few drives would mean is not asked of the cluster", (t) => {
  const settings = (drives: number, standard: number, reduced: number) => ({
    cluster: { storageClassStandard: { parity: standard }, storageClassRrs: { parity: reduced } },
    node: { drives: Array.from({ length: drives }, (_, at) => `/d${at}`) },
  });
  const none = { STANDARD: undefined, REDUCED_REDUNDANCY: undefined };
  t.strictSame(explicitParity(settings(1, 0, 0)), none);
  t.strictSame(explicitParity(settings(4, 2, 1)), none);
  t.strictSame(explicitParity(settings(4, 1, 0)), { STANDARD: 1, REDUCED_REDUNDANCY: 0 });
  t.end();
});

test("checkSameCluster: drives of another cluster are not taken along", (t) => {
  type Known = Parameters<typeof checkSameCluster>[0];
  type Token = Parameters<typeof checkSameCluster>[1];
  const check = (drives: string, token: string) =>
    // Both have more than is looked at here.
    checkSameCluster({ record: { clusterId: drives } } as Known, { clusterId: token } as Token);
  t.doesNotThrow(() => check("a", "a"));
  t.throws(() => check("a", "b"), /drives belong to cluster a, and the token is for cluster b/);
  t.end();
});
