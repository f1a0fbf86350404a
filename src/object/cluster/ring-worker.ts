/**
 * A node's work for a change of the ring. While the change is joint, partition by partition: records
 * are settled on their new replicas, and the data that they name is moved (the same walk); while it
 * is given up, the data alone moves back. When the ring is stable again, what the node's drives hold
 * of partitions of others is dropped.
 *
 * A partition is worked on by the node of its first replica that answers, so nobody is needed and no
 * work is assigned. What was done is kept in memory only: after a crash it is gone through again and
 * found done. Work is in small steps; between them the caller may pause.
 */
import { PartitionBits } from "../../../cluster/layout/partition-bits.ts";
import type { NodeProgress } from "../../../cluster/layout/ring-progress.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import type { BackgroundWorker, WorkerStatus } from "../contract/background-worker.ts";
import type { MoveCounts } from "../upkeep/data-mover.ts";
import type { ClusterMap } from "./cluster-map.ts";
import { partitionOfKey } from "./cluster-registers.ts";
import { dropLeftovers, type Steps, syncPartitions, wantedHeads } from "./ring-sync.ts";
import type { SharedDrive } from "./shared-drive.ts";

export interface RingWorkerModules {
  /** What the node goes by now. */
  map(): ClusterMap;
  /** The drives of this node that are there. */
  ownDrives(): readonly SharedDrive[];
  driveOf(driveId: string): SharedDrive | undefined;
  isOnline(driveId: string): boolean;
  read(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Moves what a record names; true when it is all in its place. */
  tend(key: Buffer, body: Uint8Array | undefined): Promise<boolean>;
  /** What `tend` has done since the start. */
  counts(): MoveCounts;
  readonly clock: Clock;
  readonly log: Logger;
}

export type RingWork = Pick<NodeProgress, "epoch" | "done" | "cleaned">;

export const RING_WORKER_NAME = "ring";
/** The partitions are done in so many parts, so that progress shows. */
const PARTS = 64;
/** After a pass in which nothing could be finished: a drive is not there yet. Twice as long after each. */
const REST_MS_MIN = 250;
/** A drive is away, or full. */
const REST_MS_MAX = 5_000;

export class RingWorker implements BackgroundWorker {
  readonly name = RING_WORKER_NAME;
  readonly #modules: RingWorkerModules;
  #epoch = 0;
  #done = new PartitionBits(1);
  #cleaned = 0;
  #steps: Steps<void> | undefined;
  #restMs = REST_MS_MIN;
  #restUntilMs = 0;

  constructor(modules: RingWorkerModules) {
    this.#modules = modules;
  }

  /** What this node reports. */
  get report(): RingWork {
    return { epoch: this.#epoch, done: this.#done, cleaned: this.#cleaned };
  }

  async work(): Promise<"busy" | "idle"> {
    const map = this.#modules.map();
    if (map.epoch !== this.#epoch) this.#begin(map);
    if (this.#modules.clock.monotonicMs() < this.#restUntilMs) return "idle";
    this.#steps ??= this.#stepsOf(map);
    if (this.#steps === undefined) return "idle";
    try {
      const step = await this.#steps.next();
      if (step.done !== true) return "busy";
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#modules.log.debug("work for the ring has to wait", { error });
    }
    this.#steps = undefined;
    return "idle";
  }

  status(): WorkerStatus {
    const { shards, failed } = this.#modules.counts();
    const works = this.#isWorking(this.#modules.map());
    return {
      name: this.name,
      done: shards,
      failed,
      progress: works ? this.#done.count / this.#done.partitions : undefined,
    };
  }

  #begin(map: ClusterMap): void {
    this.#epoch = map.epoch;
    this.#done = new PartitionBits(map.registers.partitions);
    this.#steps = undefined;
    this.#restMs = REST_MS_MIN;
    this.#restUntilMs = 0;
  }

  #isWorking({ record }: ClusterMap): boolean {
    return record.ring.phase === "joint" || record.ring.phase === "returning";
  }

  #stepsOf(map: ClusterMap): Steps<void> | undefined {
    if (this.#isWorking(map)) return this.#moveSome(map);
    const isClean = map.record.ring.phase !== "stable" || this.#cleaned === map.epoch;
    return isClean ? undefined : this.#clean(map);
  }

  async *#moveSome(map: ClusterMap): Steps<void> {
    const { registers, epoch } = map;
    const mine = this.#ownPartitions(map);
    const doneBefore = this.#done.count;
    const unplaced = new Set<number>();
    const wanted = new Set(mine);
    const partitionOf = (head: Uint8Array) => partitionOfKey(head, registers.partitions);
    const heads = new Map<string, Promise<readonly Uint8Array[] | undefined>>();
    const headsOf = (drive: SharedDrive) => {
      const known = heads.get(drive.id);
      if (known !== undefined) return known;
      const found = wantedHeads(drive, epoch, (head) => wanted.has(partitionOf(head)));
      heads.set(drive.id, found);
      return found;
    };
    const perPart = Math.max(1, Math.ceil(mine.length / PARTS));
    for (let start = 0; start < mine.length; start += perPart) {
      const some = new Set(mine.slice(start, start + perPart));
      const synced = yield* syncPartitions(
        {
          layout: epoch,
          partitionOf,
          oldReplicasOf: (partition) => registers.groupsOf(partition)[0] ?? [],
          driveOf: (id) => this.#modules.driveOf(id),
          headsOf,
          read: async (key) => {
            if (!(await this.#tend(key))) unplaced.add(partitionOf(key));
          },
        },
        some,
      );
      if (this.#modules.map().epoch !== epoch) return;
      for (const partition of synced) if (!unplaced.has(partition)) this.#done.add(partition);
    }
    if (mine.length > 0 && this.#done.count === doneBefore) this.#rest();
  }

  #rest(): void {
    this.#restUntilMs = this.#modules.clock.monotonicMs() + this.#restMs;
    this.#restMs = Math.min(REST_MS_MAX, 2 * this.#restMs);
  }

  /** Records first: they are settled by reading them. */
  async #tend(key: Buffer): Promise<boolean> {
    try {
      return await this.#modules.tend(key, await this.#modules.read(key));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#modules.log.debug("a record cannot be settled now", { error });
      return false;
    }
  }

  /** Of those that are not done, what the node of the first new replica that answers is to do. */
  #ownPartitions({ registers }: ClusterMap): number[] {
    const own = new Set(this.#modules.ownDrives().map(({ id }) => id));
    const online = new Map<string, boolean>();
    const isThere = (id: string): boolean => {
      const known = online.get(id);
      if (known !== undefined) return known;
      const found = own.has(id) || this.#modules.isOnline(id);
      online.set(id, found);
      return found;
    };
    const mine: number[] = [];
    for (let partition = 0; partition < registers.partitions; partition++) {
      if (this.#done.has(partition)) continue;
      const group = registers.groupsOf(partition).at(-1) ?? [];
      const first = group.find(isThere);
      if (first !== undefined && own.has(first)) mine.push(partition);
    }
    return mine;
  }

  async *#clean(map: ClusterMap): Steps<void> {
    const { registers, epoch } = map;
    let clean = true;
    for (const drive of this.#modules.ownDrives()) {
      const isForeign = (head: Uint8Array) => {
        const groups = registers.groupsOf(partitionOfKey(head, registers.partitions));
        return !groups.some((group) => group.includes(drive.id));
      };
      const dropped = yield* dropLeftovers(drive, epoch, isForeign);
      clean &&= dropped;
    }
    if (clean && this.#modules.map().epoch === epoch) this.#cleaned = epoch;
  }
}
