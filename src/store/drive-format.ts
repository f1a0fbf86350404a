/**
 * `ringfort.json` at the root of every drive: who it is and which drives its node has. Readable for
 * people, versioned, checksummed; written by temporary file and rename, with both fsyncs, when a
 * drive is formatted, the node's table of drives grows or its stripes do, and at no other time.
 *
 * Layout: docs/FORMATS.md "Drive folder".
 */
import { utf8 } from "../base/bytes.ts";
import { type Disk, diskErrorCode } from "../base/disk.ts";
import { type DriveId, parseDriveId } from "../base/ids.ts";
import { xxh3 } from "../codec/xxh3.ts";

export const FORMAT_FILE = "ringfort.json";
export const FORMAT_TEMPORARY_FILE = "ringfort.json.new";
export const FORMAT_NAME = "ringfort-drive";
export const FORMAT_VERSION = 1;

const FORMAT_BYTES_MAX = 256 * 1024;

/** One line of the node's append-only table of drives; the last line of an index holds. */
export interface DriveTableEntry {
  readonly index: number;
  readonly id: DriveId;
  readonly createdMs: number;
}

export interface DriveFormat {
  readonly cluster: string;
  readonly node: string;
  readonly drive: DriveId;
  readonly index: number;
  /** "formatting" until the index and the folders exist and are durable. */
  readonly state: "formatting" | "ready";
  readonly createdMs: number;
  /**
   * No data of the node was written with larger stripes, as far as this drive knows; 0 when it does
   * not. Raised before the first of them is written: readers need buffers of that size.
   */
  readonly stripeDataBytesMax: number;
  readonly drives: readonly DriveTableEntry[];
}

export class DriveFormatError extends Error {
  readonly problem: "future" | "corrupt";

  constructor(problem: "future" | "corrupt", message: string) {
    super(message);
    this.name = "DriveFormatError";
    this.problem = problem;
  }
}

export function encodeDriveFormat(format: DriveFormat): Buffer {
  const content = {
    format: FORMAT_NAME,
    version: FORMAT_VERSION,
    cluster: format.cluster,
    node: format.node,
    drive: format.drive,
    index: format.index,
    state: format.state,
    createdMs: format.createdMs,
    fanOut: 256,
    stripeDataBytesMax: format.stripeDataBytesMax,
    drives: format.drives.map(({ index, id, createdMs }) => ({ index, id, createdMs })),
  };
  const checksum = checksumOf(content);
  return utf8(`${JSON.stringify({ ...content, checksum }, undefined, 2)}\n`);
}

/** Throws DriveFormatError; a newer version is told apart before anything else is looked at. */
export function decodeDriveFormat(text: string): DriveFormat {
  const { checksum, ...content } = parseObject(text);
  if (content["format"] !== FORMAT_NAME) throw corrupt("it is not a drive identity");
  const version = content["version"];
  if (typeof version === "number" && version > FORMAT_VERSION) {
    throw new DriveFormatError("future", `format version ${version} is newer than this program`);
  }
  if (version !== FORMAT_VERSION) throw corrupt("unknown version");
  if (checksum !== checksumOf(content)) throw corrupt("checksum mismatch");
  const drives = content["drives"];
  const state = content["state"];
  if (!Array.isArray(drives)) throw corrupt("no table of drives");
  if (state !== "formatting" && state !== "ready") throw corrupt("unknown state");
  return {
    cluster: textField(content, "cluster"),
    node: textField(content, "node"),
    drive: driveIdField(content, "drive"),
    index: numberField(content, "index"),
    state,
    createdMs: numberField(content, "createdMs"),
    stripeDataBytesMax:
      content["stripeDataBytesMax"] === undefined ? 0 : numberField(content, "stripeDataBytesMax"),
    drives: drives.map(parseTableEntry),
  };
}

/** The identity in a drive's folder; undefined when the folder is there without one. */
export async function readDriveFormat(disk: Disk, path: string): Promise<DriveFormat | undefined> {
  const text = await readSmallFile(disk, `${path}/${FORMAT_FILE}`);
  if (text === undefined) {
    // Tells a missing file from a missing folder: the latter rejects with ENOENT.
    await disk.stat(path);
    return undefined;
  }
  return decodeDriveFormat(text.toString("utf8"));
}

/** Replaces the identity durably: a crash leaves the old one or the new one. */
export async function writeDriveFormat(
  disk: Disk,
  path: string,
  format: DriveFormat,
): Promise<void> {
  const temporary = `${path}/${FORMAT_TEMPORARY_FILE}`;
  await disk.unlink(temporary).catch(ignoreMissing);
  const file = await disk.create(temporary);
  try {
    await file.writev([encodeDriveFormat(format)], 0);
    await file.fdatasync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${path}/${FORMAT_FILE}`);
  await disk.fsyncDir(path);
}

/** A whole small file, or undefined when there is none. */
export async function readSmallFile(disk: Disk, path: string): Promise<Buffer | undefined> {
  let file: Awaited<ReturnType<Disk["open"]>>;
  try {
    file = await disk.open(path);
  } catch (error) {
    ignoreMissing(error);
    return undefined;
  }
  try {
    const bytes = Buffer.alloc(FORMAT_BYTES_MAX);
    const length = await file.readv([bytes], 0);
    return bytes.subarray(0, length);
  } finally {
    await file.close();
  }
}

/** The drive that holds each index now: the last line of the table for it. */
export function currentDrives(table: readonly DriveTableEntry[]): Map<number, DriveTableEntry> {
  const current = new Map<number, DriveTableEntry>();
  for (const entry of table) current.set(entry.index, entry);
  return current;
}

function checksumOf(content: object): string {
  return xxh3(utf8(JSON.stringify(content))).toString("hex");
}

function parseObject(text: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw corrupt("it is not JSON");
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw corrupt("it is not an object");
  }
  return { ...parsed };
}

function parseTableEntry(entry: unknown): DriveTableEntry {
  if (typeof entry !== "object" || entry === null) throw corrupt("a drive is not an object");
  const fields: Record<string, unknown> = { ...entry };
  return {
    index: numberField(fields, "index"),
    id: driveIdField(fields, "id"),
    createdMs: numberField(fields, "createdMs"),
  };
}

function textField(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value !== "string" || value === "") throw corrupt(`${name} is missing`);
  return value;
}

function numberField(fields: Record<string, unknown>, name: string): number {
  const value = fields[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw corrupt(`${name} is not a count`);
  }
  return value;
}

function driveIdField(fields: Record<string, unknown>, name: string): DriveId {
  const id = parseDriveId(textField(fields, name));
  if (id === undefined) throw corrupt(`${name} is not a drive id`);
  return id;
}

function corrupt(why: string): DriveFormatError {
  return new DriveFormatError("corrupt", `${FORMAT_FILE} cannot be read: ${why}`);
}

function ignoreMissing(error: unknown): void {
  if (diskErrorCode(error) !== "ENOENT") throw error;
}
