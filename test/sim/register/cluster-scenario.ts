/**
 * Five nodes with a drive each, three replicas to a partition by a layout, guards in front of the
 * drives, and a change of the ring that moves registers to other drives while clients go on: the
 * network, crashes, power cuts and pauses of the peers' scenario, and cells that rot.
 */
import { LayoutReplicas, type RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { BoundDrive } from "../../../src/object/cluster/bound-drive.ts";
import { partitionOfKey } from "../../../src/object/cluster/cluster-registers.ts";
import { type GuardableDrive, ReplicaGuard } from "../../../src/object/cluster/replica-guard.ts";
import type { SharedDrive } from "../../../src/object/cluster/shared-drive.ts";
import { HEAD_BYTES, OBJECT_TAG } from "../../../src/object/contract/register-keys.ts";
import type { RangeQuery } from "../../../src/store/drive.ts";
import { Acceptor } from "./acceptor.ts";
import { engineOptions } from "./peers-scenario.ts";
import type { ScenarioOptions, ScenarioResult } from "./scenario.ts";
import { rangeOf } from "./simulated-range.ts";
import { Workload } from "./workload.ts";
import { ProcessClock, World } from "./world.ts";

const NODES = 5;
const FAULTS_UNTIL_MS = 1500;
const END_MS = 4500;
const LOSS = 0.04;
const LATE = 0.06;
const OLD = [
  [0, 1, 2],
  [1, 2, 3],
];
const NEW = [
  [2, 3, 4],
  [4, 0, 3],
];

interface Node {
  readonly index: number;
  readonly acceptor: Acceptor;
  readonly skewMs: number;
  up: boolean;
  incarnation: number;
  clock: ProcessClock;
  guard: ReplicaGuard;
  replicas: LayoutReplicas | undefined;
  engine: RegisterEngine | undefined;
}

export function runCluster(seed: number, options: ScenarioOptions): Promise<ScenarioResult> {
  return new ClusterScenario(seed, options).run();
}

class ClusterScenario {
  readonly #world: World;
  readonly #options: ScenarioOptions;
  readonly #nodes: Node[] = [];
  readonly #workload: Workload;
  #sides: readonly number[] | undefined;
  /** What the layout register says; nodes learn of it one after the other. */
  #layout = layoutOf(1, OLD);

  constructor(seed: number, options: ScenarioOptions) {
    const world = new World(seed, { trace: options.trace });
    this.#world = world;
    this.#options = options;
    const flush = options.slowFlush
      ? { flushMsMin: 10, flushMsMax: 80 }
      : { flushMsMin: 1, flushMsMax: 6 };
    for (let index = 0; index < NODES; index++) {
      const hazards = options.acceptor;
      const acceptor = new Acceptor(`node-${index}`, world, {
        hazards,
        keepRecent: false,
        ...flush,
      });
      const skewMs = world.between(-40, 40);
      this.#nodes.push({
        index,
        acceptor,
        skewMs,
        up: true,
        incarnation: 0,
        clock: new ProcessClock(world, skewMs),
        guard: new ReplicaGuard(new SimulatedDrive(acceptor), options.guard),
        replicas: undefined,
        engine: undefined,
      });
    }
    for (const node of this.#nodes) this.#startNode(node);
    const { clients, pauseMsMax, keys, operationMs, deleteShare } = options.pressure;
    this.#workload = new Workload(
      world,
      {
        clients,
        pauseMsMax,
        keys,
        untilMs: FAULTS_UNTIL_MS,
        patienceMs: operationMs + 100,
        deleteShare,
        keyOf,
      },
      () =>
        this.#nodes.flatMap(({ engine, index }) =>
          engine === undefined ? [] : [{ engine, name: `node-${index}` }],
        ),
    );
  }

  async run(): Promise<ScenarioResult> {
    const world = this.#world;
    this.#workload.start();
    world.after(world.between(20, 120), () => this.#fault());
    if (this.#options.collectTombstones) world.after(30, () => this.#collect());
    if (this.#options.pressure.rots > 0) world.after(30, () => this.#rot());
    world.after(world.between(50, 900), () => void this.#changeRing());
    await world.run(END_MS - 500);
    const engine = this.#nodes.find((node) => node.up)?.engine;
    if (engine !== undefined) this.#workload.readAll({ engine, name: "the last" });
    await world.run(END_MS);
    return { histories: this.#workload.histories, trace: world.trace ?? [] };
  }

  #startNode(node: Node): void {
    node.incarnation++;
    node.clock = new ProcessClock(this.#world, node.skewMs);
    node.guard = new ReplicaGuard(new SimulatedDrive(node.acceptor), this.#options.guard);
    const links = new Map(this.#nodes.map((to) => [to.acceptor.id, this.#link(node, to)]));
    const replicas = new LayoutReplicas(this.#layout, {
      partitionOf: partitionOfKey,
      bind: (id, version) => new BoundDrive(id, version, (wanted) => links.get(wanted)),
      distanceOf: (id) => links.get(id)?.distance ?? 1,
    });
    node.replicas = replicas;
    node.engine = new RegisterEngine(
      {
        ...engineOptions(this.#options.pressure),
        proposer: node.index + 1,
        incarnation: node.incarnation,
      },
      {
        replicasFor: (key) => replicas.setFor(key),
        deriveRows: () => [],
        purgedRows: () => [],
        onReplicaUnavailable: () => {},
        onOutdatedSet: () => this.#learnLayout(node),
        preferredMember: () => 0,
        clock: node.clock,
        random: this.#world,
        log: silentLogger,
      },
      this.#options.engine,
    );
  }

  #learnLayout(node: Node): void {
    if (node.replicas?.adopt(this.#layout) !== true) return;
    this.#world.note(`node-${node.index} goes by layout ${this.#layout.version}`);
    node.engine?.replicaSetChanged();
  }

  /** Each node learns of it after a while; some do only when a replica refuses them. */
  #publish(layout: RegisterLayout): void {
    this.#layout = layout;
    this.#world.note(`layout ${layout.version}`);
    for (const node of this.#nodes) {
      const slow = this.#world.chance(0.4);
      this.#world.after(this.#world.between(0, slow ? 2000 : 100), () => {
        if (node.up) this.#learnLayout(node);
      });
    }
  }

  async #changeRing(): Promise<void> {
    const { switchAtOnce, skipSync } = this.#options.ring;
    if (switchAtOnce !== true) {
      this.#publish(layoutOf(2, OLD, NEW));
      await this.#untilAcknowledged(2);
      if (skipSync !== true) await this.#sync();
    }
    this.#publish(layoutOf(3, NEW));
    await this.#untilAcknowledged(3);
  }

  /** A majority of each set that concerns a partition has acknowledged the layout, durably. */
  async #untilAcknowledged(version: number): Promise<void> {
    const acknowledged = new Set<number>();
    const sets = version === 2 ? [...OLD, ...NEW] : NEW;
    const enough = (): boolean =>
      sets.every((set) => set.filter((index) => acknowledged.has(index)).length >= 2);
    while (!enough()) {
      await this.#pause(this.#world.between(5, 40));
      for (const { index, up, guard } of this.#nodes) {
        if (!up || acknowledged.has(index)) continue;
        void guard.raise({ layout: version }).then((reply) => {
          if (reply.ok) acknowledged.add(index);
        });
      }
    }
    this.#world.note(`layout ${version} is acknowledged`);
  }

  /** Reads every key that a majority of the old replicas has, under the quorums of both sets. */
  async #sync(): Promise<void> {
    for (const old of OLD) {
      const pulled = new Set<number>();
      const keys = new Set<string>();
      while (pulled.size < 2) {
        await this.#pause(this.#world.between(5, 40));
        const source = this.#nodes[this.#world.pick(old)];
        if (source?.up !== true) continue;
        pulled.add(source.index);
        for (const key of source.acceptor.keys()) keys.add(key);
      }
      for (const key of keys) await this.#syncKey(Buffer.from(key, "latin1"));
    }
    this.#world.note("synced");
  }

  async #syncKey(key: Buffer): Promise<void> {
    for (;;) {
      const node = this.#world.pick(this.#nodes);
      if (node.up && (node.replicas?.version ?? 0) >= 2) {
        let done = false;
        void node.engine?.read(key).then(
          () => {
            done = true;
          },
          () => {},
        );
        for (let waited = 0; waited < 10 && !done; waited++) await this.#pause(20);
        if (done) return;
      }
      await this.#pause(10);
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.after(delayMs, resolve));
  }

  #crash(node: Node): void {
    if (!node.up) return;
    this.#world.note(`node-${node.index} crashes`);
    node.up = false;
    node.clock.alive = false;
    node.engine = undefined;
    node.acceptor.powerCut();
    this.#world.after(this.#world.between(10, 250), () => {
      this.#world.note(`node-${node.index} is back`);
      node.up = true;
      this.#startNode(node);
    });
  }

  #fault(): void {
    const world = this.#world;
    if (world.nowMs > FAULTS_UNTIL_MS) {
      this.#sides = undefined;
      return;
    }
    const dice = world.next();
    if (dice < 0.3) this.#crash(world.pick(this.#nodes));
    else if (dice < 0.4) for (const node of this.#nodes) this.#crash(node);
    else if (dice < 0.75) {
      this.#sides = this.#nodes.map(() => (world.chance(0.5) ? 0 : 1));
      world.after(world.between(30, 200), () => {
        this.#sides = undefined;
      });
    }
    world.after(world.between(40, 220), () => this.#fault());
  }

  /** One drive at a time loses cells: two votes lost at once are more than three replicas bear. */
  #rot(): void {
    const world = this.#world;
    if (world.nowMs > FAULTS_UNTIL_MS) return;
    const victim = this.#nodes[Math.floor(world.nowMs / 400) % NODES];
    if (victim !== undefined && world.chance(this.#options.pressure.rots)) {
      const index = world.below(this.#options.pressure.keys);
      world.note(`key ${index} rots on node-${victim.index}`);
      victim.acceptor.rot(keyOf(index).toString("latin1"));
    }
    world.after(world.between(10, 60), () => this.#rot());
  }

  #collect(): void {
    if (this.#world.nowMs > FAULTS_UNTIL_MS) return;
    const node = this.#world.pick(this.#nodes);
    const key = keyOf(this.#world.below(this.#options.pressure.keys));
    node.engine?.purge(key).catch(() => {});
    const pauseMs = this.#world.between(2, this.#options.pressure.collectMsMax);
    this.#world.after(pauseMs, () => this.#collect());
  }

  #linked(from: Node, to: Node): boolean {
    return this.#sides === undefined || this.#sides[from.index] === this.#sides[to.index];
  }

  /** Delivers a message perhaps, perhaps late, perhaps twice. */
  #send(from: Node, to: Node, late: number, deliver: () => void): void {
    const world = this.#world;
    if (from === to) {
      world.after(0, deliver);
      return;
    }
    if (!this.#linked(from, to) || world.chance(LOSS)) return;
    const arrive = (): void => {
      if (to.up && (this.#linked(from, to) || world.chance(0.5))) deliver();
    };
    const delayMs = world.chance(late) ? world.between(50, 500) : world.between(1, 12);
    world.after(delayMs, arrive);
    if (world.chance(late / 2)) world.after(delayMs + world.between(1, 400), arrive);
  }

  /** A node's drive as another node's proposer reaches it. */
  #link(from: Node, to: Node): SharedDrive {
    const { incarnation } = from;
    const call = <Reply>(
      ask: (guard: ReplicaGuard) => Promise<Reply>,
      late = LATE,
    ): Promise<Reply> =>
      new Promise((resolve) => {
        this.#send(from, to, late, () => {
          const asked = to.incarnation;
          void ask(to.guard).then((reply) => {
            // What a dead process was about to answer is not said by the next one.
            if (!to.up || to.incarnation !== asked) return;
            this.#send(to, from, LATE, () => {
              if (from.incarnation === incarnation && from.up) resolve(reply);
            });
          });
        });
      });
    return {
      id: to.acceptor.id,
      distance: from === to ? 0 : 1,
      read: (...args) => call((guard) => guard.read(...args)),
      prepare: (...args) => call((guard) => guard.prepare(...args)),
      accept: (...args) =>
        call((guard) => guard.accept(...args), this.#options.pressure.slowAccepts),
      purge: (...args) => call((guard) => guard.purge(...args)),
      install: (...args) => call((guard) => guard.install(...args)),
      discard: (...args) => call((guard) => guard.discard(...args)),
      range: (...args) => call((guard) => guard.range(...args)),
      digest: (...args) => call((guard) => guard.digest(...args)),
      raise: (...args) => call((guard) => guard.raise(...args)),
    };
  }
}

/** A drive of the simulation as its guard uses it. */
export class SimulatedDrive implements GuardableDrive {
  readonly id: string;
  readonly #acceptor: Acceptor;

  constructor(acceptor: Acceptor) {
    this.id = acceptor.id;
    this.#acceptor = acceptor;
  }

  read(key: Uint8Array) {
    return settled<Awaited<ReturnType<GuardableDrive["read"]>>>((reply) =>
      this.#acceptor.read(text(key), reply),
    );
  }

  prepare(...[key, ballot]: Parameters<GuardableDrive["prepare"]>) {
    return settled<Awaited<ReturnType<GuardableDrive["prepare"]>>>((reply) =>
      this.#acceptor.prepare(text(key), ballot, reply),
    );
  }

  accept(...[key, ballot, proposal]: Parameters<GuardableDrive["accept"]>) {
    return settled<Awaited<ReturnType<GuardableDrive["accept"]>>>((reply) =>
      this.#acceptor.accept(text(key), ballot, proposal, reply),
    );
  }

  purge(...[key, ballot]: Parameters<GuardableDrive["purge"]>) {
    return settled<Awaited<ReturnType<GuardableDrive["purge"]>>>((reply) =>
      this.#acceptor.purge(text(key), ballot, reply),
    );
  }

  install(...[key, ballot, proposal]: Parameters<GuardableDrive["install"]>) {
    return settled<Awaited<ReturnType<GuardableDrive["install"]>>>((reply) =>
      this.#acceptor.install(text(key), ballot, proposal, reply),
    );
  }

  discard(...[key, floor]: Parameters<GuardableDrive["discard"]>) {
    return settled<Awaited<ReturnType<GuardableDrive["discard"]>>>((reply) =>
      this.#acceptor.discard(text(key), floor, reply),
    );
  }

  range(query: RangeQuery): ReturnType<GuardableDrive["range"]> {
    return Promise.resolve(rangeOf(this.#acceptor, query));
  }

  readMeta(name: string): ReturnType<GuardableDrive["readMeta"]> {
    const note = this.#acceptor.readNote(name);
    return Promise.resolve(
      note === undefined ? { ok: true } : { ok: true, value: Buffer.from(note, "latin1") },
    );
  }

  writeMeta(name: string, value: Uint8Array) {
    return settled<Awaited<ReturnType<GuardableDrive["writeMeta"]>>>((reply) =>
      this.#acceptor.writeNote(name, text(value), reply),
    );
  }

  forgetRecent(): ReturnType<GuardableDrive["forgetRecent"]> {
    return Promise.resolve({ ok: true });
  }
}

function settled<Reply>(ask: (reply: (reply: Reply) => void) => void): Promise<Reply> {
  return new Promise((resolve) => ask(resolve));
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

function layoutOf(version: number, ...tables: (readonly number[])[][]): RegisterLayout {
  return {
    version,
    partitions: 2,
    groupsOf: (partition) =>
      tables.map((table) => (table[partition] ?? []).map((index) => `node-${index}`)),
  };
}

/** Object keys of one bucket, in different shards. */
function keyOf(keyIndex: number): Buffer {
  const key = Buffer.alloc(HEAD_BYTES + 1, keyIndex);
  key[0] = OBJECT_TAG;
  key.writeUInt16BE(keyIndex, HEAD_BYTES - 2);
  return key;
}
