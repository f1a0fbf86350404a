/**
 * Which drives are the members of a sole proposer's registers, and who may decide so. Pure rules;
 * drive-membership.ts carries them out, docs/decisions/0002-sole-proposer.md argues for them.
 *
 * An epoch is a set of members, recorded on each of them before it is used. Quorums are majorities.
 * A new epoch is always recorded on ALL its members, so that whoever finds one of them finds it.
 *
 * `bases` are the sets before it whose chosen values are perhaps not yet held by a majority of the
 * members. Until they are (and an epoch without bases is recorded), the survivors of every further
 * loss must still meet every accept quorum of every base.
 */
import { asBuffer, utf8 } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { majority } from "./replica-set.ts";

export interface EpochRecord {
  /** Ordered over all processes: the incarnation that formed it × 2^20 + a counter. */
  readonly epoch: number;
  readonly members: readonly string[];
  readonly bases: ReadonlyArray<readonly string[]>;
}

/**
 * Exactly half of an even set survives a loss in one blow. The same half may come back alone after
 * a restart, and cannot know then whether the other half went on without it. So one of the two has
 * to be given up: going on with half while running, or answering reads from half after a start.
 */
export type HalfPolicy = "write-while-running" | "read-after-start";

const EPOCHS_PER_INCARNATION = 2 ** 20;

/** The first epoch of a process. */
export function firstEpochOf(incarnation: number): number {
  return incarnation * EPOCHS_PER_INCARNATION;
}

export function incarnationOf(epoch: number): number {
  return Math.floor(epoch / EPOCHS_PER_INCARNATION);
}

/** The fewest members of a set of `count` that meet every majority of it. */
export function coverOf(count: number): number {
  return count - majority(count) + 1;
}

/** The fewest members that may go on when the others of a set of `count` are lost in one blow. */
export function survivorsMin(count: number, half: HalfPolicy): number {
  return half === "write-while-running" ? coverOf(count) : majority(count);
}

export type EpochDecision =
  | { readonly ok: true; readonly next: EpochRecord }
  | { readonly ok: false; readonly needed: number; readonly got: number };

/**
 * The running process has lost members: may those of `survivors` go on, and as what? They must meet
 * every accept quorum of the present set and of its bases (then every chosen value is on one of
 * them), and recording the epoch on them blocks every quorum of the sets before.
 */
export function decideExclusion(
  current: EpochRecord,
  survivors: ReadonlySet<string>,
  half: HalfPolicy,
): EpochDecision {
  const bases = [current.members, ...current.bases];
  for (const base of bases) {
    const needed = survivorsMin(base.length, half);
    const got = countIn(base, survivors);
    if (got < needed) return { ok: false, needed, got };
  }
  const members = current.members.filter((member) => survivors.has(member));
  return { ok: true, next: { epoch: current.epoch + 1, members, bases } };
}

/** A drive that was brought up to date as an observer becomes a member again. */
export function decideReadmission(current: EpochRecord, drive: string): EpochRecord {
  return {
    epoch: current.epoch + 1,
    members: [...current.members, drive],
    bases: [current.members, ...current.bases],
  };
}

/** Every key is settled in the present set: what came before need not be remembered. */
export function decideSettled(current: EpochRecord): EpochRecord {
  return { epoch: current.epoch + 1, members: current.members, bases: [] };
}

export type StartDecision =
  /** No drive has seen an epoch: a new set of drives. */
  | { readonly mode: "blank" }
  /** `members` form the next epoch over `bases`. The others that are there are observers. */
  | {
      readonly mode: "read-write";
      readonly members: readonly string[];
      readonly bases: ReadonlyArray<readonly string[]>;
      readonly latest: EpochRecord;
    }
  /** Reads only, and only what ALL of `members` report alike. */
  | {
      readonly mode: "read-only";
      readonly members: readonly string[];
      readonly latest: EpochRecord;
    }
  | { readonly mode: "unavailable"; readonly needed: number; readonly got: number };

/**
 * A process that starts knows only what the drives it finds tell it (undefined: no record). It must
 * find a majority of the newest epoch's members: fewer might be the ones that were left behind.
 */
export function decideStart(
  found: ReadonlyMap<string, EpochRecord | undefined>,
  half: HalfPolicy,
): StartDecision {
  const latest = latestOf(found.values());
  if (latest === undefined) return { mode: "blank" };
  const members = latest.members.filter((member) => found.has(member));
  const got = members.length;
  const count = latest.members.length;
  const needed = majority(count);
  const present = new Set(members);
  const covered = latest.bases.every((base) => countIn(base, present) >= coverOf(base.length));
  if (got >= needed && covered) {
    const bases = got === count ? latest.bases : [latest.members, ...latest.bases];
    return { mode: "read-write", members, bases, latest };
  }
  // Whoever went on without these must have taken one of them along, which would show it.
  const newest = got + survivorsMin(count, half) > count;
  if (covered && newest && got >= coverOf(count)) return { mode: "read-only", members, latest };
  return { mode: "unavailable", needed, got };
}

const RECORD_VERSION = 1;

/** JSON in UTF-8: docs/FORMATS.md "Replica set". */
export function encodeEpoch(record: EpochRecord): Buffer {
  return utf8(JSON.stringify({ version: RECORD_VERSION, ...record }));
}

/** Throws StoreError `corrupt` on anything but an epoch record. */
export function decodeEpoch(bytes: Uint8Array): EpochRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(asBuffer(bytes).toString("utf8"));
  } catch {
    throw corruptEpoch("not JSON");
  }
  if (typeof parsed !== "object" || parsed === null) throw corruptEpoch("not an object");
  const fields = new Map<string, unknown>(Object.entries(parsed));
  if (fields.get("version") !== RECORD_VERSION) throw corruptEpoch("unknown version");
  const epoch = fields.get("epoch");
  const members = fields.get("members");
  const bases = fields.get("bases");
  if (typeof epoch !== "number" || !Number.isSafeInteger(epoch) || epoch < 0) {
    throw corruptEpoch("bad epoch");
  }
  if (!isDriveList(members)) throw corruptEpoch("bad members");
  if (!Array.isArray(bases) || !bases.every(isDriveList)) throw corruptEpoch("bad bases");
  return { epoch, members, bases };
}

function isDriveList(value: unknown): value is string[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((id) => typeof id === "string") && new Set(value).size === value.length;
}

function corruptEpoch(why: string): StoreError {
  return new StoreError({ code: "corrupt", what: `replica set: ${why}` });
}

function latestOf(records: Iterable<EpochRecord | undefined>): EpochRecord | undefined {
  let latest: EpochRecord | undefined;
  for (const record of records) {
    if (record !== undefined && record.epoch > (latest?.epoch ?? -1)) latest = record;
  }
  return latest;
}

function countIn(set: readonly string[], ids: ReadonlySet<string>): number {
  let count = 0;
  for (const id of set) if (ids.has(id)) count++;
  return count;
}
