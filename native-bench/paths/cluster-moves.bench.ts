/**
 * A drive of a cluster is lost, and the empty folder in its place fills itself: how fast that goes while
 * nobody uses the cluster, and what clients of another node notice of it when they do. Twice in turn
 * the cluster is left alone and loses a drive, so that what else the machine does hits both.
 * At the end a fifth node joins, and what moves is counted on the drives. Goals: p99 of clients while a
 * drive is rebuilt at most twice the one without; bytes moved at most 1.1 times a fifth of all.
 *
 * RINGFORT_BENCH_SMALL, RINGFORT_BENCH_MEDIUM and RINGFORT_BENCH_LARGE set other numbers of objects.
 */
import { readdirSync, rmSync } from "node:fs";
import type { Bench, BenchGroup, BenchReading, BenchSize } from "../harness.ts";
import {
  askCluster,
  shardSizesOn,
  statusOfCluster,
  untilCluster,
} from "../load/cluster-operation.ts";
import {
  CLUSTER_NODES,
  type ClusterUnderTest,
  startRingfortCluster,
} from "../load/cluster-under-test.ts";
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

const SMALL_BYTES = 4096;
const MEDIUM_BYTES = 40_000;
const LOADING_CONNECTIONS = 64;
const MIB = 1024 * 1024;
const SLACK_GOAL = 2;
const MOVED_GOAL = 1.1;

interface Amount {
  readonly small: number;
  /** Just above what records keep themselves, so that many shards show what moves. */
  readonly medium: number;
  readonly large: number;
  readonly largeBytes: number;
  /** Of each span without a rebuild, and of the first, which only warms up. */
  readonly idleSeconds: number;
  readonly turns: number;
  readonly batch: number;
  readonly perSecond: number;
}

const AMOUNTS: Readonly<Record<BenchSize, Amount>> = {
  tiny: {
    small: 40,
    medium: 40,
    large: 2,
    largeBytes: MIB,
    idleSeconds: 0,
    turns: 1,
    batch: 20,
    perSecond: 1000,
  },
  full: {
    small: Number(process.env["RINGFORT_BENCH_SMALL"] ?? 20_000),
    medium: Number(process.env["RINGFORT_BENCH_MEDIUM"] ?? 4_000),
    large: Number(process.env["RINGFORT_BENCH_LARGE"] ?? 20),
    largeBytes: 64 * MIB,
    idleSeconds: 15,
    turns: 2,
    batch: 100,
    perSecond: 100,
  },
};

interface Running {
  readonly amount: Amount;
  readonly cluster: ClusterUnderTest;
  readonly load: LoadProcess;
  readonly foreground: Foreground;
  readonly idle: SpanOfLoad[];
  readonly during: SpanOfLoad[];
  readonly rebuildSeconds: number[];
  cpuSeconds: number;
  growth: Growth | undefined;
}

interface Growth {
  readonly bytesMoved: number;
  /** Of the new node, in bytes. */
  readonly share: number;
}

let running: Running | undefined;

export const bench: Bench = {
  name: "cluster moves",
  async prepare(size) {
    const amount = AMOUNTS[size];
    const load = startLoadProcess();
    const { batch, perSecond } = amount;
    const foreground = new Foreground({ batch, perSecond, bucket: "bench0" });
    const environment = { RINGFORT_REPLACE_EMPTY_DRIVES_AFTER: "1s" };
    const cluster = await startRingfortCluster(CLUSTER_NODES[size], environment);
    running = {
      amount,
      cluster,
      load,
      foreground,
      idle: [],
      during: [],
      rebuildSeconds: [],
      cpuSeconds: 0,
      growth: undefined,
    };
    await makeBucket(load, nodeAt(0), "/bench");
    await fill("large", amount.large, amount.largeBytes);
    if (size === "tiny") {
      await fill("medium", amount.medium, MEDIUM_BYTES);
      return [clientsGroup(amount), growthGroup()];
    }
    return [largeGroup(amount), allGroup(amount), clientsGroup(amount), growthGroup()];
  },
  async readings() {
    return running === undefined ? [] : readingsOf(running);
  },
  async close() {
    running?.load.stop();
    running?.foreground.stop();
    await running?.cluster.stop();
  },
};

function largeGroup({ large, largeBytes }: Amount): BenchGroup {
  return {
    name: `${large} objects of ${Math.round(largeBytes / MIB)} MiB, no clients`,
    unit: "MB/s",
    rounds: 1,
    // 2 + 2: half of the bytes are on each drive.
    cases: [{ name: "of the drive", work: (large * largeBytes) / 2, run: () => loseDrive(1) }],
  };
}

function allGroup({ small, medium, large }: Amount): BenchGroup {
  return {
    name: `${small} objects of 4 KiB and ${medium} of 40 kB besides`,
    unit: "op/s",
    rounds: 1,
    cases: [
      {
        name: "objects",
        work: small + medium + large,
        run: async () => {
          await fill("small", small, SMALL_BYTES);
          await fill("medium", medium, MEDIUM_BYTES);
          const used = state().cluster.cpuSeconds();
          const result = await loseDrive(3);
          state().cpuSeconds = state().cluster.cpuSeconds() - used;
          return result;
        },
      },
    ],
  };
}

function clientsGroup({ turns, idleSeconds }: Amount): BenchGroup {
  const idle = async (): Promise<SpanOfLoad> => {
    return state().foreground.span(nodeAt(0), forSeconds(idleSeconds));
  };
  return {
    name: "the same while clients work at another node",
    unit: "op/s",
    rounds: 1,
    cases: [
      {
        name: "rebuilds and objects",
        work: turns,
        run: async () => {
          await idle();
          for (let turn = 0; turn < turns; turn++) {
            state().idle.push(await idle());
            state().during.push(await underRebuild(1 + turn));
          }
          state().idle.push(await idle());
        },
      },
    ],
  };
}

function growthGroup(): BenchGroup {
  return {
    name: "a fifth node, no clients",
    unit: "op/s",
    rounds: 1,
    cases: [{ name: "joins", work: 1, run: grow }],
  };
}

/**
 * What a drive has afterwards and had not before was moved to it. Large shards do not count: they are
 * too few to show anything but chance.
 */
async function grow(): Promise<{ readonly seconds: number }> {
  const { cluster } = state();
  const first = nodeAt(0);
  const shards = (position: number): ReadonlyMap<string, number> => {
    const found = [...shardSizesOn(cluster.driveOf(position))];
    return new Map(found.filter(([, bytes]) => bytes < MEDIUM_BYTES));
  };
  const nodes = cluster.nodes.length;
  const before = Array.from({ length: nodes }, (_, position) => shards(position));
  const { revision } = await statusOfCluster(first);
  const { token } = await askCluster<{ token: string }>(first, "token", {});
  await cluster.startFurther(["--join", token]);
  const startMs = performance.now();
  await untilCluster(first, (it) => it.revision > revision && it.phase === "stable");
  const seconds = (performance.now() - startMs) / 1000;
  let bytesMoved = 0;
  for (let position = 0; position <= nodes; position++) {
    for (const [name, size] of shards(position)) {
      if (before[position]?.has(name) !== true) bytesMoved += size;
    }
  }
  const sizes = before.flatMap((found) => [...found.values()]);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  state().growth = { bytesMoved, share: bytes / (nodes + 1) };
  return { seconds };
}

/** From the moment that the cluster has noticed until the drive is full. */
async function loseDrive(position: number): Promise<{ readonly seconds: number }> {
  const first = nodeAt(0);
  const { revision } = await statusOfCluster(first);
  const folder = state().cluster.driveOf(position);
  for (const name of readdirSync(folder)) rmSync(`${folder}/${name}`, { recursive: true });
  await untilCluster(first, (status) => status.revision > revision);
  const startMs = performance.now();
  await untilCluster(
    first,
    (status) => status.revision > revision && status.phase === "stable" && isHealed(status.heal),
  );
  return { seconds: (performance.now() - startMs) / 1000 };
}

function isHealed({ waiting }: { readonly waiting: number | undefined }): boolean {
  return (waiting ?? 0) === 0;
}

async function underRebuild(position: number): Promise<SpanOfLoad> {
  let done = false;
  const rebuild = loseDrive(position).finally(() => {
    done = true;
  });
  const span = newSpan();
  const working = state().foreground.span(nodeAt(0), () => done, span);
  const { seconds } = await rebuild;
  state().rebuildSeconds.push(seconds);
  await working;
  return span;
}

async function fill(name: string, count: number, bodyBytes: number): Promise<void> {
  const isLarge = bodyBytes >= MIB;
  await measure(state().load, nodeAt(0), {
    method: "PUT",
    pathPrefix: `/bench0/${name}-`,
    count,
    bodyBytes,
    connections: isLarge ? 4 : LOADING_CONNECTIONS,
    unsignedPayload: isLarge,
  });
}

function readingsOf({ idle, during, rebuildSeconds, ...rest }: Running): BenchReading[] {
  const { amount, cpuSeconds, growth } = rest;
  const [usual, slowed] = [quantileOf(idle, 0.99), quantileOf(during, 0.99)];
  const count = (which: "failed" | "lost") =>
    [...idle, ...during].reduce((sum, span) => sum + span[which], 0);
  const longestMs = 1000 * Math.max(...rebuildSeconds);
  return [
    { name: "p50 without a rebuild", unit: "ms", value: quantileOf(idle, 0.5) },
    { name: "p50 during a rebuild", unit: "ms", value: quantileOf(during, 0.5) },
    { name: "p99 without a rebuild", unit: "ms", value: usual },
    { name: "p99 during a rebuild", unit: "ms", value: slowed },
    { name: "p99 during over without", unit: "×", value: slowed / usual, goal: SLACK_GOAL },
    ...during.map((span, turn): BenchReading => {
      const value = quantileOf([span], 0.99) / quantileOf(idle.slice(turn, turn + 2), 0.99);
      return { name: `the same, turn ${turn + 1} beside its neighbours`, unit: "×", value };
    }),
    { name: "longest rebuild with clients", unit: "ms", value: longestMs },
    {
      name: "processor time of all nodes, rebuild without clients",
      unit: "s/1000",
      value: (1000 * cpuSeconds) / (amount.small + amount.medium + amount.large),
    },
    ...growthReadings(growth),
    { name: "failed once", unit: "requests", value: count("failed") },
    { name: "failed three times", unit: "requests", value: count("lost"), goal: 0 },
  ];
}

function growthReadings(growth: Growth | undefined): BenchReading[] {
  if (growth === undefined) return [];
  const { bytesMoved, share } = growth;
  return [
    { name: "moved to a fifth node's cluster", unit: "MiB", value: bytesMoved / MIB },
    {
      name: "moved over a fifth of all",
      unit: "×",
      value: bytesMoved / share,
      goal: MOVED_GOAL,
    },
  ];
}

function state(): Running {
  if (running === undefined) throw new Error("the bench is prepared");
  return running;
}

function nodeAt(position: number): ServerUnderTest {
  const node = state().cluster.nodes[position];
  if (node === undefined) throw new Error(`no node ${position}`);
  return node;
}
