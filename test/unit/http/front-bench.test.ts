import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/front.bench.ts";

test("front.bench: runs at its tiny size and relates our servers to the bare library", async (t) => {
  const { results } = await runBench(bench, "tiny");
  t.equal(results.length, 12);
  for (const result of results) {
    t.ok(result.median > 0, `${result.group}: ${result.case}`);
    t.ok((result.ratio ?? 0) > 0);
  }
});
