/**
 * Four nodes of one drive against one node of four drives, on the same machine and in the same run:
 * 4 KiB and 64 MiB objects, through one node and through all of them at once.
 *
 * Readings: processor time of all servers together, and latencies. Goal for 64 MiB: no more than the
 * single node's plus 1.6 times what the bytes that cross links cost there (docs/BENCHMARKS.md).
 */
import type { Bench, BenchCase, BenchGroup, BenchReading, BenchSize } from "../harness.ts";
import {
  CLUSTER_NODES,
  type ClusterUnderTest,
  startRingfortCluster,
} from "../load/cluster-under-test.ts";
import type { LoadResult } from "../load/http-load.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import { cpuSeconds, type ServerUnderTest, startRingfort } from "../load/server-under-test.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const ROUNDS = 3;

interface Load {
  readonly bytes: number;
  readonly count: number;
  readonly connections: number;
}

const LOADS: Readonly<Record<BenchSize, { small: Load; large: Load }>> = {
  tiny: {
    small: { bytes: 4 * KIB, count: 48, connections: 6 },
    large: { bytes: 3 * MIB, count: 6, connections: 3 },
  },
  full: {
    small: { bytes: 4 * KIB, count: 8000, connections: 32 },
    large: { bytes: 64 * MIB, count: 16, connections: 8 },
  },
};

/** Both ends of a link, quiet, as `peer-link` measures them. */
const LINK_SECONDS_PER_GB = 1.89 + 1.83;
const LINK_ALLOWANCE = 1.6;
/** 2 + 2 over four nodes: three of four shards leave for others; of two read, one is at home. */
const CROSSING = { PUT: 1.5, GET: 0.5 } as const;

/** Where requests go. */
interface Target {
  readonly name: string;
  readonly servers: readonly ServerUnderTest[];
  cpuSeconds(): number;
}

/** What a case cost, over all its rounds. */
interface Cost {
  cpuSeconds: number;
  requests: number;
  bytes: number;
  readonly p50: number[];
  readonly p99: number[];
}

interface Running {
  readonly loads: readonly LoadProcess[];
  readonly single: ServerUnderTest;
  readonly cluster: ClusterUnderTest;
  readonly costs: Map<string, Cost>;
}

let running: Running | undefined;

export const bench: Bench = {
  name: "cluster objects",
  async prepare(size) {
    const nodes = CLUSTER_NODES[size];
    const loads = Array.from({ length: nodes }, startLoadProcess);
    const single = await startRingfort(nodes);
    const cluster = await startRingfortCluster(nodes);
    running = { loads, single, cluster, costs: new Map() };
    const [load] = loads;
    const [first] = cluster.nodes;
    if (load === undefined || first === undefined) throw new Error("there are nodes");
    for (const server of [single, first]) await makeBucket(load, server, "/bench");
    const cpuOfCluster = () => cluster.cpuSeconds();
    const targets: Target[] = [
      { name: "one node", servers: [single], cpuSeconds: () => cpuSeconds(single.pid) },
      { name: "four nodes, through one", servers: [first], cpuSeconds: cpuOfCluster },
      { name: "four nodes, through all", servers: cluster.nodes, cpuSeconds: cpuOfCluster },
    ];
    const { small, large } = LOADS[size];
    return [
      groupOf("PUT", "4 KiB", small, targets),
      groupOf("GET", "4 KiB", small, targets),
      groupOf("PUT", "64 MiB", large, targets),
      groupOf("GET", "64 MiB", large, targets),
    ];
  },
  async readings() {
    if (running === undefined) throw new Error("nothing was measured");
    return [...running.costs].flatMap(([name, cost]) => readingsOf(name, cost));
  },
  async close() {
    for (const load of running?.loads ?? []) load.stop();
    await running?.single.stop();
    await running?.cluster.stop();
  },
};

function groupOf(
  method: "PUT" | "GET",
  name: string,
  load: Load,
  targets: readonly Target[],
): BenchGroup {
  const isLarge = load.bytes >= MIB;
  const cases: BenchCase[] = targets.map((target, index) => {
    let round = 0;
    return {
      name: target.name,
      yardstick: index === 0,
      work: isLarge ? load.count * load.bytes : load.count,
      run: () => {
        const turn = method === "PUT" ? round++ % 2 : 0;
        const pathPrefix = `/bench0/${name.replace(" ", "")}-${index}-${turn}-`;
        return spread(target, `${method} ${name}, ${target.name}`, { method, pathPrefix, load });
      },
    };
  });
  return { name: `${method} ${name}`, unit: isLarge ? "MB/s" : "op/s", rounds: ROUNDS, cases };
}

/** The load in equal parts through the servers of a target, at the same time. */
async function spread(
  target: Target,
  name: string,
  { method, pathPrefix, load }: { method: "PUT" | "GET"; pathPrefix: string; load: Load },
): Promise<{ readonly seconds: number }> {
  if (running === undefined) throw new Error("the bench is prepared");
  const { loads, costs } = running;
  const { servers } = target;
  const before = target.cpuSeconds();
  const results = await Promise.all(
    servers.map((server, index): Promise<LoadResult> => {
      const process = loads[index];
      if (process === undefined) throw new Error("a load process for each server");
      return measure(process, server, {
        method,
        pathPrefix: `${pathPrefix}${index}-`,
        count: load.count / servers.length,
        bodyBytes: load.bytes,
        connections: load.connections / servers.length,
        unsignedPayload: load.bytes >= MIB,
      });
    }),
  );
  const cost = costs.get(name) ?? { cpuSeconds: 0, requests: 0, bytes: 0, p50: [], p99: [] };
  cost.cpuSeconds += target.cpuSeconds() - before;
  cost.requests += load.count;
  cost.bytes += load.count * load.bytes;
  cost.p50.push(Math.max(...results.map(({ p50 }) => p50)));
  cost.p99.push(Math.max(...results.map(({ p99 }) => p99)));
  costs.set(name, cost);
  return { seconds: Math.max(...results.map(({ seconds }) => seconds)) };
}

function readingsOf(name: string, cost: Cost): BenchReading[] {
  const isLarge = cost.bytes / cost.requests >= MIB;
  const goal = isLarge ? goalOf(name) : undefined;
  return [
    {
      name: `${name}: processor time`,
      unit: isLarge ? "s/GB" : "s/1000",
      value: isLarge ? perGigabyte(cost) : (cost.cpuSeconds / cost.requests) * 1000,
      ...(goal === undefined ? {} : { goal }),
    },
    { name: `${name}: p50`, unit: "ms", value: medianOf(cost.p50) },
    { name: `${name}: p99`, unit: "ms", value: medianOf(cost.p99) },
  ];
}

/** Undefined for the single node itself. */
function goalOf(name: string): number | undefined {
  const [what] = name.split(", ");
  const single = running?.costs.get(`${what}, one node`);
  if (single === undefined || name.endsWith("one node")) return undefined;
  const crossing = name.startsWith("PUT") ? CROSSING.PUT : CROSSING.GET;
  return perGigabyte(single) + LINK_ALLOWANCE * LINK_SECONDS_PER_GB * crossing;
}

function perGigabyte({ cpuSeconds: seconds, bytes }: Cost): number {
  return (seconds / bytes) * 1e9;
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
