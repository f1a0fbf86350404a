/**
 * What clients of the other nodes notice when one of four nodes is killed, and when it is back and what
 * it missed is healed: 4 KiB PUTs and GETs in turn at a steady pace, while all nodes are there, for a
 * minute after the loss, and until the healing is done. Goals: p99 of that minute and of the healing at
 * most twice the one before, and no request that the retries of an AWS SDK would not hide (three
 * attempts).
 */
import type { Bench, BenchGroup, BenchReading, BenchSize } from "../harness.ts";
import { shardSizesOn } from "../load/cluster-operation.ts";
import { type ClusterUnderTest, startRingfortCluster } from "../load/cluster-under-test.ts";
import {
  Foreground,
  forSeconds,
  newSpan,
  quantileOf,
  type SpanOfLoad,
} from "../load/foreground.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import type { ServerUnderTest } from "../load/server-under-test.ts";

/** At every size: two that are left of three write all there is between them, and nothing is missed. */
const NODES = 4;
/** Not the one that clients use. */
const LOST = 1;
const MIB = 1024 * 1024;
const SLACK_GOAL = 2;
const HEALED_WITHIN_SECONDS = 300;

interface Amount {
  readonly usualSeconds: number;
  readonly lostSeconds: number;
  readonly batch: number;
  readonly perSecond: number;
  /** Written while the node is away. */
  readonly large: number;
  readonly largeBytes: number;
}

const AMOUNTS: Readonly<Record<BenchSize, Amount>> = {
  tiny: {
    usualSeconds: 0,
    lostSeconds: 0,
    batch: 20,
    perSecond: 1000,
    large: 2,
    largeBytes: MIB,
  },
  full: {
    usualSeconds: 20,
    lostSeconds: 60,
    batch: 100,
    perSecond: 100,
    large: 60,
    largeBytes: 16 * MIB,
  },
};

interface Running {
  readonly amount: Amount;
  readonly cluster: ClusterUnderTest;
  readonly load: LoadProcess;
  readonly foreground: Foreground;
  readonly spans: Readonly<Record<"usual" | "lost" | "healing", SpanOfLoad>>;
}

let running: Running | undefined;

export const bench: Bench = {
  name: "node loss",
  async prepare(size) {
    const amount = AMOUNTS[size];
    const { batch, perSecond } = amount;
    const load = startLoadProcess();
    const foreground = new Foreground({ batch, perSecond, bucket: "bench0" });
    const cluster = await startRingfortCluster(NODES);
    const spans = { usual: newSpan(), lost: newSpan(), healing: newSpan() };
    running = { amount, cluster, load, foreground, spans };
    await makeBucket(load, first(), "/bench");
    // Compiling and the like is not what is compared.
    await foreground.span(first(), forSeconds(amount.usualSeconds / 2));
    return [groupOf(running)];
  },
  async readings() {
    return running === undefined ? [] : readingsOf(running.spans);
  },
  async close() {
    running?.load.stop();
    running?.foreground.stop();
    await running?.cluster.stop();
  },
};

function groupOf({ amount, cluster, foreground, spans }: Running): BenchGroup {
  const { usual, lost, healing } = spans;
  const { usualSeconds, lostSeconds } = amount;
  return {
    name: "PUT and GET of 4 KiB in turn, minutes",
    unit: "op/s",
    rounds: 1,
    cases: [
      {
        name: "four nodes",
        work: 1,
        run: () => foreground.span(first(), forSeconds(usualSeconds), usual),
      },
      {
        name: "after one was killed",
        work: 1,
        run: () => {
          process.kill(cluster.nodes[LOST]?.pid ?? 0, "SIGKILL");
          return foreground.span(first(), forSeconds(lostSeconds), lost);
        },
      },
      { name: "while it is healed", work: 1, run: () => heal(healing) },
    ],
  };
}

/** Clients are there from the moment that the node is back. */
async function heal(span: SpanOfLoad): Promise<void> {
  const { cluster, amount, load, foreground } = state();
  const drive = cluster.driveOf(LOST);
  const before = shardSizesOn(drive).size;
  await measure(load, first(), {
    method: "PUT",
    pathPrefix: "/bench0/large-",
    count: amount.large,
    bodyBytes: amount.largeBytes,
    connections: 4,
    unsignedPayload: true,
  });
  await cluster.restart(LOST);
  const late = forSeconds(HEALED_WITHIN_SECONDS);
  const isHealed = () => shardSizesOn(drive).size - before >= amount.large || late();
  await foreground.span(first(), isHealed, span);
  if (late()) throw new Error("what a node missed is not healed");
}

function readingsOf({ usual, lost, healing }: Running["spans"]): BenchReading[] {
  const p99 = quantileOf([usual], 0.99);
  return [
    { name: "p99 before", unit: "ms", value: p99 },
    ...(
      [
        ["after the loss", lost],
        ["while it is healed", healing],
      ] as const
    ).flatMap(([when, span]): BenchReading[] => {
      const value = quantileOf([span], 0.99);
      return [
        { name: `p99 ${when}`, unit: "ms", value },
        { name: `longest ${when}`, unit: "ms", value: quantileOf([span], 1) },
        { name: `p99 ${when} over before`, unit: "×", value: value / p99, goal: SLACK_GOAL },
        { name: `failed once ${when}`, unit: "requests", value: span.failed },
        { name: `failed three times ${when}`, unit: "requests", value: span.lost, goal: 0 },
      ];
    }),
  ];
}

function state(): Running {
  if (running === undefined) throw new Error("the bench is prepared");
  return running;
}

function first(): ServerUnderTest {
  const [node] = state().cluster.nodes;
  if (node === undefined) throw new Error("there are nodes");
  return node;
}
