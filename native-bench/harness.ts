/**
 * Measures cases side by side: rounds are interleaved, so that noise of the machine hits all cases
 * alike, and every case is related to the yardstick measured in the same run. Reports the median
 * and the spread, as lines of JSON and as a table.
 *
 * Every bench has two sizes. `tiny` runs within the unit tests, so that no bench can rot; only
 * `full` numbers mean anything.
 */

export const BENCH_SIZES = ["tiny", "full"] as const;
export type BenchSize = (typeof BENCH_SIZES)[number];

export interface BenchCase {
  readonly name: string;
  /** Work of one run, in the bench's unit: bytes for MB/s, operations for op/s. */
  readonly work: number;
  /** What the others are compared with; at most one in a group. */
  readonly yardstick?: boolean;
  /** May return `{ seconds }` when only a part of its time counts (see TimedRun). */
  run(): unknown;
  /** Something that depends on the result: shows that it was computed, equal for equal work. */
  check?(): string;
}

/** What a run returns that prepares something first: the time of what is measured. */
export interface TimedRun {
  readonly seconds: number;
}

/** Cases that do comparable work. */
export interface BenchGroup {
  readonly name: string;
  readonly unit: "MB/s" | "op/s";
  readonly cases: readonly BenchCase[];
  /** For runs that take seconds: fewer rounds than usual, and no warm-up of their own. */
  readonly rounds?: number;
  /** Comparisons that this machine cannot make, in words. */
  readonly skipped?: readonly string[];
}

/** What was observed on the way and is no rate: memory, delays, costs. The less, the better. */
export interface BenchReading {
  readonly name: string;
  readonly unit: "MiB" | "ms" | "s/GB" | "s/1000" | "×" | "requests";
  readonly value: number;
  /** Undefined: shown for comparison. */
  readonly goal?: number;
}

/** What a `*.bench.ts` exports as `bench`. */
export interface Bench {
  readonly name: string;
  /** Builds the inputs, the same for the same size: benches draw from a fixed seed. */
  prepare(size: BenchSize): BenchGroup[] | Promise<BenchGroup[]>;
  /** Called after the last case. */
  readings?(): Promise<readonly BenchReading[]>;
  /** Called at the end, whatever happened. */
  close?(): void | Promise<void>;
}

export interface BenchResult {
  readonly bench: string;
  readonly group: string;
  readonly case: string;
  readonly size: BenchSize;
  readonly unit: "MB/s" | "op/s";
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Median over the yardstick's median. */
  readonly ratio?: number;
  readonly check?: string;
}

export interface BenchReport {
  readonly results: readonly BenchResult[];
  readonly readings: readonly BenchReading[];
  readonly skipped: readonly string[];
}

interface Effort {
  readonly rounds: number;
  readonly warmupMs: number;
  readonly sampleMs: number;
}

const EFFORT: Readonly<Record<BenchSize, Effort>> = {
  tiny: { rounds: 2, warmupMs: 0, sampleMs: 0 },
  full: { rounds: 15, warmupMs: 200, sampleMs: 25 },
};

/** Runs one bench to its end. */
export async function runBench(bench: Bench, size: BenchSize): Promise<BenchReport> {
  const results: BenchResult[] = [];
  const readings: BenchReading[] = [];
  const skipped: string[] = [];
  try {
    for (const group of await bench.prepare(size)) {
      results.push(...(await runGroup(bench.name, group, size)));
      for (const what of group.skipped ?? []) skipped.push(`${bench.name}: ${group.name}: ${what}`);
    }
    readings.push(...((await bench.readings?.()) ?? []));
  } finally {
    await bench.close?.();
  }
  return { results, readings, skipped };
}

async function runGroup(bench: string, group: BenchGroup, size: BenchSize): Promise<BenchResult[]> {
  const effort = EFFORT[size];
  const rounds = Math.min(effort.rounds, group.rounds ?? effort.rounds);
  const warmupMs = group.rounds === undefined ? effort.warmupMs : 0;
  const { sampleMs } = effort;
  const samples = group.cases.map((): number[] => []);
  if (warmupMs > 0) for (const one of group.cases) await repeat(one, warmupMs);
  for (let round = 0; round < rounds; round++) {
    for (const [index, one] of group.cases.entries()) {
      samples[index]?.push(await repeat(one, sampleMs));
    }
  }
  const scale = group.unit === "MB/s" ? 1e6 : 1;
  const measured = group.cases.map((one, index) => {
    const sorted = (samples[index] ?? []).map((rate) => rate / scale).sort((a, b) => a - b);
    return { one, median: at(sorted, 0.5), low: at(sorted, 0.1), high: at(sorted, 0.9) };
  });
  const yardstick = measured.find(({ one }) => one.yardstick === true);
  return measured.map(({ one, ...speeds }) => ({
    bench,
    group: group.name,
    case: one.name,
    size,
    unit: group.unit,
    ...speeds,
    ...(yardstick === undefined ? {} : { ratio: speeds.median / yardstick.median }),
    ...(one.check === undefined ? {} : { check: one.check() }),
  }));
}

/** Runs a case for at least `durationMs` and at least once; work per second. */
async function repeat(one: BenchCase, durationMs: number): Promise<number> {
  let runs = 0;
  let elapsedMs = 0;
  do {
    const before = performance.now();
    const started = one.run();
    // Awaiting nothing would cost a turn of the event loop.
    const result: unknown = started instanceof Promise ? await started : started;
    runs++;
    elapsedMs += isTimedRun(result) ? result.seconds * 1000 : performance.now() - before;
  } while (elapsedMs < durationMs);
  return (runs * one.work * 1000) / Math.max(elapsedMs, 0.001);
}

function isTimedRun(result: unknown): result is TimedRun {
  return (
    typeof result === "object" &&
    result !== null &&
    "seconds" in result &&
    typeof result.seconds === "number"
  );
}

function at(sorted: readonly number[], fraction: number): number {
  return sorted[Math.round((sorted.length - 1) * fraction)] ?? 0;
}

/** The results as an aligned table. */
export function formatTable(results: readonly BenchResult[]): string {
  const rows = results.map((result) => [
    `${result.bench}: ${result.group}`,
    result.case,
    `${round(result.median)} ${result.unit}`,
    `${round(result.low)}–${round(result.high)}`,
    result.ratio === undefined ? "" : `× ${result.ratio.toFixed(2)}`,
  ]);
  const header = ["bench", "case", "median", "10–90 %", "to yardstick"];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** Repeatable bytes: the same for the same seed on every machine. */
export function fillSeeded(bytes: Uint8Array, seed: number): void {
  let state = seed | 1;
  for (let index = 0; index < bytes.length; index++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[index] = state & 0xff;
  }
}
