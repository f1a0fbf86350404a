/**
 * The object layer of a node, put together: registers on the drives, the store that S3 sees, and the
 * workers that keep it well. The entry of this layer for the composition root.
 */

import { type Clock, sleep } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  WorkerLoop,
  type WorkerPace,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import type { DataReader, DataWriter, ShardedData } from "../contract/data.ts";
import type { DriveSetMode, DriveSetStatus, NodeReplicas } from "../contract/node-replicas.ts";
import type { ObjectStore } from "../contract/object-store.ts";
import type { UsageStore } from "../contract/usage.ts";
import type { BackgroundBudget } from "../data/background-budget.ts";
import type { DriveTable } from "../data/data-drives.ts";
import type { DataRebuilder } from "../data/data-rebuilder.ts";
import type { StripeReaderModules } from "../data/stripe-reader.ts";
import type { KeyService } from "../encryption/key-service.ts";
import type { ObjectCore, ObjectOptions } from "../operations/object-core.ts";
import { ObjectLayer } from "../operations/object-layer.ts";
import { SystemRecords } from "../operations/system-records.ts";
import type { DriveSet } from "../registers/drive-set.ts";
import { ReplicaKeeper } from "../registers/replica-keeper.ts";
import { type DamageLog, DamageRecorder } from "./damage.ts";
import type { TellExpired } from "./expired-versions.ts";
import { HEALER_OPTIONS, Healer } from "./heal.ts";
import { Janitor } from "./janitor.ts";
import { type LifecycleOptions, LifecycleWorker } from "./lifecycle-worker.ts";
import { PendingCleaner } from "./pending-cleaner.ts";
import { Refill } from "./refill.ts";
import { SCRUBBER_OPTIONS, Scrubber, type ScrubberOptions } from "./scrub.ts";
import { SWEEPER_OPTIONS, Sweeper } from "./sweep.ts";

export interface ObjectStoreOptions {
  readonly object: ObjectOptions;
  readonly scrub: ScrubberOptions;
  readonly lifecycle: LifecycleOptions;
  /** False leaves the workers to the caller. */
  readonly runWorkers: boolean;
}

export const SCRUB_OPTIONS: ScrubberOptions = SCRUBBER_OPTIONS;

/** A drive that was formatted into an existing set: see FreshDrive of the store. */
export interface EmptyDrive {
  readonly drive: Drive;
  markSynced(): Promise<{ readonly ok: boolean }>;
}

export interface ObjectStoreModules {
  readonly replicas: NodeReplicas;
  /** Where spares take the place of lost drives. */
  readonly spares: Pick<DriveSet, "takeSpare"> | undefined;
  /** Work that only the caller's kind of replicas knows. */
  readonly furtherWorkers?: (core: ObjectCore) => readonly BackgroundWorker[];
  readonly fresh: readonly EmptyDrive[];
  readonly writer: DataWriter;
  readonly reader: DataReader;
  readonly rebuilder: Pick<DataRebuilder, "rebuild">;
  /** What the data path works with, for reading shards one by one. */
  readonly data: StripeReaderModules & {
    readonly drives: DriveTable;
    readonly budget?: BackgroundBudget;
  };
  /** Its `report` is the `onDamage` of reader and rebuilder. */
  readonly damage: DamageLog;
  readonly keyService?: KeyService;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ObjectStoreStatus {
  readonly drives: DriveSetStatus;
  readonly workers: readonly WorkerStatus[];
}

export interface RunningObjectStore {
  readonly store: ObjectStore & UsageStore;
  /** Of the deployment itself: identities. */
  readonly records: SystemRecords;
  readonly workers: readonly BackgroundWorker[];
  /** Who hears of what lifecycle rules remove. */
  onExpired(tell: TellExpired): void;
  /** Resolves when operations may begin, in the mode that the drives allow. */
  start(): Promise<DriveSetMode>;
  stop(): Promise<void>;
  status(): ObjectStoreStatus;
}

const MINUTE_MS = 60_000;
/** How long a stop waits for the ledgers of quotas. */
export const QUOTAS_CLOSE_MS_MAX = 2_000;
/** By worker name; refills share one. */
const PACES: Readonly<Record<string, WorkerPace>> = {
  janitor: { idleMs: MINUTE_MS / 4, retryMs: MINUTE_MS / 4, dutyShare: 0.5 },
  sweeper: { idleMs: 5 * MINUTE_MS, retryMs: MINUTE_MS, dutyShare: 0.1 },
  healer: { idleMs: MINUTE_MS / 6, retryMs: MINUTE_MS / 6, dutyShare: 0.5, dutyShareAlone: 1 },
  damage: { idleMs: MINUTE_MS, retryMs: MINUTE_MS / 6, dutyShare: 0.5 },
  replicas: { idleMs: MINUTE_MS / 2, retryMs: MINUTE_MS / 2, dutyShare: 1 },
  "anti-entropy": { idleMs: 5 * MINUTE_MS, retryMs: MINUTE_MS / 6, dutyShare: 0.1 },
  records: { idleMs: 10 * MINUTE_MS, retryMs: MINUTE_MS, dutyShare: 0.05 },
  // Its pauses are those of the healer; what it moves is what an operator waits for.
  ring: { idleMs: 500, retryMs: 2_000, dutyShare: 0.5, dutyShareAlone: 1 },
  scrubber: { idleMs: 10 * MINUTE_MS, retryMs: MINUTE_MS, dutyShare: 0.05 },
};
/** A pass over all buckets with lifecycle rules: twenty a day, be the day as short as it may. */
function lifecyclePace({ dayMs }: LifecycleOptions): WorkerPace {
  return { idleMs: Math.max(1_000, dayMs / 20), retryMs: 5_000, dutyShare: 0.2 };
}

const REFILL_PACE: WorkerPace = { idleMs: 1_000, retryMs: 10_000, dutyShare: 0.7 };

export function createObjectStore(
  options: ObjectStoreOptions,
  modules: ObjectStoreModules,
): RunningObjectStore {
  const { clock, random, log, writer, reader, damage } = modules;
  const set = modules.replicas;
  const driveAt = (index: number) => set.driveAt(index);
  const pending = new PendingCleaner({ clock, driveAt, isMember: (id) => set.isMember(id) });
  const { keyService } = modules;
  const store = new ObjectLayer(options.object, {
    ...(keyService && { keyService }),
    registers: set,
    writer,
    reader,
    geometry: { isDegraded: (data: ShardedData) => data.drives.length < set.slotsFull() },
    owners: damage,
    pending,
    clock,
    random,
    log,
  });
  const workers = createWorkers(options, modules, { set, store });
  const { budget } = modules.data;
  const paced = { clock, log, ...(budget && { isBusy: () => budget.isBusy() }) };
  const loops = workers.map((worker) => new WorkerLoop(worker, paceOf(worker, options), paced));
  wakeForReturns(set, workers, loops);
  const damageLoop = loops[workers.findIndex(({ name }) => name === "damage")];
  damage.onReport(() => damageLoop?.wake());
  let stopped = false;
  const refills = workers.filter((worker) => worker instanceof Refill);
  damage.exceptDrives((index) => refills.some((refill) => refill.isFilling(index)));
  return {
    store,
    records: new SystemRecords(set),
    workers,
    onExpired(tell) {
      for (const worker of workers) if (worker instanceof LifecycleWorker) worker.onExpired(tell);
    },
    async start() {
      const mode = await set.start();
      void set.whenWritable().then(() => {
        if (options.runWorkers && !stopped) for (const loop of loops) loop.start();
      });
      return mode;
    },
    async stop() {
      stopped = true;
      await Promise.all(loops.map((loop) => loop.stop()));
      pending.stop();
      await closeQuotas(store.core);
      await set.stop();
    },
    status: () => ({
      drives: set.status(),
      workers: workers.map((worker) => worker.status()),
    }),
  };
}

/** Saves the next start a count; where nobody answers any more it has to count. */
async function closeQuotas({ quotas, clock, log }: ObjectCore): Promise<void> {
  const closing = quotas.close().catch((error: unknown) => {
    log.debug("quotas were not settled at the stop", { error });
  });
  await Promise.race([closing, sleep(clock, QUOTAS_CLOSE_MS_MAX)]);
}

/** What a drive missed while it was away does not wait for the next pass. */
function wakeForReturns(
  replicas: NodeReplicas,
  workers: readonly BackgroundWorker[],
  loops: readonly WorkerLoop[],
): void {
  replicas.onDriveReturned(() => {
    workers.forEach((worker, at) => {
      if (worker.driveReturned === undefined) return;
      worker.driveReturned();
      loops[at]?.wake();
    });
  });
}

function paceOf(worker: BackgroundWorker, { lifecycle }: ObjectStoreOptions): WorkerPace {
  if (worker instanceof LifecycleWorker) return lifecyclePace(lifecycle);
  return PACES[worker.name] ?? REFILL_PACE;
}

function createWorkers(
  options: ObjectStoreOptions,
  modules: ObjectStoreModules,
  { set, store }: { set: NodeReplicas; store: ObjectLayer },
): BackgroundWorker[] {
  const { core } = store;
  const { rebuilder, damage, data } = modules;
  const members = () => set.members();
  const { spares } = modules;
  const isOurs = (key: Uint8Array) => set.isOurs(key);
  return [
    new Janitor({ core, members, isOurs, driveAt: (index) => set.driveAt(index) }),
    new Sweeper(SWEEPER_OPTIONS, { core, drives: () => set.drives() }),
    new Healer(HEALER_OPTIONS, {
      core,
      rebuilder,
      members,
      placement: () => data.drives.states(),
      isOurs,
      slotsFull: () => set.slotsFull(),
    }),
    new LifecycleWorker(options.lifecycle, { core, isOurs }),
    new DamageRecorder(core, damage),
    ...(spares === undefined ? [] : [new ReplicaKeeper(spares)]),
    ...(modules.furtherWorkers?.(core) ?? []),
    new Scrubber(options.scrub, { core, data, damage, members, isOurs }),
    ...modules.fresh.map(({ drive, markSynced }) => {
      const isReady = () => !set.isObserver(drive.id);
      const onFilled = async () => {
        const marked = await markSynced();
        if (!marked.ok) {
          throw new StoreError({ code: "data-unavailable", message: "the drive does not answer" });
        }
      };
      return new Refill({ core, drive, rebuilder, damage, isReady, onFilled });
    }),
  ];
}
