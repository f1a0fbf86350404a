/**
 * The directory of a zip archive (APPNOTE 6.3, zip64 included), read from ranges of what is stored
 * and never held whole. Nothing it claims is believed: every place must lie inside the archive and
 * before the directory, and sizes only bound what is read.
 */
import { KIB, MIB } from "../../base/bytes.ts";
import { S3Error } from "../s3-error.ts";

/** Directories are read for each request; beyond it that would be an attack. */
export const ZIP_DIRECTORY_BYTES_MAX: number = 32 * MIB;
const PIECE_BYTES = 256 * KIB;

/** The archive as bytes at places. */
export interface RangeReader {
  readonly bytes: number;
  /** Exactly so many, which the caller has checked to be there. */
  read(offset: number, length: number): Promise<Buffer>;
}

export interface ZipDirectory {
  readonly offset: number;
  readonly bytes: number;
  /** What stands before the archive, as in programs that unpack themselves. */
  readonly shift: number;
}

export interface ZipMember {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  /** Where its local header begins. */
  readonly offset: number;
}

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const COMMENT_BYTES_MAX = 0xffff;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_BYTES = 20;
const END64_SIGNATURE = 0x06064b50;
const END64_BYTES = 56;
const MEMBER_SIGNATURE = 0x02014b50;
const MEMBER_BYTES = 46;
const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const ZIP64_EXTRA = 1;
const NAME_IS_UTF8 = 0x800;
const ENCRYPTED = 1;
const MAX16 = 0xffff;
const MAX32 = 0xffffffff;

export function damagedZip(reason: string): S3Error {
  return new S3Error("InvalidRequest", {
    message: `The object is no intact zip archive: ${reason}.`,
  });
}

/** Rejects with S3Error when there is none that can be trusted. */
export async function findDirectory(reader: RangeReader): Promise<ZipDirectory> {
  const tailBytes = Math.min(reader.bytes, END_BYTES + COMMENT_BYTES_MAX);
  const tail = await reader.read(reader.bytes - tailBytes, tailBytes);
  const at = findEnd(tail);
  if (at === undefined) throw damagedZip("it has no directory");
  const endOffset = reader.bytes - tailBytes + at;
  const bytes = tail.readUInt32LE(at + 12);
  const offset = tail.readUInt32LE(at + 16);
  const entries = tail.readUInt16LE(at + 10);
  const large = bytes === MAX32 || offset === MAX32 || entries === MAX16;
  const large64 = large ? await findLargeEnd(reader, endOffset) : undefined;
  return checkDirectory(large64 ?? { endOffset, bytes, offset });
}

interface DirectoryEnd {
  /** Where the directory must end. */
  readonly endOffset: number;
  readonly bytes: number;
  /** As the archive counts, from its own beginning. */
  readonly offset: number;
}

function checkDirectory({ endOffset, bytes, offset }: DirectoryEnd): ZipDirectory {
  const start = endOffset - bytes;
  const shift = start - offset;
  if (start < 0 || shift < 0) throw damagedZip("its directory lies outside");
  if (bytes > ZIP_DIRECTORY_BYTES_MAX) {
    throw new S3Error("NotImplemented", {
      message: `Zip archives with a directory of more than ${ZIP_DIRECTORY_BYTES_MAX} bytes are not looked into.`,
    });
  }
  return { offset: start, bytes, shift };
}

/** The last record of the archive, which a comment may follow. */
function findEnd(tail: Buffer): number | undefined {
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail[at] !== 0x50 || tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    if (tail.readUInt16LE(at + 20) === tail.length - at - END_BYTES) return at;
  }
  return undefined;
}

/** Undefined when the archive is not in zip64 after all. */
async function findLargeEnd(
  reader: RangeReader,
  endOffset: number,
): Promise<DirectoryEnd | undefined> {
  if (endOffset < LOCATOR_BYTES + END64_BYTES) return undefined;
  const locator = await reader.read(endOffset - LOCATOR_BYTES, LOCATOR_BYTES);
  if (locator.readUInt32LE(0) !== LOCATOR_SIGNATURE) return undefined;
  // Without anything between the two; extensible data there has never been defined.
  const at = endOffset - LOCATOR_BYTES - END64_BYTES;
  const end = await reader.read(at, END64_BYTES);
  if (end.readUInt32LE(0) !== END64_SIGNATURE) throw damagedZip("its zip64 record is missing");
  return { endOffset: at, bytes: readLarge(end, 40), offset: readLarge(end, 48) };
}

function readLarge(bytes: Buffer, at: number): number {
  const value = bytes.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damagedZip("a number is too large");
  return Number(value);
}

/** The members in the order of the directory, which may name one twice: the last one counts. */
export async function* readDirectory(
  reader: RangeReader,
  directory: ZipDirectory,
): AsyncGenerator<ZipMember, void, undefined> {
  let held: Buffer = Buffer.alloc(0);
  for (let at = 0; at < directory.bytes; ) {
    const length = Math.min(PIECE_BYTES, directory.bytes - at);
    held = Buffer.concat([held, await reader.read(directory.offset + at, length)]);
    at += length;
    let start = 0;
    for (let end = memberEnd(held, start); end !== undefined; end = memberEnd(held, start)) {
      yield parseMember(held.subarray(start, end), directory);
      start = end;
    }
    held = held.subarray(start);
  }
  if (held.length > 0) throw damagedZip("its directory ends inside an entry");
}

/** Where the entry at `start` ends; undefined when it is not there whole. */
function memberEnd(held: Buffer, start: number): number | undefined {
  if (held.length - start < MEMBER_BYTES) return undefined;
  if (held.readUInt32LE(start) !== MEMBER_SIGNATURE) {
    throw damagedZip("its directory holds something else");
  }
  const name = held.readUInt16LE(start + 28);
  const extra = held.readUInt16LE(start + 30);
  const comment = held.readUInt16LE(start + 32);
  const end = start + MEMBER_BYTES + name + extra + comment;
  return end <= held.length ? end : undefined;
}

function parseMember(entry: Buffer, { offset: directoryAt, shift }: ZipDirectory): ZipMember {
  const flags = entry.readUInt16LE(8);
  const nameEnd = MEMBER_BYTES + entry.readUInt16LE(28);
  const extra = entry.subarray(nameEnd, nameEnd + entry.readUInt16LE(30));
  const [bytes, packedBytes, offset] = largeFields(extra, [
    entry.readUInt32LE(24),
    entry.readUInt32LE(20),
    entry.readUInt32LE(42),
  ]);
  if (offset + shift + LOCAL_BYTES + packedBytes > directoryAt) {
    throw damagedZip("a member lies outside");
  }
  return {
    name: decodeName(entry.subarray(MEMBER_BYTES, nameEnd), (flags & NAME_IS_UTF8) !== 0),
    method: entry.readUInt16LE(10),
    encrypted: (flags & ENCRYPTED) !== 0,
    packedBytes,
    bytes,
    crc32: entry.readUInt32LE(16),
    offset: offset + shift,
  };
}

type SizeFields = readonly [bytes: number, packedBytes: number, offset: number];

/** Those that do not fit are all ones, and stand in the zip64 extra field in this order. */
function largeFields(extra: Buffer, fields: SizeFields): SizeFields {
  if (!fields.includes(MAX32)) return fields;
  const large = extraField(extra, ZIP64_EXTRA);
  let at = 0;
  const [bytes = 0, packedBytes = 0, offset = 0] = fields.map((field) => {
    if (field !== MAX32) return field;
    if (large === undefined || at + 8 > large.length) throw damagedZip("a zip64 field is missing");
    at += 8;
    return readLarge(large, at - 8);
  });
  return [bytes, packedBytes, offset];
}

function extraField(extra: Buffer, wanted: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === wanted) return extra.subarray(at + 4, end);
    at = end;
  }
  return undefined;
}

/** UTF-8 where the archive says so or it is; otherwise byte by byte, so that no two names meet. */
function decodeName(bytes: Buffer, isUtf8: boolean): string {
  const text = bytes.toString("utf8");
  return isUtf8 || !text.includes("\ufffd") ? text : bytes.toString("latin1");
}

/** Where the member's packed bytes begin: its local header has a length of its own. */
export async function contentOffset(
  reader: RangeReader,
  member: ZipMember,
  directory: ZipDirectory,
): Promise<number> {
  const header = await reader.read(member.offset, LOCAL_BYTES);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damagedZip("a member has no header");
  const start = member.offset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + member.packedBytes > directory.offset) throw damagedZip("a member lies outside");
  return start;
}
