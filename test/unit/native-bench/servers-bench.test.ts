/** The benches of whole servers, at the size that only proves that they still run. */
import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench as authorisedGets } from "../../../native-bench/paths/authorised-gets.bench.ts";
import { bench as largeObjects } from "../../../native-bench/paths/large-objects.bench.ts";
import { bench as lifecycle } from "../../../native-bench/paths/lifecycle.bench.ts";
import { bench as listing } from "../../../native-bench/paths/listing.bench.ts";
import { bench as manyUploads } from "../../../native-bench/paths/many-uploads.bench.ts";
import { bench as smallObjects } from "../../../native-bench/paths/small-objects.bench.ts";

const READINGS = new Map([
  [manyUploads.name, 2],
  [lifecycle.name, 3],
]);

for (const [bench, cases] of [
  [smallObjects, 4],
  [largeObjects, 4],
  [listing, 4],
  [manyUploads, 1],
  [lifecycle, 2],
  [authorisedGets, 2],
] as const) {
  test(`${bench.name} bench: runs at its tiny size through real processes`, async (t) => {
    const { results, readings } = await runBench(bench, "tiny");
    for (const { name, value } of readings) t.ok(value >= 0, name);
    t.equal(readings.length, READINGS.get(bench.name) ?? 0);
    t.equal(results.length, cases);
    for (const result of results) t.ok(result.median > 0, `${result.group}: ${result.case}`);
  });
}
