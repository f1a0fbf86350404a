/** A drive as the membership sees it, and the two small values that it keeps there. */
import { asBuffer } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { decodeEpoch, type EpochRecord } from "./epoch.ts";
import type { Done, RecentLog, Refusal, RegisterReplica } from "./replica.ts";

export interface MemberDrive extends RegisterReplica, RecentLog {
  /** Small durable values of the drive itself. */
  readMeta(name: string): Promise<MetaReply>;
  writeMeta(name: string, value: Uint8Array): Promise<Done | Refusal>;
}

export type MetaReply = { readonly ok: true; readonly value?: Uint8Array } | Refusal;

/** The newest epoch that the drive knows (docs/FORMATS.md "Replica set"). */
export const META_EPOCH = "replica-set";
/** The highest incarnation claimed, a decimal number in ASCII. */
export const META_INCARNATION = "incarnation";

/** The incarnation that stopped in good order with the drive as a member, a decimal number. */
export const META_CLEAN_STOP = "clean-stop";

export interface FoundRecords {
  /** By drive; undefined when the drive knows of no epoch. Drives that do not answer are left out. */
  readonly records: ReadonlyMap<string, EpochRecord | undefined>;
  /** The highest incarnation claimed on any of them. */
  readonly incarnation: number;
  /** Drives whose last process stopped in good order, if that one was the newest seen here. */
  readonly clean: ReadonlySet<string>;
}

export async function findRecords(drives: readonly MemberDrive[]): Promise<FoundRecords> {
  const records = new Map<string, EpochRecord | undefined>();
  const stops = new Map<string, number>();
  let incarnation = 0;
  await Promise.all(
    drives.map(async (drive) => {
      const [epoch, claim, stop] = await Promise.all([
        drive.readMeta(META_EPOCH),
        drive.readMeta(META_INCARNATION),
        drive.readMeta(META_CLEAN_STOP),
      ]);
      if (!epoch.ok || !claim.ok || !stop.ok) return;
      records.set(drive.id, epoch.value === undefined ? undefined : decodeEpoch(epoch.value));
      if (stop.value !== undefined) stops.set(drive.id, decodeIncarnation(stop.value));
      if (claim.value === undefined) return;
      incarnation = Math.max(incarnation, decodeIncarnation(claim.value));
    }),
  );
  const clean = [...stops].filter(([, stop]) => stop === incarnation).map(([id]) => id);
  return { records, incarnation, clean: new Set(clean) };
}

/** Writes the same value to all; returns who did not take it. */
export async function writeAll(
  drives: readonly MemberDrive[],
  name: string,
  value: Uint8Array,
): Promise<string[]> {
  const failed = await Promise.all(
    drives.map(async (drive) => {
      const reply = await drive.writeMeta(name, value);
      return reply.ok ? [] : [drive.id];
    }),
  );
  return failed.flat();
}

function decodeIncarnation(bytes: Uint8Array): number {
  const text = asBuffer(bytes).toString("latin1");
  const incarnation = Number(text);
  if (!/^\d{1,10}$/.test(text) || !Number.isSafeInteger(incarnation)) {
    throw new StoreError({ code: "corrupt", what: "incarnation" });
  }
  return incarnation;
}
