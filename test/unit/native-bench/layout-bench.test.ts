import { test } from "tap";
import { runBench } from "../../../native-bench/harness.ts";
import { bench } from "../../../native-bench/paths/layout.bench.ts";

test("layout.bench: builds even layouts that move little at its tiny size", async (t) => {
  const { results } = await runBench(bench, "tiny");
  t.equal(results.length, 4);
  for (const { check = "" } of results) {
    const [even, ofReplicas] = [...check.matchAll(/([\d.]+) %/g)].map((match) => Number(match[1]));
    t.ok((even ?? 100) <= 5 && (ofReplicas ?? 100) <= 5, check);
  }
  const ratio = Number(/moves ([\d.]+) ×/.exec(results[1]?.check ?? "")?.[1]);
  t.ok(ratio >= 0.99 && ratio <= 1.1, "a fifth node takes a fifth");
});
