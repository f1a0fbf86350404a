/**
 * The start of a sole proposer: finding out what its drives know and forming the first epoch of
 * this process over them.
 *
 * The incarnation is claimed on all drives that are there before anything is recorded under it: a
 * claim that a majority has keeps a later process, which will find one of them, from using the same
 * number for something else.
 */
import { utf8 } from "../../src/base/bytes.ts";
import {
  decideStart,
  type EpochRecord,
  encodeEpoch,
  firstEpochOf,
  incarnationOf,
  type StartDecision,
} from "./epoch.ts";
import {
  type FoundRecords,
  findRecords,
  META_EPOCH,
  META_INCARNATION,
  type MemberDrive,
  writeAll,
} from "./member-drive.ts";

export type FirstEpoch =
  | {
      readonly mode: "read-write";
      readonly record: EpochRecord;
      readonly incarnation: number;
      /** Those that are there, members or not. */
      readonly drives: readonly MemberDrive[];
    }
  | { readonly mode: "read-only"; readonly members: readonly MemberDrive[] }
  | { readonly mode: "unavailable"; readonly needed: number; readonly got: number };

/** For the simulator only. */
export interface StartHazards {
  /** Whatever a start finds may go on. */
  readonly startFromAnything?: boolean;
}

export interface FirstEpochOptions {
  /**
   * The number of drives the node is configured with: a new set is made only when all of them are
   * there and none knows of any.
   */
  readonly expected: number;
  /** The operator's word for a start from half of the drives: see StartEvidence. */
  readonly acceptMissing: boolean;
  readonly hazards: StartHazards;
}

/** Drives that fail on the way are left out, and it begins again without them. */
export async function formFirstEpoch(
  drives: readonly MemberDrive[],
  options: FirstEpochOptions,
): Promise<FirstEpoch> {
  for (let candidates = drives; ; ) {
    const found = await findRecords(candidates);
    candidates = candidates.filter((drive) => found.records.has(drive.id));
    const decision = decide(found, options);
    if (decision.mode !== "read-write") return withoutEpoch(decision, candidates, options);
    const incarnation = Math.max(found.incarnation, incarnationOf(decision.latest.epoch)) + 1;
    const { members, bases } = decision;
    const record = { epoch: firstEpochOf(incarnation), members, bases };
    const failed = await claimAndRecord(candidates, record, incarnation);
    if (failed.length === 0) {
      return { mode: "read-write", record, incarnation, drives: candidates };
    }
    candidates = candidates.filter((drive) => !failed.includes(drive.id));
  }
}

function decide(
  { records, clean }: FoundRecords,
  { expected, acceptMissing, hazards }: FirstEpochOptions,
): StartDecision {
  const lenient = acceptMissing || hazards.startFromAnything === true;
  const decision = decideStart(records, { clean, acceptMissing: lenient });
  if (decision.mode === "blank" && records.size === expected && expected > 0) {
    const members = [...records.keys()].sort();
    const latest = { epoch: 0, members, bases: [] };
    return { mode: "read-write", members, bases: [], latest };
  }
  return decision;
}

function withoutEpoch(
  decision: Exclude<StartDecision, { mode: "read-write" }>,
  drives: readonly MemberDrive[],
  { expected }: FirstEpochOptions,
): FirstEpoch {
  switch (decision.mode) {
    case "blank":
      return { mode: "unavailable", needed: expected, got: drives.length };
    case "unavailable":
      return decision;
    case "read-only":
      return {
        mode: "read-only",
        members: drives.filter((drive) => decision.members.includes(drive.id)),
      };
  }
}

/** Returns the drives that did not take it. */
async function claimAndRecord(
  drives: readonly MemberDrive[],
  record: EpochRecord,
  incarnation: number,
): Promise<string[]> {
  const failed = await writeAll(drives, META_INCARNATION, utf8(String(incarnation)));
  if (failed.length > 0) return failed;
  const members = drives.filter((drive) => record.members.includes(drive.id));
  return writeAll(members, META_EPOCH, encodeEpoch(record));
}
