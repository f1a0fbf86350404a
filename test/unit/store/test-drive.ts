/** One drive on the fault disk and the memory index, behind the real client, without threads. */
import { randomBytes } from "node:crypto";
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Random } from "../../../src/base/random.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import type { DriveActor } from "../../../src/store/drive-actor.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import { beginFormatting, finishFormatting } from "../../../src/store/drive-formatting.ts";
import type { PlannedDrive } from "../../../src/store/drive-plan.ts";
import type { RecordDigest } from "../../../src/store/drive-tables.ts";
import { createInlineDrive } from "../../../src/store/inline-drive.ts";
import { openJournaledKv } from "../../../src/store/kv-journaled.ts";
import {
  createMemoryKv,
  createMemoryKvImage,
  type MemoryKvHooks,
  type MemoryKvImage,
} from "../../../src/store/kv-memory.ts";
import { type DiskOperation, FaultDisk } from "../../support/fault-disk.ts";
import { createSeededRandom, HandClock } from "./collaborators.ts";

export const DRIVE_PATH = "/drive";
export const ARENA_BYTES = 1024 * 1024;

export interface TestDrive {
  readonly client: DriveClient;
  readonly actor: DriveActor;
  readonly clock: HandClock;
  readonly disk: FaultDisk;
  readonly image: MemoryKvImage;
  readonly planned: PlannedDrive;
  readonly arena: Buffer;
  /** Set to see or to disturb the next operations. */
  readonly hooks: TestHooks;
}

export interface TestHooks {
  disk: (operation: DiskOperation, path: string) => void | Promise<void>;
  flush: MemoryKvHooks["flush"];
}

export interface TestOptions {
  readonly random?: Random;
  readonly totalBytes?: number;
  readonly requestsInFlightMax?: number;
  /** With a journal in front of the index, its segments of so many bytes. */
  readonly journalBytes?: number;
}

export function createHooks(): TestHooks {
  return { disk: () => {}, flush: (apply) => Promise.resolve(apply()) };
}

/** Formats a drive and opens it. */
export async function createTestDrive(options: TestOptions = {}): Promise<TestDrive> {
  const random = options.random ?? createSeededRandom(randomBytes(4).readInt32BE());
  const hooks = createHooks();
  const disk = new FaultDisk({
    random,
    before: (operation, path) => hooks.disk(operation, path),
    ...(options.totalBytes === undefined ? {} : { totalBytes: options.totalBytes }),
  });
  const id = newDriveId(random);
  const planned: PlannedDrive = {
    path: DRIVE_PATH,
    format: {
      cluster: "c".repeat(32),
      node: "e".repeat(32),
      drive: id,
      index: 0,
      state: "formatting",
      createdMs: 1,
      stripeDataBytesMax: 0,
      drives: [{ index: 0, id, createdMs: 1 }],
    },
    toFormat: true,
    outdated: false,
    needsResync: false,
    replaces: undefined,
  };
  await beginFormatting(disk, planned);
  const image = createMemoryKvImage();
  const drive = await openTestDrive({ disk, image, hooks, planned, create: true }, options);
  await finishFormatting(disk, planned);
  return drive;
}

/** Opens what an earlier life of the drive left behind. */
export async function openTestDrive(
  from: {
    disk: FaultDisk;
    image: MemoryKvImage;
    hooks: TestHooks;
    planned: PlannedDrive;
    create: boolean;
  },
  options: TestOptions = {},
): Promise<TestDrive> {
  const { disk, image, hooks, planned, create } = from;
  const clock = new HandClock();
  const { journalBytes } = options;
  const digest: RecordDigest = (parts) => xxh3(Buffer.concat(parts));
  const arena = Buffer.from(new SharedArrayBuffer(ARENA_BYTES));
  const { client, actor } = await createInlineDrive(
    { path: planned.path, id: planned.format.drive, create, needsResync: planned.needsResync },
    {
      reserve: { reserveBytesMin: 1024, reserveShare: 0.01, reserveShareMax: 0.05 },
      openFilesMax: 4,
      index: planned.format.index,
      requestsInFlightMax: options.requestsInFlightMax ?? 1000,
      deadlineMs: 1000,
      probeIntervalMs: 5000,
    },
    {
      disk,
      memory: arena,
      digest,
      openKv: () => createMemoryKv(image, { flush: (apply) => hooks.flush(apply) }),
      ...(journalBytes === undefined
        ? {}
        : {
            addJournal: (engine, folder) =>
              openJournaledKv(
                { folder, segmentBytes: journalBytes },
                { engine, disk, digest, random: { bytes: randomBytes } },
              ),
          }),
      clock,
      log: silentLogger,
    },
  );
  client.start();
  return { client, actor, clock, disk, image, planned, arena, hooks };
}
