/**
 * Which of a node's drives keep the registers. All of them, up to a maximum: more replicas than any
 * loss that the data survives would only cost writes. The others are spares that hold data only.
 */
import { findRecords } from "../../../cluster/register/member-drive.ts";
import type { Drive } from "../../store/drive.ts";

export interface MetadataChoice {
  readonly drives: readonly Drive[];
  /** How many must be there before a new set of drives may be formed. */
  readonly expected: number;
}

export interface MetadataOptions {
  /** Drives the node is configured with, present or not. */
  readonly drivesExpected: number;
  readonly replicasMax: number;
}

/** What the drives know decides; a new node takes the first ones of its table. */
export async function chooseMetadataDrives(
  drives: readonly Drive[],
  options: MetadataOptions,
): Promise<MetadataChoice> {
  const { drivesExpected, replicasMax } = options;
  const target = Math.min(replicasMax, drivesExpected);
  const { records } = await findRecords(drives);
  const answering = drives.filter(({ id }) => records.has(id)).sort(byIndex);
  let newest: { epoch: number; members: readonly string[] } | undefined;
  for (const record of records.values()) {
    if (record !== undefined && record.epoch > (newest?.epoch ?? -1)) newest = record;
  }
  if (newest === undefined) {
    // Whoever forms a new set must see every drive: one that is away might know of an old one.
    if (answering.length < drivesExpected) return { drives: answering, expected: drivesExpected };
    return { drives: answering.slice(0, target), expected: target };
  }
  const { members } = newest;
  const known = answering.filter(({ id }) => members.includes(id));
  const spares = answering.filter(({ id }) => !members.includes(id));
  const wanted = Math.max(0, target - known.length);
  return { drives: [...known, ...spares.slice(0, wanted)], expected: target };
}

function byIndex(left: Drive, right: Drive): number {
  return left.index - right.index;
}
