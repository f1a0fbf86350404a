/**
 * The object layer over the node's drives: the data path on the arena, the registers, the workers
 * that keep things well. Limits come from the layers themselves and are named in docs/LIMITS.md.
 */
import type { Settings } from "../../config/schema.ts";
import type { Arena } from "../actors/arena.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import {
  createObjectStore,
  type RunningObjectStore,
  SCRUB_OPTIONS,
} from "../object/create-object-store.ts";
import { DamageLog } from "../object/damage.ts";
import { createDataPath, DATA_LIMITS, type DataPath } from "../object/data-path.ts";
import { DRIVE_SET_LIMITS, DriveSet } from "../object/drive-set.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../object/object-core.ts";
import type { Store } from "../store/store.ts";

export interface ObjectNodeModules {
  readonly arena: Arena;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface ObjectNode {
  readonly objects: RunningObjectStore;
  readonly dataPath: DataPath;
}

export function createObjectNode(
  { cluster, node }: Settings,
  modules: ObjectNodeModules,
): ObjectNode {
  const { arena, store, clock, random, log } = modules;
  const damage = new DamageLog();
  const dataPath = createDataPath(
    {
      stripeDataBytes: cluster.stripeDataBytes,
      codecThreads: node.codecThreads,
      parity: {
        STANDARD: cluster.storageClassStandard.parity,
        REDUCED_REDUNDANCY: cluster.storageClassRrs.parity,
      },
      limits: DATA_LIMITS,
    },
    { arena, drives: store.drives, clock, random, onDamage: damage.report },
  );
  const { writer, reader, rebuilder, drives, codec } = dataPath;
  const set = new DriveSet(
    {
      ...DRIVE_SET_LIMITS,
      drivesExpected: node.drives.length,
      engine: { ...DRIVE_SET_LIMITS.engine, settledBytesMax: node.recordCache },
      membership: { ...DRIVE_SET_LIMITS.membership, acceptMissing: node.acceptMissingDrives },
    },
    { drives: store.drives, clock, random, log },
  );
  const objects = createObjectStore(
    {
      object: {
        ...DEFAULT_OBJECT_OPTIONS,
        inlineBytesMax: cluster.inlineBytesMax,
        bucketShards: cluster.bucketShards,
      },
      scrub: SCRUB_OPTIONS,
      lifecycle: { dayMs: cluster.lifecycleDay },
      runWorkers: true,
    },
    {
      replicas: set,
      spares: set,
      fresh: store.fresh,
      writer,
      reader,
      rebuilder,
      data: { arena, codec, drives, clock },
      damage,
      clock,
      random,
      log,
    },
  );
  return { objects, dataPath };
}
