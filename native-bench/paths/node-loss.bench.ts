/**
 * What clients of the other nodes notice when one of four nodes is killed: 4 KiB PUTs and GETs in
 * turn, steadily, before it and for a minute after. Goal: p99 of that minute at most twice the one
 * before, and no request that the retries of an AWS SDK would not hide (three attempts).
 */
import type { Bench, BenchReading, BenchSize } from "../harness.ts";
import { type ClusterUnderTest, startRingfortCluster } from "../load/cluster-under-test.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measureAnyway } from "../load/measure.ts";
import type { ServerUnderTest } from "../load/server-under-test.ts";

const BODY_BYTES = 4096;
const NODES = 4;
const CONNECTIONS = 4;
/** Rounds before and after the loss, each this many PUTs and as many GETs: full, about a minute after. */
const SPANS: Readonly<Record<BenchSize, { before: number; after: number; batch: number }>> = {
  tiny: { before: 1, after: 2, batch: 20 },
  full: { before: 24, after: 72, batch: 200 },
};
/** An SDK gives up after its third attempt. */
const ATTEMPTS = 3;
const SLACK_GOAL = 2;

interface Running {
  readonly load: LoadProcess;
  readonly cluster: ClusterUnderTest;
  before: Span;
  after: Span;
}

interface Span {
  readonly p99: number[];
  failed: number;
  /** Still failed when tried again. */
  lost: number;
}

let running: Running | undefined;
let batches = 0;

export const bench: Bench = {
  name: "node loss",
  async prepare(size) {
    const { before, after, batch } = SPANS[size];
    const load = startLoadProcess();
    const cluster = await startRingfortCluster(NODES);
    running = { load, cluster, before: newSpan(), after: newSpan() };
    const [first, , , last] = cluster.nodes;
    if (first === undefined || last === undefined) throw new Error("there are four nodes");
    await makeBucket(load, first, "/bench");
    const usual = running.before;
    return [
      {
        name: "PUT and GET of 4 KiB in turn",
        unit: "op/s",
        rounds: 1,
        cases: [
          {
            name: "four nodes",
            yardstick: true,
            work: before * batch * 2,
            run: () => drive(first, { span: usual, rounds: before, batch }),
          },
          {
            name: "after one was killed",
            work: after * batch * 2,
            run: () => {
              process.kill(last.pid, "SIGKILL");
              return drive(first, { span: newAfter(), rounds: after, batch });
            },
          },
        ],
      },
    ];
  },
  async readings(): Promise<readonly BenchReading[]> {
    if (running === undefined) throw new Error("nothing was measured");
    const { before, after } = running;
    const [usual, worst] = [quantile(before.p99, 0.5), Math.max(...after.p99)];
    const lasting = quantile(after.p99, 0.5);
    return [
      { name: "p99 before", unit: "ms", value: usual },
      { name: "p99 after, median of the batches", unit: "ms", value: lasting },
      { name: "p99 after, worst batch", unit: "ms", value: worst },
      { name: "p99 after over before", unit: "×", value: lasting / usual, goal: SLACK_GOAL },
      { name: "failed once", unit: "requests", value: after.failed },
      { name: "failed three times", unit: "requests", value: after.lost, goal: 0 },
    ];
  },
  async close() {
    running?.load.stop();
    await running?.cluster.stop();
  },
};

function newSpan(): Span {
  return { p99: [], failed: 0, lost: 0 };
}

function newAfter(): Span {
  const span = newSpan();
  if (running !== undefined) running.after = span;
  return span;
}

/** Batches of PUTs, each read again. */
async function drive(
  server: ServerUnderTest,
  { span, rounds, batch }: { span: Span; rounds: number; batch: number },
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const pathPrefix = `/bench0/batch${batches++}-`;
    for (const method of ["PUT", "GET"] as const) {
      await once(server, span, { method, pathPrefix, batch });
    }
  }
}

async function once(
  server: ServerUnderTest,
  span: Span,
  { method, pathPrefix, batch }: { method: "PUT" | "GET"; pathPrefix: string; batch: number },
): Promise<void> {
  if (running === undefined) throw new Error("the bench is prepared");
  const { load } = running;
  const round = {
    method,
    pathPrefix,
    count: batch,
    bodyBytes: BODY_BYTES,
    connections: CONNECTIONS,
  };
  const result = await measureAnyway(load, server, round);
  span.p99.push(result.p99);
  span.failed += result.failures;
  if (result.failures === 0) return;
  // The same requests once more, as a client would send those that failed.
  for (let attempt = 2; attempt <= ATTEMPTS; attempt++) {
    const again = await measureAnyway(load, server, round);
    if (again.failures === 0) return;
    if (attempt === ATTEMPTS) span.lost += again.failures;
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length * share)] ?? 0;
}
