import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/store.bench.ts";

test("store bench: runs at its tiny size through real threads and drives", async (t) => {
  const { results } = await runBench(bench, "tiny");
  t.equal(results.length, 8);
  for (const result of results) t.ok(result.median > 0, `${result.group}: ${result.case}`);
});
