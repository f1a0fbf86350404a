/**
 * One header block of a tar archive (POSIX.1-1988 ustar, with the GNU and V7 ways of writing it) and
 * the records of a PAX extended header. Pure functions on bytes; what they do not understand they
 * refuse.
 */
import { invalidArgument, S3Error } from "../s3-error.ts";

export const TAR_BLOCK_BYTES = 512;

export interface TarHeader {
  readonly name: string;
  readonly bytes: number;
  readonly mtimeSeconds: number;
  /** The type flag, "0" for a plain file. */
  readonly type: string;
}

const NAME = [0, 100] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE_AT = 156;
const MAGIC = [257, 5] as const;
const GNU_MAGIC = [257, 8] as const;
const PREFIX = [345, 155] as const;
const SPACE = 0x20;

type Field = readonly [start: number, bytes: number];

export function damagedArchive(message: string): S3Error {
  return new S3Error("InvalidRequest", { message: `The tar archive is damaged: ${message}.` });
}

/** Undefined for a block of zeros, which ends an archive. */
export function parseTarHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  checkSum(block);
  const type = String.fromCharCode(block[TYPE_AT] ?? 0);
  return {
    name: parseName(block),
    bytes: parseNumber(block, SIZE),
    mtimeSeconds: parseNumber(block, MTIME),
    type: type === "\0" ? "0" : type,
  };
}

/** The sum of all bytes, its own field taken as blanks; old programs add them up as signed. */
function checkSum(block: Buffer): void {
  const [start, length] = CHECKSUM;
  let unsigned = SPACE * length;
  let signed = unsigned;
  for (const [index, byte] of block.entries()) {
    if (index >= start && index < start + length) continue;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const expected = parseNumber(block, CHECKSUM);
  if (expected !== unsigned && expected !== signed) throw damagedArchive("a header's sum is wrong");
}

function parseName(block: Buffer): string {
  const name = textOf(block, NAME);
  const ustar = block.toString("latin1", MAGIC[0], MAGIC[0] + MAGIC[1]) === "ustar";
  // GNU's old format has other things there.
  const gnu = block.toString("latin1", GNU_MAGIC[0], GNU_MAGIC[0] + GNU_MAGIC[1]) === "ustar  \0";
  const prefix = ustar && !gnu ? textOf(block, PREFIX) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

function textOf(block: Buffer, [start, bytes]: Field): string {
  const field = block.subarray(start, start + bytes);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? bytes : end);
}

/** Octal digits, or a binary number where the first bit says so. */
function parseNumber(block: Buffer, [start, bytes]: Field): number {
  const first = block[start] ?? 0;
  if ((first & 0x80) !== 0) return parseBinary(block.subarray(start, start + bytes));
  const text = block
    .toString("latin1", start, start + bytes)
    .replace(/[\0 ]+$/, "")
    .trimStart();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw damagedArchive("a header holds no number where one belongs");
  return Number.parseInt(text, 8);
}

/** The second bit is the sign: a negative time is before 1970, a negative size nothing at all. */
function parseBinary(field: Buffer): number {
  if (((field[0] ?? 0) & 0x40) !== 0) return 0;
  let value = (field[0] ?? 0) & 0x3f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw damagedArchive("a number is too large");
  return value;
}

/** `LENGTH NAME=VALUE\n`, the length counting the whole record. */
export function parsePaxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(SPACE, at);
    const digits = blank < 0 ? "" : bytes.toString("latin1", at, blank);
    const length = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    const record = bytes.toString("utf8", blank + 1, end - 1);
    const equals = record.indexOf("=");
    if (end <= blank + 1 || end > bytes.length || bytes[end - 1] !== 0x0a || equals < 1) {
      throw damagedArchive("an extended header cannot be read");
    }
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

/** The whole number of an extended record; undefined when there is none. */
export function paxNumber(records: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = records.get(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,15}(?:\.\d+)?$/.test(text)) {
    // Times before 1970 may be negative; such a file has no time that could be kept.
    if (/^-\d+(?:\.\d+)?$/.test(text)) return 0;
    throw invalidArgument("An extended header of the tar holds no number", name, text);
  }
  return Number(text);
}
