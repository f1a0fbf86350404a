/**
 * `npm run bench [-- [--tiny] [filter]]`: runs every bench whose file name contains the filter, one
 * after the other; prints JSON lines as results come, and a table at the end. `--help` lists them.
 */
import { readdirSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Bench, type BenchResult, type BenchSize, formatTable, runBench } from "./harness.ts";

const BENCH_FILE = ".bench.js";

/** Paths of the compiled bench files, relative to this folder. */
export function listBenches(filter: string): string[] {
  const folder = dirname(fileURLToPath(import.meta.url));
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(BENCH_FILE) && path.includes(filter))
    .sort();
}

export async function loadBench(path: string): Promise<Bench> {
  const loaded: { readonly bench: Bench } = await import(`./${path}`);
  return loaded.bench;
}

function helpText(): string {
  const usage = "Usage: npm run bench -- [--tiny] [FILTER]";
  const options = [
    "  FILTER   run the benches whose path contains it; all of them without",
    "  --tiny   small inputs, as the unit tests run them: the numbers mean nothing",
  ];
  const benches = listBenches("").map((path) => `  ${path.slice(0, -BENCH_FILE.length)}`);
  return [usage, "", ...options, "", "Benches:", ...benches].join("\n");
}

async function main(parameters: readonly string[]): Promise<void> {
  if (parameters.includes("--help") || parameters.includes("-h")) {
    console.log(helpText());
    return;
  }
  const unknown = parameters.find((word) => word.startsWith("-") && word !== "--tiny");
  if (unknown !== undefined) {
    console.error(`unknown option ${unknown}\n\n${helpText()}`);
    process.exitCode = 2;
    return;
  }
  const size: BenchSize = parameters.includes("--tiny") ? "tiny" : "full";
  const filter = parameters.find((parameter) => !parameter.startsWith("--")) ?? "";
  const model = cpus()[0]?.model.trim() ?? "unknown";
  const load = loadavg().map((value) => value.toFixed(2));
  console.log(JSON.stringify({ node: process.version, cpu: model, cpus: cpus().length, load }));
  const results: BenchResult[] = [];
  for (const path of listBenches(filter)) {
    const bench = await loadBench(path);
    const report = await runBench(bench, size);
    for (const result of report.results) console.log(JSON.stringify(result));
    for (const reading of report.readings) {
      console.log(JSON.stringify({ bench: bench.name, ...reading }));
    }
    for (const what of report.skipped) console.log(JSON.stringify({ skipped: what }));
    results.push(...report.results);
  }
  console.log(`\n${formatTable(results)}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
