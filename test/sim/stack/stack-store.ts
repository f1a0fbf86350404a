/**
 * The object layer of a simulated process over its drive and those of the others, with background
 * workers that the caller drives. The limits are those of the product but for what would make a run
 * long: sizes are small, and grace times short.
 */
import type { Arena } from "../../../src/actors/arena.ts";
import type { CodecPool } from "../../../src/actors/codec-pool.ts";
import type { Clock } from "../../../src/base/clock.ts";
import type { Logger } from "../../../src/base/log.ts";
import type { Random } from "../../../src/base/random.ts";
import { placeByMap } from "../../../src/node/object-node.ts";
import type { BackgroundWorker } from "../../../src/object/contract/background-worker.ts";
import { DriveTable } from "../../../src/object/data/data-drives.ts";
import { DATA_LIMITS } from "../../../src/object/data/data-path.ts";
import type { ParitySettings, PlacementDrive } from "../../../src/object/data/data-placement.ts";
import { ErasureDataReader } from "../../../src/object/data/data-reader.ts";
import { DataRebuilder } from "../../../src/object/data/data-rebuilder.ts";
import { ErasureDataWriter } from "../../../src/object/data/data-writer.ts";
import {
  DEFAULT_OBJECT_OPTIONS,
  type ObjectCore,
  type ObjectOptions,
} from "../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import {
  createObjectStore,
  type RunningObjectStore,
} from "../../../src/object/upkeep/create-object-store.ts";
import { DamageLog } from "../../../src/object/upkeep/damage.ts";
import { DataMover } from "../../../src/object/upkeep/data-mover.ts";
import { Healer } from "../../../src/object/upkeep/heal.ts";
import { Sweeper } from "../../../src/object/upkeep/sweep.ts";
import { STRIPE_DATA_BYTES } from "./codec-places.ts";
import {
  certainOfFailures,
  forgetfulOfChanges,
  listedFrom,
  placeTwice,
  withGaps,
  withoutFences,
} from "./hazardous.ts";
import type { Gap, StackHazards } from "./stack-options.ts";
import type { BuiltRing } from "./stack-ring.ts";

export const STACK_OBJECT_OPTIONS: ObjectOptions = {
  ...DEFAULT_OBJECT_OPTIONS,
  inlineBytesMax: 200,
  trashGraceMs: 2_000,
  commitWithinMs: 1_000,
  partBytesMin: 64,
  completedUploadMs: 10_000,
  bucketShards: 2,
  bucketsShared: true,
};
const SWEEP = { graceMs: 3_000, rowsMax: 10_000 };
const HEAL = { retryMs: 1_000, postponedMax: 1_000 };
const SCRUB = { periodMs: 6_000 };
const REWRITES_AFTER_MS = 2_000;
const PARITY: ParitySettings = { STANDARD: undefined, REDUCED_REDUNDANCY: undefined };
/** Not worth a turn here: there are no rules. */
const UNUSED_WORKERS: ReadonlySet<string> = new Set(["lifecycle", "sweeper", "healer"]);

const noBacklog = () => ({ waiting: undefined, done: 0, failed: 0 });

export interface StoreOptions {
  readonly hazards: StackHazards;
}

export interface StoreModules {
  readonly cluster: BuiltRing;
  readonly arena: Arena;
  readonly codec: CodecPool;
  /** A gap is gone through; a process that is stopped there goes on later. */
  pass(gap: Gap): Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface BuiltStore {
  readonly running: RunningObjectStore;
  readonly layer: ObjectLayer;
  states(): readonly PlacementDrive[];
  readonly workers: readonly BackgroundWorker[];
}

function hazardous({ replicas, own }: BuiltRing, hazards: StackHazards): BuiltRing["replicas"] {
  const [first] = own;
  if (hazards.unknownFails === true) return certainOfFailures(replicas);
  if (hazards.listsOneReplica === true && first !== undefined) {
    return listedFrom(replicas, first.drive);
  }
  return replicas;
}

export function buildStore(options: StoreOptions, modules: StoreModules): BuiltStore {
  const { arena, codec, clock, random } = modules;
  const { own, peers, replicas, ring } = modules.cluster;
  const { hazards } = options;
  const { log } = modules;
  const damage = new DamageLog();
  const table = new DriveTable(
    [...own.map(({ drive }) => drive), ...peers.list()],
    DATA_LIMITS.hedge,
  );
  table.exceptLeaving((index) => ring.map.leaving.has(index));
  ring.onAdopted(() => {
    for (const drive of peers.list()) table.add(drive);
  });
  const place = placeByMap(
    () => ring.map,
    PARITY,
    () => table,
  );
  const data = { arena, codec, drives: table, clock };
  const shared = {
    ...data,
    random,
    onDamage: damage.report,
    place: hazards.placeTwice === true ? placeTwice(place) : place,
  };
  const { write, read } = DATA_LIMITS;
  const writer = new ErasureDataWriter(
    { ...write, overflowBytesMax: 4096, stripeDataBytes: STRIPE_DATA_BYTES, parity: PARITY },
    shared,
  );
  const reader = new ErasureDataReader({ ...read, copyBytesMax: 256 }, shared);
  const rebuilder = new DataRebuilder(shared);
  const moverFor = (core: ObjectCore): DataMover =>
    new DataMover({
      core,
      copier: { arena, drives: table },
      rebuilder,
      drives: table,
      placement: () => ({
        orderFor: (dataId) => ring.map.orderFor(dataId),
        isLeaving: (index) => ring.map.leaving.has(index),
        waits: ring.map.record.ring.phase !== "returning",
        rewrites: ring.returningMs > REWRITES_AFTER_MS,
      }),
    });
  const running = createObjectStore(
    {
      object:
        hazards.commitsLate === true
          ? { ...STACK_OBJECT_OPTIONS, commitWithinMs: Number.MAX_SAFE_INTEGER }
          : STACK_OBJECT_OPTIONS,
      scrub: SCRUB,
      lifecycle: { dayMs: 86_400_000 },
      runWorkers: false,
    },
    {
      replicas: withGaps(hazardous(modules.cluster, hazards), (gap) => modules.pass(gap)),
      spares: undefined,
      furtherWorkers: (core) => [
        replicas.antiEntropy(),
        replicas.recordScrub(SCRUB),
        ring.createWorker(moverFor(core), noBacklog),
      ],
      fresh: [],
      writer,
      reader,
      rebuilder,
      data,
      damage,
      clock,
      random,
      log,
    },
  );
  const layer = running.store;
  if (!(layer instanceof ObjectLayer)) throw new Error("the store is the object layer");
  const { core } = layer;
  const workers = running.workers.filter(({ name }) => !UNUSED_WORKERS.has(name));
  workers.push(
    new Sweeper(SWEEP, {
      core: hazards.sweepsUnfenced === true ? withoutFences(core) : core,
      drives: () => replicas.drives(),
    }),
  );
  if (hazards.neverHeal !== true) {
    workers.push(
      new Healer(HEAL, {
        core: hazards.healsBlindly === true ? forgetfulOfChanges(core) : core,
        rebuilder,
        members: () => replicas.members(),
        placement: () => table.states(),
        slotsFull: () => replicas.slotsFull(),
        isOurs: (key) => replicas.isOurs(key),
      }),
    );
  }
  return { running, layer, states: () => table.states(), workers };
}
