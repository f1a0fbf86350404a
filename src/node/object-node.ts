/**
 * The object layer over the node's drives: the data path on the arena, the registers, the workers
 * that keep things well. Limits come from the layers themselves and are named in docs/LIMITS.md.
 */
import type { Settings } from "../../config/schema.ts";
import type { Arena } from "../actors/arena.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { KeyStore } from "../iam/keys/key-store.ts";
import type { HealBacklog } from "../object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../object/cluster/cluster-map.ts";
import type { BackgroundBudget } from "../object/data/background-budget.ts";
import type { DriveTable } from "../object/data/data-drives.ts";
import { createDataPath, DATA_LIMITS, type DataPath } from "../object/data/data-path.ts";
import {
  type ParitySettings,
  type PlaceNewData,
  parityFor,
  placeInOrder,
} from "../object/data/data-placement.ts";
import { DEFAULT_OBJECT_OPTIONS, type ObjectCore } from "../object/operations/object-core.ts";
import { SystemRecords } from "../object/operations/system-records.ts";
import { DRIVE_SET_LIMITS, DriveSet } from "../object/registers/drive-set.ts";
import {
  createObjectStore,
  type RunningObjectStore,
  SCRUB_OPTIONS,
} from "../object/upkeep/create-object-store.ts";
import { DamageLog } from "../object/upkeep/damage.ts";
import { DataMover } from "../object/upkeep/data-mover.ts";
import type { Store } from "../store/store.ts";
import type { OpenedCluster } from "./cluster/cluster-backend.ts";
import { explicitParity } from "./cluster/shared-settings.ts";
import { createKeyStore } from "./key-store.ts";

/** What makes a node one of a cluster: see cluster/cluster-backend.ts. */
/** So long a change that was given up waits for a drive that could take back what is on one that leaves. */
const REWRITES_AFTER_MS = 15 * 60_000;

export type ClusterOfNode = Pick<OpenedCluster, "replicas" | "peers" | "ring" | "onDriveAdded">;

export interface ObjectNodeModules {
  /** Undefined: this node is alone. */
  readonly cluster: ClusterOfNode | undefined;
  readonly arena: Arena;
  readonly store: Store;
  readonly budget: BackgroundBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ObjectNode {
  readonly objects: RunningObjectStore;
  readonly dataPath: DataPath;
  readonly keys: KeyStore;
}

export function createObjectNode(
  { cluster, node }: Settings,
  modules: ObjectNodeModules,
): ObjectNode {
  const { arena, store, budget, clock, random, log } = modules;
  const damage = new DamageLog();
  const parity =
    modules.cluster === undefined
      ? {
          STANDARD: cluster.storageClassStandard.parity,
          REDUCED_REDUNDANCY: cluster.storageClassRrs.parity,
        }
      : explicitParity({ cluster, node });
  const others = modules.cluster?.peers.list() ?? [];
  const { ring } = modules.cluster ?? {};
  const dataPath: DataPath = createDataPath(
    {
      stripeDataBytes: cluster.stripeDataBytes,
      codecThreads: node.codecThreads,
      parity,
      limits: DATA_LIMITS,
    },
    {
      arena,
      drives: [...store.drives, ...others],
      ...(ring && {
        place: placeByMap(
          () => ring.map,
          parity,
          () => dataPath.drives,
        ),
      }),
      clock,
      random,
      onDamage: damage.report,
      budget,
    },
  );
  const { writer, reader, rebuilder, drives, codec } = dataPath;
  if (modules.cluster !== undefined) followRing(modules.cluster, drives);
  const set = modules.cluster === undefined ? createDriveSet(node, modules) : undefined;
  const replicas = modules.cluster?.replicas ?? set;
  assert(replicas !== undefined, "a node is alone or one of a cluster");
  const keys = createKeyStore(cluster, { records: new SystemRecords(replicas), clock, random });
  const objects = createObjectStore(
    {
      object: {
        ...DEFAULT_OBJECT_OPTIONS,
        inlineBytesMax: cluster.inlineBytesMax,
        bucketShards: cluster.bucketShards,
        bucketsShared: modules.cluster !== undefined,
      },
      scrub: SCRUB_OPTIONS,
      lifecycle: { dayMs: cluster.lifecycleDay },
      runWorkers: true,
    },
    {
      replicas,
      spares: set,
      furtherWorkers: (core) => {
        if (modules.cluster === undefined) return [];
        const mover = createMover(modules.cluster, core, { arena, budget, drives, rebuilder });
        const worker = modules.cluster.ring.createWorker(mover, () => healBacklogOf(objects));
        const { replicas } = modules.cluster;
        return [replicas.antiEntropy(), replicas.recordScrub(), worker];
      },
      fresh: modules.cluster === undefined ? store.fresh : markSynced(store),
      writer,
      reader,
      rebuilder,
      data: { arena, codec, drives, clock, budget },
      damage,
      keyService: keys,
      clock,
      random,
      log,
    },
  );
  return { objects, dataPath, keys };
}

function createDriveSet(node: Settings["node"], modules: ObjectNodeModules): DriveSet {
  const { store, clock, random, log } = modules;
  return new DriveSet(
    {
      ...DRIVE_SET_LIMITS,
      drivesExpected: node.drives.length,
      engine: { ...DRIVE_SET_LIMITS.engine, settledBytesMax: node.recordCache },
      membership: { ...DRIVE_SET_LIMITS.membership, acceptMissing: node.acceptMissingDrives },
    },
    { drives: store.drives, clock, random, log },
  );
}

/** In a cluster a new drive is nobody's predecessor: a change of the ring brings what belongs there. */
function markSynced({ fresh }: Store): [] {
  for (const drive of fresh) void drive.markSynced();
  return [];
}

/** Drives of nodes that come are used, and those that leave get nothing new. */
function followRing({ ring, peers, onDriveAdded }: ClusterOfNode, drives: DriveTable): void {
  onDriveAdded((drive) => drives.add(drive));
  drives.exceptLeaving((index) => ring.map.leaving.has(index));
  ring.onAdopted(() => {
    for (const drive of peers.list()) drives.add(drive);
  });
}

function createMover(
  { ring }: ClusterOfNode,
  core: ObjectCore,
  {
    arena,
    budget,
    drives,
    rebuilder,
  }: Pick<ObjectNodeModules, "arena" | "budget"> & Pick<DataPath, "drives" | "rebuilder">,
): DataMover {
  return new DataMover({
    core,
    copier: { arena, drives, budget },
    rebuilder,
    drives,
    placement: () => {
      const { map } = ring;
      return {
        orderFor: (dataId) => map.orderFor(dataId),
        isLeaving: (index) => map.leaving.has(index),
        waits: map.record.ring.phase !== "returning",
        rewrites: ring.returningMs > REWRITES_AFTER_MS,
      };
    },
  });
}

function healBacklogOf(objects: RunningObjectStore): HealBacklog {
  const healer = objects.status().workers.find(({ name }) => name === "healer");
  const { waiting, done = 0, failed = 0 } = healer ?? {};
  return { waiting, done, failed };
}

/** New data goes where the layout has it, or to the drives that follow. */
export function placeByMap(
  mapNow: () => ClusterMap,
  parity: ParitySettings,
  drives: () => DriveTable,
): PlaceNewData {
  return (dataId, storageClass) => {
    const map = mapNow();
    const states = new Map(
      drives()
        .states()
        .map((state) => [state.index, state]),
    );
    const order = map.orderFor(dataId).flatMap((index) => states.get(index) ?? []);
    const slots = Math.min(map.slots, order.length);
    const m = parityFor(slots, storageClass, parity);
    return placeInOrder(order, { k: slots - m, m });
  };
}
