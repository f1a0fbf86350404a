/**
 * A cluster without threads, network and hardware: real drive actors over indexes in memory, each
 * behind its guard, and nodes that propose to all of them. Between a node and a drive a test may
 * lose requests and replies.
 */
import type { RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import type { Clock, Timer } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { ClusterRegisters } from "../../../src/object/cluster/cluster-registers.ts";
import { ReplicaGuard } from "../../../src/object/cluster/replica-guard.ts";
import type { SharedDrive } from "../../../src/object/cluster/shared-drive.ts";
import {
  DEFAULT_OBJECT_OPTIONS,
  type ObjectOptions,
} from "../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import { SeededRandom } from "../seeded-random.ts";
import { MemoryData } from "./memory-data.ts";
import { createHardware, openHardware } from "./node-fixture.ts";

const ARENA_BYTES = 1 << 16;

export type CallName = Exclude<keyof SharedDrive, "id" | "distance">;
/** What becomes of a message: it is delivered, or the request or the reply to it is lost. */
export type Delivery = "deliver" | "lose-request" | "lose-reply";

export interface ClusterNode {
  readonly registers: ClusterRegisters;
  readonly store: ObjectLayer;
}

export interface Cluster {
  readonly nodes: readonly ClusterNode[];
  readonly drives: readonly DriveClient[];
  readonly guards: readonly ReplicaGuard[];
  readonly data: MemoryData;
  /** Asked for every message. */
  deliver: (node: number, driveId: string, call: CallName) => Delivery;
  /** Calls by name, over all nodes. */
  readonly calls: Map<CallName, number>;
}

export interface ClusterOptions {
  readonly nodes: number;
  readonly drives: number;
  readonly object?: Partial<ObjectOptions>;
  /** Drive indexes of each partition's groups; the number of partitions is its length. */
  readonly layout: ReadonlyArray<readonly (readonly number[])[]>;
}

/** Time goes on by itself: some milliseconds with every turn of the event loop . */
export class RunningClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();
  #sequence = 0;
  #ticking = false;

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const id = this.#sequence++;
    this.#timers.set(id, { atMs: this.#nowMs + delayMs, run });
    this.#tick();
    return { cancel: () => void this.#timers.delete(id) };
  }

  #tick(): void {
    if (this.#ticking || this.#timers.size === 0) return;
    this.#ticking = true;
    setImmediate(() => {
      this.#ticking = false;
      this.#nowMs += 4;
      for (const [id, { atMs, run }] of [...this.#timers]) {
        if (atMs > this.#nowMs || !this.#timers.delete(id)) continue;
        run();
      }
      this.#tick();
    });
  }
}

export function layoutOf(
  version: number,
  drives: readonly { readonly id: string }[],
  groups: ClusterOptions["layout"],
): RegisterLayout {
  const named = groups.map((sets) =>
    sets.map((members) => members.map((index) => drives[index]?.id ?? "")),
  );
  return {
    version,
    partitions: named.length,
    groupsOf: (partition) => named[partition] ?? [],
  };
}

export async function createCluster(options: ClusterOptions, seed = 1): Promise<Cluster> {
  const random = new SeededRandom(seed);
  const clock = new RunningClock();
  const memory = Buffer.from(new SharedArrayBuffer(ARENA_BYTES));
  const drives: DriveClient[] = [];
  for (let index = 0; index < options.drives; index++) {
    const hardware = await createHardware(index, random);
    drives.push(await openHardware(hardware, { memory, clock, create: true }));
  }
  const guards = drives.map((drive) => new ReplicaGuard(drive));
  const data = new MemoryData(random);
  const cluster: Cluster = {
    nodes: [],
    drives,
    guards,
    data,
    deliver: () => "deliver",
    calls: new Map(),
  };
  const layout = layoutOf(1, drives, options.layout);
  const nodes = Array.from({ length: options.nodes }, (_, node) => {
    const remote = new Map(guards.map((guard) => [guard.id, createLink(cluster, node, guard)]));
    const registers = new ClusterRegisters(
      layout,
      { engine: { ...ENGINE, proposer: node + 1, incarnation: 1 } },
      {
        driveOf: (id) => remote.get(id),
        onReplicaUnavailable() {},
        onOutdatedLayout() {},
        clock,
        random,
        log: silentLogger,
      },
    );
    const store = new ObjectLayer(
      {
        ...DEFAULT_OBJECT_OPTIONS,
        inlineBytesMax: 64,
        bucketShards: 4,
        bucketsShared: true,
        ...options.object,
      },
      {
        registers,
        writer: data,
        reader: data,
        geometry: { isDegraded: () => false },
        owners: { remember() {} },
        pending: { adopted() {}, rebuilt() {} },
        clock,
        random,
        log: silentLogger,
      },
    );
    return { registers, store };
  });
  return Object.assign(cluster, { nodes });
}

const ENGINE = {
  roundMs: 40,
  operationMs: 2_000,
  hedgeMs: 10,
  backoffMs: 4,
  attemptsMax: 12,
  waitersPerKeyMax: 100,
  unsettledKeysMax: 10_000,
};

/** A drive as one node reaches it. */
function createLink(cluster: Cluster, node: number, guard: ReplicaGuard): SharedDrive {
  const never = new Promise<never>(() => {});
  const send = async <Reply>(call: CallName, ask: () => Promise<Reply>): Promise<Reply> => {
    cluster.calls.set(call, (cluster.calls.get(call) ?? 0) + 1);
    const delivery = cluster.deliver(node, guard.id, call);
    if (delivery === "lose-request") return never;
    const reply = await ask();
    return delivery === "lose-reply" ? never : reply;
  };
  return {
    id: guard.id,
    distance: 1,
    read: (...args) => send("read", () => guard.read(...args)),
    prepare: (...args) => send("prepare", () => guard.prepare(...args)),
    accept: (...args) => send("accept", () => guard.accept(...args)),
    purge: (...args) => send("purge", () => guard.purge(...args)),
    install: (...args) => send("install", () => guard.install(...args)),
    discard: (...args) => send("discard", () => guard.discard(...args)),
    range: (...args) => send("range", () => guard.range(...args)),
    digest: (...args) => send("digest", () => guard.digest(...args)),
    raise: (...args) => send("raise", () => guard.raise(...args)),
  };
}
