/**
 * Takes an empty folder into a running node as a drive that the cluster has given to it: formats it,
 * opens it, and tells the identities of the node's other drives. Nothing else of the node knows the
 * drive before that is done, and a crash in the middle leaves a folder that is still being formatted,
 * which the next start goes on with.
 *
 * It is always a new drive with an id that nobody has voted under (core-design rule 8).
 */
import type { Clock } from "../base/clock.ts";
import { type Disk, diskErrorCode } from "../base/disk.ts";
import type { Logger } from "../base/log.ts";
import type { Drive } from "./drive.ts";
import { readDriveFormat } from "./drive-format.ts";
import { beginFormatting, finishFormatting, updateIdentity } from "./drive-formatting.ts";
import { inspectFolder } from "./drive-inspection.ts";
import { type AssignedDrive, adoptedFormat, type NodeDrives } from "./drive-plan.ts";
import type { DriveSeat } from "./drive-seat.ts";

export interface AdoptionModules {
  readonly disk: Disk;
  /** What the node's drives know of each other; the new one becomes part of it. */
  readonly known: NodeDrives;
  /** Of all drives; grows by the one that `addSeat` makes. */
  readonly seats: readonly DriveSeat[];
  addSeat(drive: AssignedDrive & { readonly path: string }): DriveSeat;
  readonly incarnation: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Rejects with an error that says why the folder cannot become the drive; may be tried again. */
export async function adoptDrive(
  wanted: AssignedDrive,
  path: string,
  modules: AdoptionModules,
): Promise<{ readonly seat: DriveSeat; readonly drive: Drive }> {
  const { disk, known, seats, clock } = modules;
  const made = seats.find(({ id }) => id === wanted.id);
  if (made?.status().state === "online") return { seat: made, drive: made.client };
  const { finding } = await inspectFolder(disk, path);
  const begun = finding.kind === "drive" && finding.format.state === "formatting";
  const isOwn = begun && finding.format.drive === wanted.id;
  if (finding.kind !== "empty" && !isOwn) throw new Error(`${path} is not empty`);
  const others = seats.filter(({ id }) => id !== wanted.id);
  const format = adoptedFormat(wanted, known, clock.nowMs());
  const planned = {
    path,
    format,
    toFormat: true,
    outdated: false,
    needsResync: false,
    replaces: undefined,
  };
  await beginFormatting(disk, planned);
  const seat = made ?? modules.addSeat({ ...wanted, path });
  await seat.open({ path, id: wanted.id, create: true, needsResync: false });
  await finishFormatting(disk, planned);
  const raised = await seat.client.raiseIncarnation(modules.incarnation);
  if (!raised.ok) {
    seat.client.fail("the incarnation could not be stored");
    throw new Error(`${path}: the incarnation could not be stored`);
  }
  await tellOthers(others, modules);
  return { seat, drive: seat.client };
}

/** One that cannot be told now is told when it is opened the next time. */
async function tellOthers(
  seats: readonly DriveSeat[],
  { disk, known, log }: Pick<AdoptionModules, "disk" | "known" | "log">,
): Promise<void> {
  const online = seats.map((seat) => seat.status()).filter(({ state }) => state === "online");
  const telling = online.map(async ({ path }) => {
    try {
      const format = await readDriveFormat(disk, path);
      if (format !== undefined)
        await updateIdentity(disk, path, { ...format, drives: known.table });
    } catch (error) {
      const reason = diskErrorCode(error) ?? String(error);
      log.warn("a drive's identity could not be brought up to date", { path, reason });
    }
  });
  await Promise.all(telling);
}
