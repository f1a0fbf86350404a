/**
 * Carries out the part of a plan that writes: identities and folders.
 *
 * The order makes every crash repeatable: identity "formatting" → folders → index (made by the
 * drive's thread) → identity "ready". A drive that is not ready has never been used.
 */
import { type Disk, diskErrorCode } from "../base/disk.ts";
import { type DriveFormat, writeDriveFormat } from "./drive-format.ts";
import { INDEX_FOLDER } from "./drive-opening.ts";
import type { PlannedDrive } from "./drive-plan.ts";
import { DATA_FOLDER, fanOutNames, parentFolder } from "./shard-names.ts";

/** Up to, and not including, the index. */
export async function beginFormatting(disk: Disk, drive: PlannedDrive): Promise<void> {
  const { path } = drive;
  await makeFolders(disk, path);
  await writeDriveFormat(disk, path, { ...drive.format, state: "formatting" });
  await makeFolder(disk, `${path}/${INDEX_FOLDER}`);
  await makeFolder(disk, `${path}/${DATA_FOLDER}`);
  await Promise.all(
    fanOutNames().map((name) => makeFolder(disk, `${path}/${DATA_FOLDER}/${name}`)),
  );
  await disk.fsyncDir(`${path}/${DATA_FOLDER}`);
  await disk.fsyncDir(path);
}

export function finishFormatting(disk: Disk, drive: PlannedDrive): Promise<void> {
  return writeDriveFormat(disk, drive.path, { ...drive.format, state: "ready" });
}

/** Writes what a drive in use does not know yet of its node. */
export async function updateIdentity(disk: Disk, path: string, format: DriveFormat): Promise<void> {
  await writeDriveFormat(disk, path, { ...format, state: "ready" });
}

/** The folder and its parents, durably. */
async function makeFolders(disk: Disk, path: string): Promise<void> {
  const made: string[] = [];
  for (let wanted = path.replace(/\/+$/, ""); !(await exists(disk, wanted)); ) {
    made.push(wanted);
    wanted = parentFolder(wanted);
  }
  for (const folder of made.reverse()) {
    await makeFolder(disk, folder);
    await disk.fsyncDir(parentFolder(folder));
  }
}

async function exists(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.stat(path);
    return true;
  } catch (error) {
    if (diskErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function makeFolder(disk: Disk, path: string): Promise<void> {
  try {
    await disk.mkdir(path);
  } catch (error) {
    // Left by an interrupted formatting.
    if (diskErrorCode(error) !== "EEXIST") throw error;
  }
}
