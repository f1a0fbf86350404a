/**
 * A node without threads and hardware: the real object layer, register engine, drive actors and data
 * path over an index in memory and the fault disk.
 */
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { majorityGroup, ReplicaSet } from "../../../cluster/register/replica-set.ts";
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import { deriveRows, purgedRows } from "../../../src/object/derive-rows.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../../../src/object/object-core.ts";
import { ObjectLayer } from "../../../src/object/object-layer.ts";
import { RegisterClient } from "../../../src/object/register-client.ts";
import { DriveClient } from "../../../src/store/drive-client.ts";
import { beginFormatting } from "../../../src/store/drive-formatting.ts";
import { openDriveActor } from "../../../src/store/drive-opening.ts";
import type { PlannedDrive } from "../../../src/store/drive-plan.ts";
import { InlineLink } from "../../../src/store/inline-drive.ts";
import {
  createMemoryKv,
  createMemoryKvImage,
  type MemoryKvHooks,
} from "../../../src/store/kv-memory.ts";
import { FaultDisk } from "../fault-disk.ts";
import { ManualClock } from "../manual-clock.ts";
import { SeededRandom } from "../seeded-random.ts";
import { MemoryData } from "./memory-data.ts";

const ARENA_BYTES = 1 << 20;

export interface NodeDriveHooks {
  flush: MemoryKvHooks["flush"];
}

export interface NodeDrive {
  readonly client: DriveClient;
  readonly hooks: NodeDriveHooks;
  readonly disk: FaultDisk;
}

export interface NodeFixture {
  readonly store: ObjectLayer;
  readonly engine: RegisterEngine;
  readonly drives: readonly NodeDrive[];
  readonly data: MemoryData;
  readonly clock: ManualClock;
  readonly random: SeededRandom;
}

const ENGINE_OPTIONS = {
  proposer: 1,
  incarnation: 1,
  soleProposer: true,
  roundMs: 1000,
  operationMs: 10_000,
  hedgeMs: 50,
  backoffMs: 5,
  attemptsMax: 4,
  waitersPerKeyMax: 100,
  unsettledKeysMax: 10_000,
};

export async function createNode(driveCount = 4, seed = 1): Promise<NodeFixture> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock();
  const drives: NodeDrive[] = [];
  for (let index = 0; index < driveCount; index++) {
    drives.push(await openNodeDrive(index, { random, clock }));
  }
  const clients = drives.map(({ client }) => client);
  const set = new ReplicaSet({
    epoch: 1,
    groups: [majorityGroup(clients.map(({ id }) => id))],
    members: clients,
    observers: [],
  });
  const engine = new RegisterEngine(ENGINE_OPTIONS, {
    replicasFor: () => set,
    deriveRows,
    purgedRows,
    onReplicaUnavailable() {},
    preferredMember: (key) => (key.at(-1) ?? 0) % driveCount,
    clock,
    random,
    log: silentLogger,
  });
  await engine.settleRecent([]);
  const data = new MemoryData(random);
  const store = new ObjectLayer(
    { ...DEFAULT_OBJECT_OPTIONS, inlineBytesMax: 64, bucketShards: 4 },
    {
      registers: new RegisterClient({ engine, members: () => clients }),
      writer: data,
      reader: data,
      geometry: { isDegraded: () => false },
      owners: { remember() {} },
      clock,
      random,
      log: silentLogger,
    },
  );
  return { store, engine, drives, data, clock, random };
}

async function openNodeDrive(
  index: number,
  { random, clock }: { random: SeededRandom; clock: ManualClock },
): Promise<NodeDrive> {
  const hooks: NodeDriveHooks = { flush: (apply) => Promise.resolve(apply()) };
  const disk = new FaultDisk({ random });
  const id = newDriveId(random);
  const planned: PlannedDrive = {
    path: `/drive${index}`,
    format: {
      cluster: "c".repeat(32),
      node: "e".repeat(32),
      drive: id,
      index,
      state: "formatting",
      createdMs: 1,
      drives: [{ index, id, createdMs: 1 }],
    },
    toFormat: true,
    tableGrew: false,
    needsResync: false,
    replaces: undefined,
  };
  await beginFormatting(disk, planned);
  const link = new InlineLink();
  const { actor, opened } = await openDriveActor(
    { path: planned.path, id, create: true, needsResync: false },
    {
      reserve: { reserveBytesMin: 1024, reserveShare: 0.01, reserveShareMax: 0.05 },
      openFilesMax: 4,
    },
    {
      disk,
      memory: Buffer.from(new SharedArrayBuffer(ARENA_BYTES)),
      digest: xxh3,
      openKv: () => createMemoryKv(createMemoryKvImage(), { flush: (apply) => hooks.flush(apply) }),
      defer: queueMicrotask,
      onReport: link.report,
    },
  );
  link.connect(actor);
  const client = new DriveClient(
    {
      id,
      path: planned.path,
      index,
      requestsInFlightMax: 1000,
      deadlineMs: 5000,
      probeIntervalMs: 60_000,
    },
    { link, clock, log: silentLogger },
    opened.report,
  );
  return { client, hooks, disk };
}
