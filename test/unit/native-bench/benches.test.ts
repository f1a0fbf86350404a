import { test } from "tap";
import { type Bench, formatTable, runBench } from "../../../native-bench/harness.ts";
import { listBenches, loadBench } from "../../../native-bench/run.ts";

test("native-bench: every kernel bench runs at its tiny size and says what it measured", async (t) => {
  const paths = listBenches("kernels/");
  t.ok(paths.length >= 4);
  for (const path of paths) {
    const { results } = await runBench(await loadBench(path), "tiny");
    t.ok(results.length > 1, path);
    for (const result of results) t.ok(result.median > 0, `${path} ${result.case}`);
    t.equal(formatTable(results).split("\n").length, results.length + 1);
  }
});

test("native-bench: ours and the native library computed the same", async (t) => {
  const { results: checksum } = await runBench(
    await loadBench("kernels/checksum.bench.js"),
    "tiny",
  );
  t.equal(checksum[0]?.check, checksum[1]?.check);
  t.equal(checksum[0]?.check?.length, 32);
  const { results: md5 } = await runBench(await loadBench("kernels/md5.bench.js"), "tiny");
  t.equal(new Set(md5.map(({ check }) => check)).size, 1);
  const { results: crc } = await runBench(await loadBench("kernels/crc.bench.js"), "tiny");
  const find = (name: string) => crc.find((result) => result.case === name)?.check;
  t.equal(find("crc32"), find("zlib.crc32 (yardstick)"));
});

test("runBench: relates every case to the yardstick, awaits promises and closes", async (t) => {
  const calls: string[] = [];
  const bench: Bench = {
    name: "example",
    prepare: () => [
      {
        name: "group",
        unit: "op/s",
        skipped: ["no native twin here"],
        cases: [
          { name: "sync", work: 10, run: () => calls.push("sync") },
          {
            name: "async",
            work: 10,
            yardstick: true,
            run: async () => {
              await Promise.resolve();
              calls.push("async");
            },
          },
        ],
      },
    ],
    async readings() {
      calls.push("readings");
      return [{ name: "memory", unit: "MiB", value: 1, goal: 2 }];
    },
    close() {
      calls.push("close");
    },
  };
  const { results, readings, skipped } = await runBench(bench, "tiny");
  t.strictSame(calls.slice(0, 2), ["sync", "async"]);
  t.strictSame(calls.slice(-2), ["readings", "close"]);
  t.strictSame(readings, [{ name: "memory", unit: "MiB", value: 1, goal: 2 }]);
  t.equal(results.find((result) => result.case === "async")?.ratio, 1);
  t.strictSame(skipped, ["example: group: no native twin here"]);
});
