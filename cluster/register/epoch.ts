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

export type ExclusionDecision =
  | {
      readonly ok: true;
      readonly members: readonly string[];
      readonly bases: ReadonlyArray<readonly string[]>;
    }
  | { readonly ok: false; readonly needed: number; readonly got: number };

/**
 * The running process has lost members: may those of `survivors` go on, and as what?
 *
 * The survivors must meet every accept quorum of the present set and of every base: then every chosen
 * value is on one of them, and any majority that a later start finds has one that knows of the new
 * epoch. For an even set that is half of it. The other half cannot know that it was left behind, so a
 * start from half of a set needs proof or an operator's word (decideStart).
 *
 * `attempts` are sets whose record this process began to write and could not finish. A later start
 * may find one on a majority of its members and believe it, so the survivors, who will have a newer
 * record, must meet every majority of it.
 */
export function decideExclusion(
  current: EpochRecord,
  survivors: ReadonlySet<string>,
  attempts: ReadonlyArray<readonly string[]>,
): ExclusionDecision {
  const members = current.members.filter((member) => survivors.has(member));
  const present = new Set(members);
  for (const set of [current.members, ...current.bases, ...attempts]) {
    const needed = coverOf(set.length);
    const got = countIn(set, present);
    if (got < needed) return { ok: false, needed, got };
  }
  return { ok: true, members, bases: [current.members, ...current.bases] };
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
  /** Reads only, and only of keys that were settled: AgreedReader over `members`. */
  | {
      readonly mode: "read-only";
      readonly members: readonly string[];
      readonly latest: EpochRecord;
    }
  | { readonly mode: "unavailable"; readonly needed: number; readonly got: number };

/** What is known beyond the epoch records when a process starts. */
export interface StartEvidence {
  /**
   * Drives whose last process stopped in good order and after which none that wrote has met any of
   * the drives found. Such a process would have needed a majority, so it would have met one of half.
   */
  readonly clean: ReadonlySet<string>;
  /** The operator says that the drives which are missing hold nothing that is wanted. */
  readonly acceptMissing: boolean;
}

export const NO_EVIDENCE: StartEvidence = { clean: new Set(), acceptMissing: false };

/**
 * A process that starts knows only what the drives it finds tell it (undefined: no record). It must
 * find a majority of the newest epoch's members: fewer might be the ones that were left behind. And
 * of each base: the newest record may never have been on all its members, and then others know a
 * base as the last set that was used.
 */
export function decideStart(
  found: ReadonlyMap<string, EpochRecord | undefined>,
  evidence: StartEvidence = NO_EVIDENCE,
): StartDecision {
  const latest = latestOf(found.values());
  if (latest === undefined) return { mode: "blank" };
  const members = latest.members.filter((member) => found.has(member));
  const present = new Set(members);
  const sets = [latest.members, ...latest.bases];
  const meets = (fewest: (count: number) => number): boolean =>
    sets.every((set) => countIn(set, present) >= fewest(set.length));
  const half = meets(coverOf);
  if (meets(majority) || (half && evidence.acceptMissing)) {
    const unchanged = members.length === latest.members.length;
    const bases = unchanged ? latest.bases : [latest.members, ...latest.bases];
    return { mode: "read-write", members, bases, latest };
  }
  if (half && members.every((member) => evidence.clean.has(member))) {
    return { mode: "read-only", members, latest };
  }
  return { mode: "unavailable", needed: majority(latest.members.length), got: members.length };
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
