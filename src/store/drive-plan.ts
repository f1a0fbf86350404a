/**
 * Decides what a node does with the folders it was given as drives: which it uses, which it formats
 * anew, which are missing. Pure.
 *
 * The rules:
 * - Nothing that may hold somebody's data is ever formatted, and nothing at all is while it cannot
 *   be known what the node's drives are (more than half of them missing, or one unreadable at
 *   first).
 * - A drive is known by its id, wherever it is mounted. An empty folder stands for a missing drive
 *   and becomes a NEW drive at that drive's index, which has to be filled (core-design rule 8: a
 *   replica that lost its disk never comes back blank under its old identity).
 * - Further empty folders become further drives. The node's table of drives only grows.
 * - In a cluster an empty folder becomes a drive that the cluster has given to the node and no folder
 *   holds yet, or nothing: the others know drives by the ids that they have agreed on.
 */
import { type DriveId, newDriveId } from "../base/ids.ts";
import type { Random } from "../base/random.ts";
import { currentDrives, type DriveFormat, type DriveTableEntry } from "./drive-format.ts";
import type { FolderFinding, InspectedFolder } from "./drive-inspection.ts";

export interface PlannedDrive {
  readonly path: string;
  readonly format: DriveFormat;
  /** The folder's identity has to be written first (again, if formatting was interrupted). */
  readonly toFormat: boolean;
  /** In use, with an identity that does not know all drives or the largest stripes yet. */
  readonly outdated: boolean;
  /** Formatted into an existing set: it holds less than it should. */
  readonly needsResync: boolean;
  /** The drive that was at this index before. */
  readonly replaces: DriveId | undefined;
}

export interface MissingDrive {
  readonly index: number;
  readonly id: DriveId;
  readonly reason: string;
}

export interface DrivePlan {
  readonly ok: true;
  readonly cluster: string;
  readonly node: string;
  /** The node's table, to be written to every drive that has a shorter one. */
  readonly table: readonly DriveTableEntry[];
  /** The same for the largest stripes. */
  readonly stripeDataBytesMax: number;
  readonly drives: readonly PlannedDrive[];
  readonly missing: readonly MissingDrive[];
}

export interface PlanRefusal {
  readonly ok: false;
  /** One line per problem, with the path and what to do. */
  readonly problems: readonly string[];
}

export interface PlanOptions {
  /** The cluster and the node that this must be; undefined takes what is found, or makes new ones. */
  readonly cluster: string | undefined;
  readonly node: string | undefined;
  /** In a cluster, who each folder's drive is to be, in the order of the folders. */
  readonly assigned: readonly AssignedDrive[] | undefined;
  /** Of the data that is going to be written. */
  readonly stripeDataBytes: number;
  readonly nowMs: number;
  readonly random: Random;
}

/** A drive's identity as the cluster gave it. */
export interface AssignedDrive {
  readonly id: DriveId;
  /** Its number among all drives of the cluster. */
  readonly index: number;
}

type DriveFinding = Extract<FolderFinding, { kind: "drive" }>;

interface FoundDrive {
  readonly path: string;
  readonly finding: DriveFinding;
}

export function planDrives(
  folders: readonly InspectedFolder[],
  options: PlanOptions,
): DrivePlan | PlanRefusal {
  const problems = folders.flatMap(({ path, finding }) =>
    finding.kind === "foreign" ? [`${path}: ${finding.message}`] : [],
  );
  if (problems.length > 0) return { ok: false, problems };
  const found = folders.flatMap(({ path, finding }): FoundDrive[] =>
    finding.kind === "drive" ? [{ path, finding }] : [],
  );
  const first = found[0];
  const unused = found.every(({ finding }) => finding.format.state === "formatting");
  if (first === undefined || (unused && isWholeSet(folders))) return planNewSet(folders, options);
  const identityProblems = checkIdentities(found, {
    cluster: options.cluster ?? first.finding.format.cluster,
    node: options.node ?? first.finding.format.node,
    table: longestTable(found),
  });
  if (identityProblems.length > 0) return { ok: false, problems: identityProblems };
  return planKnownSet(folders, found, options);
}

/** Every folder can be formatted: nobody has used any of these drives, and none is out of sight. */
function isWholeSet(folders: readonly InspectedFolder[]): boolean {
  return folders.every(({ finding }) => finding.kind === "drive" || finding.kind === "empty");
}

/** No folder knows of a node: all become the drives of a new one, in the order given. */
function planNewSet(
  folders: readonly InspectedFolder[],
  options: PlanOptions,
): DrivePlan | PlanRefusal {
  const problems = folders.flatMap(({ path, finding }) =>
    finding.kind === "unreadable"
      ? [`${path}: ${finding.message}; new drives are only formatted when all can be looked at`]
      : [],
  );
  if (problems.length > 0) return { ok: false, problems };
  const { random, nowMs } = options;
  const cluster = options.cluster ?? randomId(random);
  const node = options.node ?? randomId(random);
  const table = folders.map((_, at) => {
    const own = options.assigned?.[at] ?? { index: at, id: newDriveId(random) };
    return { ...own, createdMs: nowMs };
  });
  const drives = folders.map(({ path }, index): PlannedDrive => {
    const entry = table[index];
    if (entry === undefined) throw new Error("one table entry per folder");
    const stripeDataBytesMax = options.stripeDataBytes;
    const format = newFormat({ cluster, node, table, stripeDataBytesMax }, entry);
    return {
      path,
      format,
      toFormat: true,
      outdated: false,
      needsResync: false,
      replaces: undefined,
    };
  });
  const { stripeDataBytes: stripeDataBytesMax } = options;
  return { ok: true, cluster, node, table, stripeDataBytesMax, drives, missing: [] };
}

/** What a drive that comes back must belong to. */
export interface KnownNode {
  readonly cluster: string;
  readonly node: string;
  readonly table: readonly DriveTableEntry[];
}

/** Why a folder is not the drive of this node that is looked for; undefined when it is. */
export function returnProblem(
  { path, finding }: InspectedFolder,
  wanted: DriveId,
  known: KnownNode,
): string | undefined {
  switch (finding.kind) {
    case "absent":
      return `${path}: there is no such folder`;
    case "empty":
      return `${path}: it is empty; the next start makes it a new drive`;
    case "unreadable":
    case "foreign":
      return `${path}: ${finding.message}`;
    case "drive": {
      const { format } = finding;
      if (format.drive !== wanted) return `${path}: it holds another drive (${format.drive})`;
      if (format.state !== "ready") return `${path}: its formatting was interrupted`;
      if (format.drives.length > known.table.length) {
        return `${path}: it knows of drives that this process does not; start again`;
      }
      return checkIdentities([{ path, finding }], known)[0];
    }
  }
}

/**
 * Whether a drive may be made in a folder while the node runs: it is empty, and no disk is missing
 * there. A place in which a disk was mounted has to have one, and so has a new place where all
 * others do. `atStart`: the folders that became this node's drives then.
 */
export function isPlace(
  { path, finding }: InspectedFolder,
  atStart: readonly InspectedFolder[],
): boolean {
  if (finding.kind !== "empty") return false;
  const before = atStart.filter((folder) => folder.path === path);
  const known = before.length === 0 ? atStart : before;
  return finding.mounted || known.some((folder) => !isMounted(folder));
}

function isMounted({ finding }: InspectedFolder): boolean {
  return (finding.kind === "drive" || finding.kind === "empty") && finding.mounted;
}

/** What the drives of a running node know of each other; the table grows when it is given a drive. */
export interface NodeDrives extends KnownNode {
  readonly table: DriveTableEntry[];
  readonly stripeDataBytesMax: number;
}

/** The identity of a drive that is given to a running node, which is in its table afterwards. */
export function adoptedFormat(drive: AssignedDrive, known: NodeDrives, nowMs: number): DriveFormat {
  const { cluster, node, table, stripeDataBytesMax } = known;
  const found = table.find(({ id }) => id === drive.id);
  const entry = found ?? { index: drive.index, id: drive.id, createdMs: nowMs };
  if (found === undefined) table.push(entry);
  return newFormat({ cluster, node, table: [...table], stripeDataBytesMax }, entry);
}

/** Same cluster, same node, no drive twice, no drive that was replaced. */
function checkIdentities(found: readonly FoundDrive[], known: KnownNode): string[] {
  const problems: string[] = [];
  const { cluster, node, table } = known;
  const current = currentDrives(table);
  const seen = new Map<DriveId, string>();
  for (const { path, finding } of found) {
    const { format } = finding;
    const twin = seen.get(format.drive);
    seen.set(format.drive, path);
    if (format.cluster !== cluster) {
      problems.push(`${path}: belongs to cluster ${format.cluster}, not ${cluster}`);
    } else if (format.node !== node) {
      problems.push(`${path}: belongs to node ${format.node}, not ${node}`);
    } else if (twin !== undefined) {
      problems.push(`${path}: is the same drive as ${twin} (${format.drive}); remove the copy`);
    } else if (!isPrefix(format.drives, table)) {
      problems.push(`${path}: its table of drives contradicts that of another drive`);
    } else if (current.get(format.index)?.id !== format.drive) {
      const successor = current.get(format.index)?.id ?? "none";
      problems.push(
        `${path}: drive ${format.drive} was replaced by ${successor}; ` +
          "empty the folder to use it again",
      );
    }
  }
  return problems;
}

function planKnownSet(
  folders: readonly InspectedFolder[],
  found: readonly FoundDrive[],
  options: PlanOptions,
): DrivePlan {
  const table = [...longestTable(found)];
  const stripeDataBytesMax = Math.max(
    options.stripeDataBytes,
    ...found.map(({ finding }) => finding.format.stripeDataBytesMax),
  );
  const { cluster, node } = found[0]?.finding.format ?? { cluster: "", node: "" };
  const known = currentDrives(table);
  const missing = new Map(known);
  for (const { finding } of found) missing.delete(finding.format.index);
  const halfIsHere = missing.size * 2 <= known.size;
  const allMounted = found.every(({ finding }) => finding.mounted);
  const drives: PlannedDrive[] = [];
  const set = { table, known, missing, given: givenAnew(options.assigned, table) };
  for (const { path, finding } of folders) {
    if (finding.kind === "drive") {
      drives.push(planFound(path, finding.format, table));
    } else if (finding.kind === "empty" && halfIsHere && (finding.mounted || !allMounted)) {
      const planned = planEmpty(path, { cluster, node, stripeDataBytesMax, ...set }, options);
      if (planned !== undefined) drives.push(planned);
    }
  }
  const reason = missingReason(folders, halfIsHere, options.assigned !== undefined);
  return {
    ok: true,
    cluster,
    node,
    table,
    stripeDataBytesMax,
    drives: drives.map((drive) => ({
      ...drive,
      outdated:
        !drive.toFormat &&
        (drive.format.drives.length < table.length ||
          drive.format.stripeDataBytesMax < stripeDataBytesMax),
      format: { ...drive.format, drives: table, stripeDataBytesMax },
    })),
    missing: [...missing.values()].map(({ index, id }) => ({ index, id, reason })),
  };
}

/** An interrupted formatting goes on; other drives of the set may have been in use since. */
function planFound(
  path: string,
  format: DriveFormat,
  table: readonly DriveTableEntry[],
): PlannedDrive {
  const toFormat = format.state === "formatting";
  const replaces = predecessorOf(table, format);
  return { path, format, toFormat, outdated: false, needsResync: toFormat, replaces };
}

/** What is known of a set while its empty folders are looked at; changes with each of them. */
interface GrowingSet {
  readonly cluster: string;
  readonly node: string;
  readonly stripeDataBytesMax: number;
  readonly table: DriveTableEntry[];
  readonly known: Map<number, DriveTableEntry>;
  readonly missing: Map<number, DriveTableEntry>;
  readonly given: AssignedDrive[];
}

/** A new drive, for a missing one where there is one; undefined: the cluster has none for the folder. */
function planEmpty(path: string, set: GrowingSet, options: PlanOptions): PlannedDrive | undefined {
  const { cluster, node, stripeDataBytesMax, table, known, missing } = set;
  const anew = set.given.shift();
  if (anew === undefined && options.assigned !== undefined) return undefined;
  const replaced = anew === undefined ? missing.values().next().value : undefined;
  const index = anew?.index ?? replaced?.index ?? known.size;
  missing.delete(index);
  const id = anew?.id ?? newDriveId(options.random);
  const entry = { index, id, createdMs: options.nowMs };
  table.push(entry);
  known.set(index, entry);
  const format = newFormat({ cluster, node, table: [], stripeDataBytesMax }, entry);
  const replaces = replaced?.id;
  return { path, format, toFormat: true, outdated: false, needsResync: true, replaces };
}

/** Drives that the cluster has given to this node since it was started last. */
function givenAnew(
  assigned: readonly AssignedDrive[] | undefined,
  table: readonly DriveTableEntry[],
): AssignedDrive[] {
  const known = new Set(table.map(({ index }) => index));
  return (assigned ?? []).filter(({ index }) => !known.has(index));
}

/** Why known drives are missing, in words for the log. */
function missingReason(
  folders: readonly InspectedFolder[],
  halfIsHere: boolean,
  inCluster: boolean,
): string {
  const notes = folders.flatMap(({ path, finding }) => {
    if (finding.kind === "absent") return [`${path} does not exist`];
    if (finding.kind === "unreadable") return [`${path}: ${finding.message}`];
    if (finding.kind !== "empty") return [];
    if (inCluster) return [`${path} is empty: the cluster gives it a drive of its own`];
    if (!halfIsHere) return [`${path} is empty and is not formatted without half of the drives`];
    return finding.mounted ? [] : [`${path} is empty and nothing is mounted there`];
  });
  return notes.length === 0 ? "none of the folders holds it" : notes.join("; ");
}

/** The drive that the table names before this one at the same index. */
function predecessorOf(
  table: readonly DriveTableEntry[],
  format: DriveFormat,
): DriveId | undefined {
  const line = table.filter((entry) => entry.index === format.index);
  return line.at(-2)?.id;
}

function longestTable(found: readonly FoundDrive[]): readonly DriveTableEntry[] {
  return found.reduce<readonly DriveTableEntry[]>((longest, { finding }) => {
    const { drives } = finding.format;
    return drives.length > longest.length ? drives : longest;
  }, []);
}

function isPrefix(
  shorter: readonly DriveTableEntry[],
  longer: readonly DriveTableEntry[],
): boolean {
  return shorter.every((entry, at) => {
    const other = longer[at];
    return other !== undefined && entry.id === other.id && entry.index === other.index;
  });
}

function newFormat(
  of: Pick<DriveFormat, "cluster" | "node" | "stripeDataBytesMax"> & {
    table: readonly DriveTableEntry[];
  },
  entry: DriveTableEntry,
): DriveFormat {
  return {
    cluster: of.cluster,
    node: of.node,
    drive: entry.id,
    index: entry.index,
    state: "formatting",
    createdMs: entry.createdMs,
    stripeDataBytesMax: of.stripeDataBytesMax,
    drives: of.table,
  };
}

function randomId(random: Random): string {
  return random.bytes(16).toString("hex");
}
