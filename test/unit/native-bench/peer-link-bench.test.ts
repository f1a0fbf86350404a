/** The bench of a link between nodes still runs. */
import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/peer-link.bench.ts";

test("peer link bench: runs at its tiny size between two processes", async (t) => {
  const { results, readings } = await runBench(bench, "tiny");
  t.equal(results.length, 5);
  for (const result of results) t.ok(result.median > 0, `${result.group}: ${result.case}`);
  t.equal(readings.length, 6);
});
