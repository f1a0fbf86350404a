/**
 * The node's drives: looks at the folders, formats what is new, opens each drive in a store thread
 * and hands out one `Drive` per drive of the node. Drives that fail or are missing are brought back
 * when they can be. The entry of this layer for the composition root.
 */
import type { Clock } from "../base/clock.ts";
import { type Disk, diskErrorCode } from "../base/disk.ts";
import type { DriveId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { limitDisk } from "./disk-deadlines.ts";
import { createNodeDisk } from "./disk-node.ts";
import type { Drive } from "./drive.ts";
import { adoptDrive } from "./drive-adoption.ts";
import type { DriveClient } from "./drive-client.ts";
import { beginFormatting, finishFormatting, updateIdentity } from "./drive-formatting.ts";
import { type InspectedFolder, inspectFolder } from "./drive-inspection.ts";
import {
  type AssignedDrive,
  type DrivePlan,
  isPlace,
  type MissingDrive,
  type NodeDrives,
  type PlannedDrive,
  planDrives,
} from "./drive-plan.ts";
import { DriveReturns, type ReturnLimits } from "./drive-returns.ts";
import { DriveSeat, type DriveSeatOptions } from "./drive-seat.ts";
import type { ReserveLimits } from "./drive-space.ts";
import type { OpenedDrive } from "./store-messages.ts";
import { type StoreThread, startStoreThread } from "./store-thread.ts";

export interface StoreLimits extends ReturnLimits {
  /** Per drive: requests sent and not answered. */
  readonly requestsInFlightMax: number;
  /** A drive that leaves a request unanswered for as long has failed: see drive-client.ts. */
  readonly requestDeadlineMs: number;
  /** Between two looks at a drive's folder and free space. */
  readonly probeIntervalMs: number;
  /** Per drive: shard files kept open for reading. */
  readonly openFilesMax: number;
  readonly reserve: ReserveLimits;
}

export const STORE_LIMITS: StoreLimits = {
  requestsInFlightMax: 8192,
  requestDeadlineMs: 30_000,
  probeIntervalMs: 5_000,
  reopenMsMin: 2_000,
  reopenMsMax: 5 * 60_000,
  openFilesMax: 256,
  reserve: { reserveBytesMin: 1024 ** 3, reserveShare: 0.01, reserveShareMax: 0.05 },
};

export interface StoreOptions {
  /** One folder per drive. */
  readonly paths: readonly string[];
  /** The arena. */
  readonly memory: SharedArrayBuffer;
  /** Store threads; the drives are spread over them. No more than one per drive is started. */
  readonly threads: number;
  /** What the drives must belong to; undefined takes what is found, or makes new ids. */
  readonly clusterId?: string;
  readonly nodeId?: string;
  /** In a cluster, who each folder's drive is to be, in the order of `paths`. */
  readonly assigned?: readonly AssignedDrive[];
  /** Of the data that will be written; the drives remember the largest: see stripeDataBytesMax. */
  readonly stripeDataBytes: number;
  readonly limits: StoreLimits;
}

export interface StoreModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** A drive that was formatted into an existing set and has to be filled from its peers. */
export interface FreshDrive {
  readonly drive: Drive;
  /** The drive that was at its index before, if there was one. */
  readonly replaces: DriveId | undefined;
  /** To be called when it holds all that it should; until then it is fresh at every start. */
  markSynced(): Promise<{ readonly ok: boolean }>;
}

export interface Store {
  /** By index, ascending: all that the node's table names, there or not. */
  readonly drives: readonly Drive[];
  readonly clusterId: string;
  readonly nodeId: string;
  /** Raised durably on every drive before this was returned (core-design rule 8). */
  readonly incarnation: number;
  readonly fresh: readonly FreshDrive[];
  /** Those that could not be opened at the start. They are looked for until they come back. */
  readonly missing: readonly MissingDrive[];
  /** Folders that wait for a drive: empty, with no drive open in them, and where a disk belongs. */
  emptyFolders(): Promise<readonly string[]>;
  /** In a cluster: an empty folder becomes a drive of this node. Rejects with why it cannot. */
  adopt(drive: AssignedDrive, path: string): Promise<Drive>;
  /** A drive that is no drive of this node any more is not looked for, if it is not there. */
  forget(id: DriveId): void;
  /** Answers what was asked before, then closes. */
  close(): Promise<void>;
}

/** The folders cannot be used as they are; `problems` says which and what to do. */
export class StoreRefusedError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "StoreRefusedError";
    this.problems = problems;
  }
}

interface OpenDrive {
  readonly planned: PlannedDrive;
  readonly client: DriveClient;
  readonly opened: OpenedDrive;
}

/**
 * The largest stripes that data on these drives may have been written with; 0 when nothing is known.
 * Asked before the arena is made, which has to hold them.
 */
export async function findStripeDataBytesMax(
  paths: readonly string[],
  { clock }: Pick<StoreModules, "clock">,
): Promise<number> {
  const deadlineMs = STORE_LIMITS.requestDeadlineMs;
  const disk = limitDisk(createNodeDisk(), { clock, deadlineMs });
  const folders = await Promise.all(paths.map((path) => inspectFolder(disk, path)));
  const sizes = folders.map(({ finding }) =>
    finding.kind === "drive" ? finding.format.stripeDataBytesMax : 0,
  );
  return Math.max(0, ...sizes);
}

export async function openStore(options: StoreOptions, modules: StoreModules): Promise<Store> {
  const deadlineMs = options.limits.requestDeadlineMs;
  const disk = limitDisk(createNodeDisk(), { clock: modules.clock, deadlineMs });
  const { plan, folders } = await makePlan(disk, options, modules);
  const known: NodeDrives = { ...plan, table: [...plan.table] };
  const unformatted = await formatNew(disk, plan, modules.log);
  const usable = plan.drives.filter((drive) => !unformatted.has(drive));
  const threads = startThreads(options, plan.drives.length + plan.missing.length);
  const returns = new DriveReturns(options.limits, modules);
  const seats: DriveSeat[] = [];
  let incarnation = 0;
  const addSeat = createSeats({ options, modules, disk, known, threads }, seats, () => incarnation);
  try {
    const opened = await openAll(usable, addSeat, modules.log);
    for (const { id, index } of plan.missing) addSeat({ id, index, path: "" });
    await settleFormats(disk, opened.drives);
    incarnation = await raiseIncarnations(opened.drives);
    for (const seat of seats) returns.watch(seat);
    const used = folders.filter(({ path }) => plan.drives.some((drive) => drive.path === path));
    const adoption = { ...modules, disk, known, seats, addSeat, incarnation };
    return {
      get drives() {
        return seats.map(({ client }) => client).sort((left, right) => left.index - right.index);
      },
      clusterId: plan.cluster,
      nodeId: plan.node,
      incarnation,
      fresh: opened.drives.filter((drive) => drive.opened.needsResync).map(describeFresh),
      missing: [...plan.missing, ...unformatted.values(), ...opened.missing].sort(
        (left, right) => left.index - right.index,
      ),
      emptyFolders: () => findPlaces(disk, freePathsOf(options.paths, seats), used),
      adopt: async (drive, path) => {
        const adopted = await adoptDrive(drive, path, adoption);
        returns.watch(adopted.seat);
        return adopted.drive;
      },
      forget: (id) => {
        const at = seats.findIndex((seat) => seat.id === id && seat.status().state !== "online");
        for (const seat of at < 0 ? [] : seats.splice(at, 1)) returns.forget(seat);
      },
      close: async () => {
        await returns.stop();
        await closeAll(seats, threads);
      },
    };
  } catch (error) {
    await closeAll([], threads);
    throw error;
  }
}

async function makePlan(
  disk: Disk,
  options: StoreOptions,
  modules: StoreModules,
): Promise<{ readonly plan: DrivePlan; readonly folders: readonly InspectedFolder[] }> {
  const { paths, clusterId, nodeId, stripeDataBytes } = options;
  const twice = paths.filter((path, at) => paths.indexOf(path) !== at);
  if (twice.length > 0) throw new StoreRefusedError(twice.map((path) => `${path}: given twice`));
  const folders = await Promise.all(paths.map((path) => inspectFolder(disk, path)));
  const plan = planDrives(folders, {
    cluster: clusterId,
    node: nodeId,
    assigned: options.assigned,
    stripeDataBytes,
    nowMs: modules.clock.nowMs(),
    random: modules.random,
  });
  if (!plan.ok) throw new StoreRefusedError(plan.problems);
  for (const { index, id, reason } of plan.missing) {
    modules.log.warn("a drive of this node is missing", { index, drive: id, reason });
  }
  return { plan, folders };
}

function freePathsOf(paths: readonly string[], seats: readonly DriveSeat[]): string[] {
  const used = seats.map((seat) => seat.status()).filter(({ state }) => state === "online");
  return paths.filter((path) => used.every((drive) => drive.path !== path));
}

/** Of folders without a drive, those that a drive may be made in. */
async function findPlaces(
  disk: Disk,
  paths: readonly string[],
  atStart: readonly InspectedFolder[],
): Promise<string[]> {
  const now = await Promise.all(paths.map((path) => inspectFolder(disk, path)));
  return now.filter((folder) => isPlace(folder, atStart)).map(({ path }) => path);
}

/**
 * Formats what is new. A bad disk among the first set is an error; a bad replacement is left out,
 * for the node has to start without it.
 */
async function formatNew(
  disk: Disk,
  plan: DrivePlan,
  log: Logger,
): Promise<Map<PlannedDrive, MissingDrive>> {
  const failed = new Map<PlannedDrive, MissingDrive>();
  const firstSet = plan.drives.every((drive) => drive.toFormat);
  const formatting = plan.drives.map(async (drive) => {
    if (!drive.toFormat) return;
    try {
      await beginFormatting(disk, drive);
    } catch (error) {
      if (firstSet) throw error;
      const { index, drive: id } = drive.format;
      const reason = `${drive.path}: cannot be formatted (${diskErrorCode(error) ?? String(error)})`;
      log.error("a drive cannot be formatted", { path: drive.path, drive: id, reason });
      failed.set(drive, { index, id, reason });
    }
  });
  await Promise.all(formatting);
  return failed;
}

function startThreads(options: StoreOptions, drives: number): StoreThread[] {
  const { memory, limits } = options;
  const count = Math.max(1, Math.min(options.threads, drives));
  return Array.from({ length: count }, () =>
    startStoreThread({
      memory,
      options: { reserve: limits.reserve, openFilesMax: limits.openFilesMax },
    }),
  );
}

type AddSeat = (drive: Pick<DriveSeatOptions, "id" | "index" | "path">) => DriveSeat;

/** The drives are spread over the threads in the order in which they are added. */
function createSeats(
  context: {
    readonly options: StoreOptions;
    readonly modules: StoreModules;
    readonly disk: Disk;
    readonly known: NodeDrives;
    readonly threads: readonly StoreThread[];
  },
  seats: DriveSeat[],
  incarnation: () => number,
): AddSeat {
  const { options, modules, disk, known, threads } = context;
  const { limits, paths } = options;
  const freePaths = () => freePathsOf(paths, seats);
  return (drive) => {
    const thread = threads[seats.length % threads.length];
    if (thread === undefined) throw new Error("there is a thread for every drive");
    const seat = new DriveSeat(
      {
        ...drive,
        requestsInFlightMax: limits.requestsInFlightMax,
        deadlineMs: limits.requestDeadlineMs,
        probeIntervalMs: limits.probeIntervalMs,
      },
      { ...modules, thread, disk, plan: known, freePaths, incarnation },
    );
    seats.push(seat);
    return seat;
  };
}

async function openAll(
  planned: readonly PlannedDrive[],
  addSeat: AddSeat,
  log: Logger,
): Promise<{ drives: OpenDrive[]; missing: MissingDrive[] }> {
  const drives: OpenDrive[] = [];
  const missing: MissingDrive[] = [];
  const opening = planned.map(async (drive) => {
    const { path, format, toFormat, needsResync } = drive;
    const { drive: id, index } = format;
    const seat = addSeat({ id, index, path });
    try {
      const opened = await seat.open({ path, id, create: toFormat, needsResync });
      drives.push({ planned: drive, client: seat.client, opened });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.error("a drive cannot be used", { path, drive: id, reason });
      missing.push({ index, id, reason: `${path}: ${reason}` });
    }
  });
  await Promise.all(opening);
  drives.sort((left, right) => left.client.index - right.client.index);
  return { drives, missing };
}

/** New drives become ready, the others learn what is new about the node, or are not used. */
async function settleFormats(disk: Disk, drives: readonly OpenDrive[]): Promise<void> {
  const settling = drives.map(async ({ planned, client }) => {
    if (planned.toFormat) await finishFormatting(disk, planned);
    else if (planned.outdated) {
      await updateIdentity(disk, planned.path, planned.format).catch((error: unknown) =>
        client.fail(`its identity cannot be written (${diskErrorCode(error) ?? String(error)})`),
      );
    }
  });
  await Promise.all(settling);
}

/** One above all that any drive has seen, durable on each before a ballot carries it. */
async function raiseIncarnations(drives: readonly OpenDrive[]): Promise<number> {
  const incarnation = Math.max(0, ...drives.map(({ opened }) => opened.incarnation)) + 1;
  await Promise.all(
    drives.map(async ({ client }) => {
      const reply = await client.raiseIncarnation(incarnation);
      if (!reply.ok) client.fail("the incarnation could not be stored");
    }),
  );
  return incarnation;
}

function describeFresh(drive: OpenDrive): FreshDrive {
  const { client, planned } = drive;
  return { drive: client, replaces: planned.replaces, markSynced: () => client.markSynced() };
}

async function closeAll(
  seats: readonly DriveSeat[],
  threads: readonly StoreThread[],
): Promise<void> {
  // One that cannot be let go of ends with its thread.
  await Promise.allSettled(seats.map((seat) => seat.close()));
  await Promise.all(threads.map((thread) => thread.terminate()));
}
