/**
 * The registers of a node of a cluster, as the object layer has them: ClusterRegisters over this
 * node's drives and those of the others, and the drives themselves.
 */
import { encodeClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import type { PreparedKey } from "../../../cluster/register/base.ts";
import type {
  ChangeFunction,
  ReadOptions,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { createDeferred } from "../../base/deferred.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive, DriveStatus } from "../../store/drive.ts";
import type {
  DriveSetMode,
  DriveSetStatus,
  NodeReplicas,
  StoreDrive,
} from "../contract/node-replicas.ts";
import { type BucketPlace, CLUSTER_KEY } from "../contract/register-keys.ts";
import type { CensusPage, ChangeOptions, RowPage, RowQuery } from "../contract/registers.ts";
import { DRIVE_SET_LIMITS } from "../registers/drive-set.ts";
import { AntiEntropy } from "./anti-entropy.ts";
import { clusterBody } from "./cluster-body.ts";
import type { ClusterMap } from "./cluster-map.ts";
import { ClusterRegisters, partitionOfKey } from "./cluster-registers.ts";
import { avoidLeaving } from "./leaving-drives.ts";
import type { PeerDrives } from "./peer-drives.ts";
import { RECORD_SCRUB_OPTIONS, RecordScrub } from "./record-scrub.ts";
import type { SharedDrive } from "./shared-drive.ts";

export interface ClusterReplicasOptions {
  /** This node's number in ballots, and the count of its starts. */
  readonly proposer: number;
  readonly incarnation: number;
}

/** A drive of this node behind its guard. */
export interface OwnDrive {
  readonly drive: Drive;
  readonly guard: SharedDrive;
}

export interface ClusterReplicasModules {
  readonly own: readonly OwnDrive[];
  readonly peers: PeerDrives;
  /** A replica knows a newer layout than this node. */
  onOutdatedLayout(version: number): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY_MS = 500;
const REPORT_MS = 10_000;
const NO_RESULT = new Uint8Array(0);

export class ClusterReplicas implements NodeReplicas {
  readonly #modules: ClusterReplicasModules;
  readonly #registers: ClusterRegisters;
  readonly #own: Map<string, OwnDrive>;
  #map: ClusterMap;
  #mode: DriveSetMode = "starting";
  readonly #writable = createDeferred<void>();
  readonly #returnListeners: (() => void)[] = [];
  #stopped = false;

  constructor(map: ClusterMap, options: ClusterReplicasOptions, modules: ClusterReplicasModules) {
    this.#map = map;
    this.#modules = modules;
    this.#own = new Map(modules.own.map((own) => [own.drive.id, own]));
    const { clock, random, log } = modules;
    this.#registers = new ClusterRegisters(
      map.registers,
      { engine: { ...DRIVE_SET_LIMITS.engine, ...options } },
      {
        driveOf: (id) => this.driveOf(id),
        // Their states are asked for all the time; a call that fails is no news.
        onReplicaUnavailable: () => {},
        onOutdatedLayout: (version) => modules.onOutdatedLayout(version),
        clock,
        random,
        log,
      },
    );
    for (const { drive } of modules.own) this.#watch(drive);
    modules.peers.onReturn(() => this.#tellOfReturn());
  }

  /** The node has learnt of a newer record or layout. */
  adopt(map: ClusterMap): void {
    this.#map = map;
    this.#registers.adopt(map.registers);
  }

  /** The node has a further drive. */
  addOwn(own: OwnDrive): void {
    this.#own.set(own.drive.id, own);
    this.#watch(own.drive);
  }

  /** The drive is not the node's any more. */
  removeOwn(driveId: string): void {
    this.#own.delete(driveId);
  }

  /**
   * Resolves when the registers answer: a majority of the replicas of the cluster record is there
   * and has it. Whoever comes first writes it; all that were there at the founding know it.
   */
  async start(): Promise<DriveSetMode> {
    let reportedMs = Number.NEGATIVE_INFINITY;
    const { clock, log } = this.#modules;
    while (!this.#stopped) {
      try {
        await this.#writeFirstRecord();
        this.#mode = "read-write";
        this.#writable.resolve();
        return this.#mode;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        if (clock.monotonicMs() - reportedMs >= REPORT_MS) {
          reportedMs = clock.monotonicMs();
          log.info("waiting for a majority of the cluster", { nodes: this.#absent(), error });
        }
      }
      await sleep(clock, RETRY_MS);
    }
    return this.#mode;
  }

  whenWritable(): Promise<void> {
    return this.#writable.promise;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#registers.stop();
    this.#modules.peers.stop();
  }

  status(): DriveSetStatus {
    return {
      mode: this.#mode,
      expected: this.#map.drives.size,
      members: [...this.#map.drives.keys()],
      observers: [],
      unsettled: 0,
    };
  }

  members(): readonly Drive[] {
    return this.drives();
  }

  drives(): readonly Drive[] {
    return [...this.#own.values()].map(({ drive }) => drive);
  }

  onDriveReturned(listener: () => void): void {
    this.#returnListeners.push(listener);
  }

  driveAt(index: number): StoreDrive | undefined {
    return (
      this.drives().find((drive) => drive.index === index) ??
      this.#modules.peers.list().find((drive) => drive.index === index) ??
      this.#goneDrive(index)
    );
  }

  /** Repairs what a replica has missed. */
  antiEntropy(): AntiEntropy {
    return new AntiEntropy({
      localDrives: () => this.#modules.own.map(({ guard }) => guard),
      driveOf: (id) => (this.#isOnline(id) ? this.driveOf(id) : undefined),
      replicasOf: (head) => this.#registers.layout.setFor(head),
      settle: (key) => this.#registers.engine.settle(key),
      log: this.#modules.log,
    });
  }

  /** Finds records of this node's drives that cannot be read. */
  recordScrub(options = RECORD_SCRUB_OPTIONS): RecordScrub {
    return new RecordScrub(options, {
      localDrives: () => this.#modules.own.map(({ guard }) => guard),
      epoch: () => this.#map.epoch,
      settle: (key) => this.#registers.engine.settle(key),
      clock: this.#modules.clock,
      log: this.#modules.log,
    });
  }

  /** A drive that was removed: whatever was on it is gone, there is nothing to wait for. */
  #goneDrive(index: number): StoreDrive | undefined {
    for (const node of this.#map.record.members.nodes) {
      const drive = node.drives.find(({ number }) => number === index);
      if (drive === undefined) continue;
      const isGone = node.state === "removed" || drive.state === "removed";
      const done = () => Promise.resolve({ ok: true } as const);
      return isGone ? { id: drive.driveId, index, dropShard: done, deleteRows: done } : undefined;
    }
    return undefined;
  }

  /** Records are kept by some drives only; the rows of the others are taken away one by one. */
  isMember(): boolean {
    return false;
  }

  isObserver(): boolean {
    return false;
  }

  slotsFull(): number {
    return this.#map.slots;
  }

  /** The node of the first replica that is there, in the order of the layout. */
  isOurs(key: Uint8Array): boolean {
    const { registers } = this.#map;
    const [group = []] = registers.groupsOf(partitionOfKey(key, registers.partitions));
    const first = group.find((id) => this.#isOnline(id));
    return first !== undefined && this.#own.has(first);
  }

  read(key: Uint8Array, options?: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#registers.read(key, options);
  }

  update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
    options?: ChangeOptions,
  ): Promise<UpdateOutcome<Answer>> {
    const careful = avoidLeaving(key, change, () => this.#map.leaving);
    return this.#registers.update(key, careful, options);
  }

  prepareAhead(key: Uint8Array, options?: ReadOptions): PreparedKey | undefined {
    return this.#registers.prepareAhead(key, options);
  }

  rows(query: RowQuery): Promise<RowPage> {
    return this.#registers.rows(query);
  }

  census(query: RowQuery): Promise<CensusPage> {
    return this.#registers.census(query);
  }

  purge(key: Uint8Array): Promise<boolean> {
    return this.#registers.purge(key);
  }

  fenceBucket(bucket: BucketPlace, epoch: number): Promise<void> {
    return this.#registers.fenceBucket(bucket, epoch);
  }

  async #writeFirstRecord(): Promise<void> {
    const { record } = this.#map;
    const isFirst = record.ring.epoch === 1;
    await this.#registers.update(CLUSTER_KEY, (body) => {
      if (body !== undefined || !isFirst) return { kind: "keep", answer: undefined };
      return {
        kind: "write",
        body: clusterBody(encodeClusterRecord(record), body),
        result: NO_RESULT,
      };
    });
  }

  driveOf(id: string): SharedDrive | undefined {
    return this.#own.get(id)?.guard ?? this.#modules.peers.get(id);
  }

  /** Undefined: it is not known, or was removed. */
  statusOf(id: string): DriveStatus | undefined {
    const drive = this.#own.get(id)?.drive ?? this.#modules.peers.get(id);
    return drive?.status();
  }

  #isOnline(id: string): boolean {
    return this.statusOf(id)?.state === "online";
  }

  #watch(drive: Drive): void {
    drive.onStateChange(({ state }) => {
      if (state === "online") this.#tellOfReturn();
    });
  }

  #tellOfReturn(): void {
    for (const listener of this.#returnListeners) listener();
  }

  #absent(): string[] {
    const absent = [...this.#map.drives.values()].filter(
      ({ drive }) => !this.#isOnline(drive.driveId),
    );
    return [...new Set(absent.map(({ node }) => node.addresses[0] ?? node.nodeId))];
  }
}
