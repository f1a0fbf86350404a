/** The benches of clusters, at the size that only proves that they still run. */
import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench as clusterListing } from "../../../native-bench/paths/cluster-listing.bench.ts";
import { bench as clusterMoves } from "../../../native-bench/paths/cluster-moves.bench.ts";
import { bench as clusterObjects } from "../../../native-bench/paths/cluster-objects.bench.ts";
import { bench as nodeLoss } from "../../../native-bench/paths/node-loss.bench.ts";

for (const [bench, cases, readings] of [
  [clusterObjects, 12, 36],
  [clusterListing, 2, 0],
  [nodeLoss, 3, 11],
  [clusterMoves, 2, 12],
] as const) {
  test(`${bench.name} bench: runs at its tiny size through real processes`, async (t) => {
    const report = await runBench(bench, "tiny");
    t.equal(report.results.length, cases);
    for (const result of report.results) t.ok(result.median > 0, `${result.group}: ${result.case}`);
    t.equal(report.readings.length, readings);
    for (const { name, value } of report.readings) t.ok(value >= 0, name);
  });
}
