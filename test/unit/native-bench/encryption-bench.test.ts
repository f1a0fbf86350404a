import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/encryption.bench.ts";

test("encryption bench: runs at its tiny size, and the sealed side is sealed", async (t) => {
  const { results, readings } = await runBench(bench, "tiny");
  t.equal(results.length, 4);
  for (const result of results) t.ok(result.median > 0, `${result.group}: ${result.case}`);
  t.equal(readings.length, 4);
  for (const { name, value } of readings) t.ok(value >= 0, name);
});
