/**
 * A node without threads and hardware: the real object layer, register engine, drive actors and data
 * path over an index in memory and the fault disk.
 */
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { majorityGroup, ReplicaSet } from "../../../cluster/register/replica-set.ts";
import type { Clock } from "../../../src/base/clock.ts";
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Random } from "../../../src/base/random.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import { deriveRows, purgedRows } from "../../../src/object/registers/derive-rows.ts";
import { RegisterClient } from "../../../src/object/registers/register-client.ts";
import type { DriveActor } from "../../../src/store/drive-actor.ts";
import { DriveClient } from "../../../src/store/drive-client.ts";
import { beginFormatting } from "../../../src/store/drive-formatting.ts";
import { openDriveActor } from "../../../src/store/drive-opening.ts";
import type { PlannedDrive } from "../../../src/store/drive-plan.ts";
import { InlineLink } from "../../../src/store/inline-drive.ts";
import {
  createMemoryKv,
  createMemoryKvImage,
  type MemoryKvHooks,
  type MemoryKvImage,
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
  settledBytesMax: 100_000,
};

export async function createNode(driveCount = 4, seed = 1): Promise<NodeFixture> {
  const random = new SeededRandom(seed);
  const clock = new ManualClock();
  const drives: NodeDrive[] = [];
  const memory = Buffer.from(new SharedArrayBuffer(ARENA_BYTES));
  for (let index = 0; index < driveCount; index++) {
    const hardware = await createHardware(index, random);
    const client = await openHardware(hardware, { memory, clock, create: true });
    drives.push({ client, hooks: hardware.hooks, disk: hardware.disk });
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
      pending: { adopted() {}, rebuilt() {} },
      clock,
      random,
      log: silentLogger,
    },
  );
  return { store, engine, drives, data, clock, random };
}

/** What survives the process: the folder and the index of one drive. */
export interface Hardware {
  readonly disk: FaultDisk;
  image: MemoryKvImage;
  readonly planned: PlannedDrive;
  readonly hooks: NodeDriveHooks;
  /** While it is open. */
  actor?: DriveActor;
}

export async function createHardware(
  index: number,
  random: Random,
  disk = new FaultDisk({ random }),
): Promise<Hardware> {
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
      stripeDataBytesMax: 0,
      drives: [{ index, id, createdMs: 1 }],
    },
    toFormat: true,
    outdated: false,
    needsResync: false,
    replaces: undefined,
  };
  await beginFormatting(disk, planned);
  const hooks: NodeDriveHooks = { flush: (apply) => Promise.resolve(apply()) };
  return { disk, image: createMemoryKvImage(), planned, hooks };
}

export interface OpenOptions {
  readonly memory: Buffer;
  readonly clock: Clock;
  /** False opens what an earlier process left behind. */
  readonly create: boolean;
}

export async function openHardware(hardware: Hardware, options: OpenOptions): Promise<DriveClient> {
  const { path, format } = hardware.planned;
  const { link, report } = await openActor(hardware, options);
  return new DriveClient(
    {
      id: format.drive,
      path,
      index: format.index,
      requestsInFlightMax: 1000,
      deadlineMs: 5000,
      probeIntervalMs: 60_000,
    },
    { link, clock: options.clock, log: silentLogger },
    report,
  );
}

/** What the store does with a drive that failed: ends its actor, then opens it again. */
export async function reopenHardware(
  client: DriveClient,
  hardware: Hardware,
  options: Omit<OpenOptions, "create">,
): Promise<void> {
  await hardware.actor?.close();
  const { link, report } = await openActor(hardware, { ...options, create: false });
  client.connect(link, hardware.planned.path, report);
}

async function openActor(hardware: Hardware, { memory, create }: OpenOptions) {
  const { disk, planned, hooks, image } = hardware;
  const { path, format } = planned;
  const link = new InlineLink();
  const { actor, opened } = await openDriveActor(
    { path, id: format.drive, create, needsResync: false },
    {
      reserve: { reserveBytesMin: 1024, reserveShare: 0.01, reserveShareMax: 0.05 },
      openFilesMax: 16,
    },
    {
      disk,
      memory,
      digest: (parts) => xxh3(Buffer.concat(parts)),
      openKv: () => createMemoryKv(image, { flush: (apply) => hooks.flush(apply) }),
      defer: queueMicrotask,
      onReport: link.report,
    },
  );
  link.connect(actor);
  hardware.actor = actor;
  return { link, report: opened.report };
}
