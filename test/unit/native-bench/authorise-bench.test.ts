import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { loadBench } from "../../../native-bench/run.ts";

test("native-bench: the authorise bench runs at its tiny size", async (t) => {
  const { results } = await runBench(await loadBench("paths/authorise.bench.js"), "tiny");
  t.equal(results.length, 3);
  for (const { median, case: name } of results) t.ok(median > 0, name);
});
