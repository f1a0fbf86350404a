/**
 * One simulated node: a machine with a drive, and the processes that live on it one after the other.
 * Everything from the drive actor to the object layer is the product's; put together as
 * src/node/cluster/cluster-backend.ts and src/node/object-node.ts do.
 */
import type { NewNode } from "../../../cluster/layout/member-changes.ts";
import { type NodeId, newNodeId } from "../../../src/base/ids.ts";
import { type LogFields, type Logger, silentLogger } from "../../../src/base/log.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { DriveHost } from "../../../src/object/cluster/drive-host.ts";
import { PeerBuffers } from "../../../src/object/cluster/peer-buffers.ts";
import type { StoredRing } from "../../../src/object/cluster/ring-knowledge.ts";
import type {
  BackgroundWorker,
  WorkOutcome,
} from "../../../src/object/contract/background-worker.ts";
import { DriveClient } from "../../../src/store/drive-client.ts";
import { openDriveActor } from "../../../src/store/drive-opening.ts";
import { InlineLink } from "../../../src/store/inline-drive.ts";
import { createMemoryKv } from "../../../src/store/kv-memory.ts";
import { createHardware, type Hardware } from "../../support/object/node-fixture.ts";
import type { World } from "../register/world.ts";
import type { CodecPlaces } from "./codec-places.ts";
import { ForgetfulIndex } from "./hazardous.ts";
import { Life, type MachineClocks } from "./life.ts";
import { type DiskPace, LifeDisk } from "./life-disk.ts";
import { shortDigest } from "./short-digest.ts";
import { type NetworkBoard, peerIdOf, SimNetwork } from "./sim-network.ts";
import type { Gap, StackOptions } from "./stack-options.ts";
import { type BuiltRing, buildRing } from "./stack-ring.ts";
import { type BuiltStore, buildStore } from "./stack-store.ts";
import type { Wires } from "./wires.ts";

/** What all nodes of a run have in common. */
export interface Site {
  readonly world: World;
  readonly wires: Wires;
  readonly board: NetworkBoard;
  readonly places: CodecPlaces;
  readonly options: StackOptions;
  /** A process is in this gap just now: true when it is stopped there. */
  onGap(node: number, gap: Gap): boolean;
  /** Something failed in a way that the product does not know. */
  onBug(error: unknown): void;
}

const DRIVE_LIMITS = {
  reserve: { reserveBytesMin: 1024, reserveShare: 0.01, reserveShareMax: 0.05 },
  openFilesMax: 16,
};
const CAPACITY_BYTES = 1 << 30;
const PEER_PIECES = { pieceBytes: 1024, stripes: 6 };
type Pause = readonly [least: number, most: number];
/** Pauses of background workers while there is something to do, and when there is nothing. */
const BUSY_MS: Pause = [1, 30];
const IDLE_MS: Pause = [400, 2_000];
/** Of those whose passes cost something even if they find nothing. */
const LONG_IDLE_MS: Readonly<Record<string, Pause>> = {
  "anti-entropy": [6_000, 20_000],
  ring: [100, 600],
  scrubber: [2_000, 6_000],
  records: [2_000, 6_000],
};
const HURRY_MS: Pause = [120, 300];

/** A process that is there. */
export interface Process {
  readonly life: Life;
  readonly drive: DriveClient;
  readonly store: BuiltStore;
  readonly cluster: BuiltRing;
  /** Clients are served. */
  open: boolean;
}

export class StackNode {
  readonly number: number;
  readonly hardware: Hardware;
  readonly clocks: MachineClocks;
  readonly nodeId: NodeId;
  process: Process | undefined;
  #hurries = false;
  /** Workers that rest: begins their work now. */
  readonly #resting = new Set<() => void>();
  readonly #site: Site;
  #life: Life | undefined;
  #incarnation = 0;
  #flushing: (() => void) | undefined;
  #saving: (() => void) | undefined;
  /** What lies on the machine of the cluster; undefined: it is none of it. */
  known: StoredRing | undefined;
  /** It will never start again. */
  gone = false;
  readonly #forgetful = new ForgetfulIndex();
  #formatted = false;

  private constructor(number: number, hardware: Hardware, site: Site) {
    this.number = number;
    this.hardware = hardware;
    this.#site = site;
    this.nodeId = newNodeId(site.world);
    this.clocks = { offsetMs: site.world.between(-200, 200), leptMs: 0 };
  }

  /** What it shows when it wants to join. */
  get card(): NewNode {
    const { number, hardware } = this;
    const drives = [{ driveId: hardware.planned.format.drive, capacityBytes: CAPACITY_BYTES }];
    const addresses = [`node-${number}:1`];
    return { nodeId: this.nodeId, peerId: peerIdOf(number), addresses, zone: "", drives };
  }

  static async create(number: number, site: Site): Promise<StackNode> {
    return new StackNode(number, await createHardware(number, site.world), site);
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get isStanding(): boolean {
    return this.#life?.isPaused === true;
  }

  /** Starts a process; it opens by itself when a majority is there. */
  start(): void {
    const { known } = this;
    if (this.#life !== undefined || known === undefined || this.gone) return;
    const life = new Life(this.#site.world, this.clocks);
    this.#life = life;
    this.#incarnation += 1;
    this.#boot(life, known).catch((error) => this.#site.onBug(error));
  }

  /** The process is no more. With the power, what was not synced may be gone, too. */
  end(kind: "killed" | "power"): void {
    const life = this.#life;
    if (life === undefined) return;
    const { world, board } = this.#site;
    life.end();
    this.#resting.clear();
    this.#life = undefined;
    this.process = undefined;
    board.delete(this.number);
    // A commit that was under way is whole on the medium, or not at all.
    if (this.#flushing !== undefined && world.chance(0.5)) this.#flushing();
    this.#flushing = undefined;
    if (this.#saving !== undefined && world.chance(0.5)) this.#saving();
    this.#saving = undefined;
    this.#forgetful.forget(this.hardware.image);
    if (kind === "power") this.hardware.disk.cutPower();
  }

  /** Workers do not rest for long any more. */
  hurry(): void {
    this.#hurries = true;
    const resting = [...this.#resting];
    this.#resting.clear();
    for (const wake of resting) wake();
  }

  relax(): void {
    this.#hurries = false;
  }

  stand(): void {
    this.#life?.stand();
  }

  goOn(): void {
    this.#life?.goOn();
  }

  async #boot(life: Life, known: StoredRing): Promise<void> {
    const { world, wires, board, places, options, onBug, onGap } = this.#site;
    const { arena, codec } = places.take(options.hazards.readUnverified === true);
    const memory = Buffer.from(arena.memory.buffer);
    const drive = await this.#openDrive(life, memory);
    const network = new SimNetwork(this.number, { life, wires, board, memory, onBug });
    const proposer = this.number + 1;
    const log = traceLogger(world, this.number);
    const cluster = buildRing(
      { known, proposer, incarnation: this.#incarnation, hazards: options.hazards },
      {
        network,
        drive,
        save: (ring) => this.#save(life, ring),
        clock: life.clock,
        random: world,
        log,
      },
    );
    new DriveHost({
      drives: () => cluster.own,
      buffers: new PeerBuffers(arena, PEER_PIECES),
    }).serve(network);
    board.set(this.number, network);
    for (const wire of wires.of(this.number)) {
      wire.break("another process");
      const other = wire.ends[0] === this.number ? wire.ends[1] : wire.ends[0];
      if (board.has(other)) wire.speak();
    }
    cluster.ring.serve();
    cluster.ring.start();
    const store = buildStore(
      { hazards: options.hazards },
      {
        cluster,
        arena,
        codec,
        pass: async (gap) => {
          if (onGap(this.number, gap)) await life.pause(0);
        },
        clock: life.clock,
        random: world,
        log,
      },
    );
    const process: Process = { life, drive, store, cluster, open: false };
    this.process = process;
    drive.start();
    drive.onStateChange(({ reason }) => world.note(`node-${this.number}: drive out: ${reason}`));
    await store.running.start();
    process.open = true;
    world.note(`node-${this.number} is open`);
    for (const worker of store.workers) this.#work(process, worker);
  }

  /** Calls a worker for as long as the process lives. */
  #work(process: Process, worker: BackgroundWorker): void {
    const { world } = this.#site;
    let resting: (() => void) | undefined;
    const pauseAfter = (outcome: WorkOutcome): Pause => {
      if (outcome === "busy") return BUSY_MS;
      return this.#hurries ? HURRY_MS : (LONG_IDLE_MS[worker.name] ?? IDLE_MS);
    };
    const again = (outcome: WorkOutcome): void => {
      const timer = process.life.post(world.between(...pauseAfter(outcome)), run);
      const wake = (): void => {
        timer.cancel();
        process.life.post(world.between(...BUSY_MS), run);
      };
      resting = wake;
      this.#resting.add(wake);
    };
    const run = (): void => {
      if (resting !== undefined) this.#resting.delete(resting);
      worker.work().then(again, (error: unknown) => {
        if (!(error instanceof StoreError)) this.#site.onBug(error);
        again("idle");
      });
    };
    again("idle");
  }

  async #openDrive(life: Life, memory: Buffer): Promise<DriveClient> {
    const { planned, image } = this.hardware;
    const { path, format } = planned;
    const link = new InlineLink();
    const create = !this.#formatted;
    this.#formatted = true;
    const { hazards } = this.#site.options;
    const pace = this.#pace();
    const disk = new LifeDisk(this.hardware.disk, life, {
      pace,
      hazards: { lies: hazards.lyingDisk === true },
    });
    const { actor, opened } = await openDriveActor(
      { path, id: format.drive, create, needsResync: false },
      DRIVE_LIMITS,
      {
        disk,
        memory,
        digest: shortDigest,
        openKv: () =>
          createMemoryKv(image, { flush: (apply) => this.#flush(life, pace.next() + 1, apply) }),
        defer: queueMicrotask,
        onReport: link.report,
      },
    );
    link.connect(actor);
    return new DriveClient(
      {
        id: format.drive,
        path,
        index: format.index,
        requestsInFlightMax: 1000,
        deadlineMs: 5000,
        probeIntervalMs: 2000,
      },
      { link, clock: life.clock, log: silentLogger },
      opened.report,
    );
  }

  /** The index makes one commit durable after the other. */
  async #flush(life: Life, delayMs: number, apply: () => void): Promise<void> {
    const { world, options } = this.#site;
    if (options.hazards.earlyIndex === true) {
      await life.pause(0);
      this.#forgetful.note(this.hardware.image, world.nowMs);
      apply();
      return;
    }
    this.#flushing = apply;
    await life.pause(delayMs);
    this.#flushing = undefined;
    apply();
  }

  /** Whole, or not at all. */
  async #save(life: Life, ring: StoredRing): Promise<void> {
    const { world } = this.#site;
    const store = (): void => {
      this.known = ring;
    };
    this.#saving = store;
    await life.pause(world.between(0, 20));
    this.#saving = undefined;
    store();
  }

  #pace(): DiskPace {
    const { world, options } = this.#site;
    const { slowDisk } = options.pressure;
    return {
      next: () => (world.chance(slowDisk) ? world.between(20, 600) : world.between(0, 2)),
    };
  }
}

/** The product's own log, in the trace. */
function traceLogger(world: World, node: number): Logger {
  if (world.trace === undefined) return silentLogger;
  const note = (message: string, fields: LogFields = {}): void => {
    const text = JSON.stringify(fields, (_, value) =>
      value instanceof Error ? String(value) : value,
    );
    world.note(`node-${node} says: ${message} ${text}`);
  };
  const log: Logger = { debug: note, info: note, warn: note, error: note, child: () => log };
  return log;
}
