/**
 * Looks at the folders that were given as drives and says what each one is, without changing
 * anything. drive-plan.ts decides what follows from it.
 */
import { type Disk, diskErrorCode } from "../base/disk.ts";
import {
  type DriveFormat,
  DriveFormatError,
  FORMAT_TEMPORARY_FILE,
  readDriveFormat,
  readSmallFile,
} from "./drive-format.ts";
import { parentFolder } from "./shard-names.ts";

export type FolderFinding =
  | { readonly kind: "drive"; readonly format: DriveFormat; readonly mounted: boolean }
  /** A folder without anything that matters. */
  | { readonly kind: "empty"; readonly mounted: boolean }
  /** There is no such folder. */
  | { readonly kind: "absent" }
  /** It is there and cannot be looked at, or its identity cannot be read: a broken drive. */
  | { readonly kind: "unreadable"; readonly message: string }
  /** It must not be touched: somebody else's, or from the future. */
  | { readonly kind: "foreign"; readonly message: string };

export interface InspectedFolder {
  readonly path: string;
  readonly finding: FolderFinding;
}

/** What operating systems leave in the root of a file system or of any folder. */
const HARMLESS: readonly RegExp[] = [
  /^ringfort\.(identity|cluster)(\.new)?$/,
  /^lost\+found$/,
  /^\.Trash(es|-\d+)?$/,
  /^\.DS_Store$/,
  /^\.fseventsd$/,
  /^\.Spotlight-V100$/,
  /^\.directory$/,
  /^System Volume Information$/,
  /^\$RECYCLE\.BIN$/,
  /^(Thumbs\.db|desktop\.ini)$/,
];

/** Holds the lock of the process that uses the drive, before and after formatting. */
export const LOCK_FOLDER = ".ringfort-lock";

/** What a node of a cluster keeps in the folder itself: read before the drive is opened. */
export const NODE_IDENTITY_FILE = "ringfort.identity";
export const CLUSTER_FILE = "ringfort.cluster";

const MINIO_FOLDER = ".minio.sys";
const NAMES_SHOWN_MAX = 3;

export async function inspectFolder(disk: Disk, path: string): Promise<InspectedFolder> {
  try {
    return { path, finding: await lookAt(disk, path) };
  } catch (error) {
    const code = diskErrorCode(error);
    if (code === "ENOENT") return { path, finding: { kind: "absent" } };
    const message = `cannot be read (${code ?? String(error)})`;
    return { path, finding: { kind: "unreadable", message } };
  }
}

async function lookAt(disk: Disk, path: string): Promise<FolderFinding> {
  const stat = await disk.stat(path);
  if (stat.kind !== "folder") return { kind: "foreign", message: "it is not a folder" };
  const parent = await disk.stat(parentFolder(path));
  const mounted = parent.device !== stat.device;
  try {
    const format = await readDriveFormat(disk, path);
    if (format !== undefined) return { kind: "drive", format, mounted };
  } catch (error) {
    if (!(error instanceof DriveFormatError)) throw error;
    const kind = error.problem === "future" ? "foreign" : "unreadable";
    return { kind, message: error.message };
  }
  const names = (await disk.readdir(path)).filter((name) => !isHarmless(name));
  if (names.length === 0) return { kind: "empty", mounted };
  return { kind: "foreign", message: await describeStrangers(disk, path, names) };
}

function isHarmless(name: string): boolean {
  // The remains of a formatting that never came to its rename.
  if (name === FORMAT_TEMPORARY_FILE || name === LOCK_FOLDER) return true;
  return HARMLESS.some((pattern) => pattern.test(name));
}

async function describeStrangers(disk: Disk, path: string, names: string[]): Promise<string> {
  if (names.includes(MINIO_FOLDER)) {
    const format = await readSmallFile(disk, `${path}/${MINIO_FOLDER}/format.json`).catch(() => {});
    const sure = format === undefined ? "looks like" : "is";
    return (
      `it ${sure} a MinIO drive (${MINIO_FOLDER}). MinIO's files are not read in place: give ` +
      "Ringfort empty folders and copy the buckets with `mc mirror`"
    );
  }
  if (names.includes("data") && names.includes("index")) {
    return "it has a drive's index and data but no ringfort.json: put that file back";
  }
  const shown = names.sort().slice(0, NAMES_SHOWN_MAX).join(", ");
  const more = names.length > NAMES_SHOWN_MAX ? ", …" : "";
  return `it is neither empty nor a drive (${shown}${more}): give an empty folder`;
}
