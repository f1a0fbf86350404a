/**
 * Five nodes, each with a drive and a proposer of its own; a network that loses, repeats, delays and
 * partitions; crashes of one node and power cuts of all.
 */

import type { RegisterEngineOptions } from "../../../cluster/register/register-contract.ts";
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import type { Proposal, RegisterReplica } from "../../../cluster/register/replica.ts";
import { majorityGroup, ReplicaSet } from "../../../cluster/register/replica-set.ts";
import type { Ballot } from "../../../src/base/ballot.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { Acceptor } from "./acceptor.ts";
import type { Pressure, ScenarioOptions, ScenarioResult } from "./scenario.ts";
import { keyBytes, Workload } from "./workload.ts";
import { ProcessClock, World } from "./world.ts";

const NODES = 5;
const FAULTS_UNTIL_MS = 1500;
const END_MS = 4000;
const LOSS = 0.05;
const REPEAT = 0.03;
const LATE = 0.06;

interface Node {
  readonly index: number;
  readonly acceptor: Acceptor;
  readonly skewMs: number;
  up: boolean;
  incarnation: number;
  clock: ProcessClock;
  engine: RegisterEngine | undefined;
}

export async function runPeers(seed: number, options: ScenarioOptions): Promise<ScenarioResult> {
  const scenario = new PeersScenario(seed, options);
  return scenario.run();
}

class PeersScenario {
  readonly #world: World;
  readonly options: ScenarioOptions;
  readonly #nodes: Node[] = [];
  readonly #workload: Workload;
  /** The side of each node while the network is split. */
  #sides: readonly number[] | undefined;

  constructor(seed: number, options: ScenarioOptions) {
    const world = new World(seed, { trace: options.trace });
    this.#world = world;
    this.options = options;
    const flush = options.slowFlush
      ? { flushMsMin: 10, flushMsMax: 80 }
      : { flushMsMin: 1, flushMsMax: 6 };
    for (let index = 0; index < NODES; index++) {
      const skewMs = world.between(-40, 40);
      this.#nodes.push({
        index,
        acceptor: new Acceptor(`node-${index}`, world, {
          hazards: options.acceptor,
          keepRecent: false,
          ...flush,
        }),
        skewMs,
        up: true,
        incarnation: 0,
        clock: new ProcessClock(world, skewMs),
        engine: undefined,
      });
    }
    for (const node of this.#nodes) this.#startEngine(node);
    this.#workload = new Workload(
      world,
      {
        clients: options.pressure.clients,
        pauseMsMax: options.pressure.pauseMsMax,
        keys: options.pressure.keys,
        untilMs: FAULTS_UNTIL_MS,
        patienceMs: options.pressure.operationMs + 100,
        deleteShare: options.pressure.deleteShare,
      },
      () =>
        this.#nodes.flatMap((node) =>
          node.engine === undefined ? [] : [{ engine: node.engine, name: `node-${node.index}` }],
        ),
    );
  }

  async run(): Promise<ScenarioResult> {
    this.#workload.start();
    this.#world.after(this.#world.between(20, 120), () => this.#fault());
    if (this.options.collectTombstones) this.#world.after(30, () => this.#collect());
    await this.#world.run(END_MS);
    return { histories: this.#workload.histories, trace: this.#world.trace ?? [] };
  }

  #startEngine(node: Node): void {
    node.incarnation++;
    node.clock = new ProcessClock(this.#world, node.skewMs);
    const members = this.#nodes.map((to) => new Peer(this, node, to));
    const set = new ReplicaSet({
      epoch: 1,
      groups: [majorityGroup(members.map((member) => member.id))],
      members,
      observers: [],
    });
    node.engine = new RegisterEngine(
      {
        ...engineOptions(this.options.pressure),
        proposer: node.index + 1,
        incarnation: node.incarnation,
      },
      {
        replicasFor: () => set,
        deriveRows: () => [],
        purgedRows: () => [],
        onReplicaUnavailable: () => {},
        preferredMember: () => 0,
        clock: node.clock,
        random: this.#world,
        log: silentLogger,
      },
      this.options.engine,
    );
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
      this.#startEngine(node);
    });
  }

  #fault(): void {
    const world = this.#world;
    if (world.nowMs > FAULTS_UNTIL_MS) {
      this.#sides = undefined;
      return;
    }
    const dice = world.next();
    if (dice < 0.35) {
      this.#crash(world.pick(this.#nodes));
    } else if (dice < 0.5) {
      world.note("power cut");
      for (const node of this.#nodes) this.#crash(node);
    } else if (dice < 0.85) {
      this.#sides = this.#nodes.map(() => (world.chance(0.5) ? 0 : 1));
      world.note(`partition ${this.#sides.join("")}`);
      world.after(world.between(30, 200), () => {
        this.#sides = undefined;
      });
    }
    world.after(world.between(40, 220), () => this.#fault());
  }

  #collect(): void {
    if (this.#world.nowMs > FAULTS_UNTIL_MS) return;
    const node = this.#world.pick(this.#nodes);
    const key = keyBytes(this.#world.below(this.options.pressure.keys));
    node.engine?.purge(key).then(
      (done) => {
        if (done) this.#world.note(`${key} collected`);
      },
      () => {},
    );
    const pauseMs = this.#world.between(2, this.options.pressure.collectMsMax);
    this.#world.after(pauseMs, () => this.#collect());
  }

  #linked(from: Node, to: Node): boolean {
    return this.#sides === undefined || this.#sides[from.index] === this.#sides[to.index];
  }

  /** Delivers a message perhaps, perhaps late, perhaps twice. */
  send(from: Node, to: Node, loss: number, deliver: () => void): void {
    const world = this.#world;
    if (from === to) {
      world.after(0, deliver);
      return;
    }
    if (!this.#linked(from, to) || world.chance(loss)) return;
    const arrive = (): void => {
      if (to.up && (this.#linked(from, to) || world.chance(0.5))) deliver();
    };
    const delayMs = world.chance(LATE) ? world.between(50, 400) : world.between(1, 12);
    world.after(delayMs, arrive);
    if (world.chance(REPEAT)) world.after(delayMs + world.between(1, 300), arrive);
  }
}

/** A node's drive as another node's proposer reaches it. */
class Peer implements RegisterReplica {
  readonly id: string;
  readonly #scenario: PeersScenario;
  readonly #from: Node;
  readonly #to: Node;
  readonly #replyLoss: number;

  constructor(scenario: PeersScenario, from: Node, to: Node) {
    this.#replyLoss = scenario.options.pressure.replyLoss;
    this.id = to.acceptor.id;
    this.#scenario = scenario;
    this.#from = from;
    this.#to = to;
  }

  read(key: Uint8Array) {
    return this.#call<Awaited<ReturnType<RegisterReplica["read"]>>>((drive, reply) =>
      drive.read(text(key), reply),
    );
  }

  prepare(key: Uint8Array, ballot: Ballot) {
    return this.#call<Awaited<ReturnType<RegisterReplica["prepare"]>>>((drive, reply) =>
      drive.prepare(text(key), ballot, reply),
    );
  }

  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#call<Awaited<ReturnType<RegisterReplica["accept"]>>>((drive, reply) =>
      drive.accept(text(key), ballot, proposal, reply),
    );
  }

  purge(key: Uint8Array, ballot: Ballot) {
    return this.#call<Awaited<ReturnType<RegisterReplica["purge"]>>>((drive, reply) =>
      drive.purge(text(key), ballot, reply),
    );
  }

  install(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#call<Awaited<ReturnType<RegisterReplica["install"]>>>((drive, reply) =>
      drive.install(text(key), ballot, proposal, reply),
    );
  }

  discard(key: Uint8Array, floor: Ballot) {
    return this.#call<Awaited<ReturnType<RegisterReplica["discard"]>>>((drive, reply) =>
      drive.discard(text(key), floor, reply),
    );
  }

  /** One request and its reply, each of which may be lost; an answer to a dead process is. */
  #call<Reply>(ask: (drive: Acceptor, reply: (reply: Reply) => void) => void): Promise<Reply> {
    const { incarnation } = this.#from;
    return new Promise((resolve) => {
      this.#scenario.send(this.#from, this.#to, LOSS, () => {
        ask(this.#to.acceptor, (reply) => {
          this.#scenario.send(this.#to, this.#from, this.#replyLoss, () => {
            if (this.#from.incarnation === incarnation && this.#from.up) resolve(reply);
          });
        });
      });
    });
  }
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}

export function engineOptions(pressure: Pressure): RegisterEngineOptions {
  return {
    proposer: 1,
    incarnation: 1,
    soleProposer: false,
    roundMs: 60,
    operationMs: pressure.operationMs,
    hedgeMs: 25,
    backoffMs: pressure.backoffMs,
    attemptsMax: 6,
    waitersPerKeyMax: 64,
    unsettledKeysMax: 64,
    // So small that values drive each other out.
    settledBytesMax: 1000,
  };
}
