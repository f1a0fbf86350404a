import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/xml.bench.ts";

test("xml.bench: reads every document at its tiny size", async (t) => {
  const { results } = await runBench(bench, "tiny");
  const checks = results.flatMap(({ check }) => (check === undefined ? [] : [check]));
  // Root, parts of three elements each; root, objects of one key each.
  t.strictSame(checks.slice(0, 4), ["41", "21", "21", "21"]);
  t.ok(checks.length > 4);
  for (const outcome of checks.slice(4)) t.equal(outcome, "A");
});
