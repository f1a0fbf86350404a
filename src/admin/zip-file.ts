/**
 * Small zip files in memory, as exports travel between servers (APPNOTE 6.3 without zip64). Reading is
 * bounded by what all files together unpack to, whatever they claim.
 */
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { badRequest } from "./admin-error.ts";

const LOCAL_SIGNATURE = 0x04034b50;
const LOCAL_BYTES = 30;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const VERSION = 20;
const UTF8 = 0x800;
const DEFLATED = 8;
/** 1980-01-01, the first day that the format knows. */
const NO_DATE = 0x21;

export function writeZip(files: ReadonlyMap<string, Buffer>): Buffer {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of files) {
    const nameBytes = Buffer.from(name);
    const packed = deflateRawSync(content);
    // Version, flags, method, time, date, sum and sizes stand in both headers alike.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION, 0);
    common.writeUInt16LE(UTF8, 2);
    common.writeUInt16LE(DEFLATED, 4);
    common.writeUInt16LE(NO_DATE, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.alloc(LOCAL_BYTES);
    local.writeUInt32LE(LOCAL_SIGNATURE, 0);
    common.copy(local, 4);
    bodies.push(local, nameBytes, packed);
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeUInt32LE(ENTRY_SIGNATURE, 0);
    entry.writeUInt16LE(VERSION, 4);
    common.copy(entry, 6);
    entry.writeUInt32LE(offset, 42);
    entries.push(entry, nameBytes);
    offset += local.length + nameBytes.length + packed.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END_SIGNATURE, 0);
  end.writeUInt16LE(files.size, 8);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...bodies, directory, end]);
}

/** By name; throws AdminError for what is no zip file or unpacks to more than `bytesMax`. */
export function readZip(zip: Buffer, bytesMax: number): Map<string, Buffer> {
  try {
    return readEntries(zip, bytesMax);
  } catch (error) {
    // Reading outside the bytes, or a stream that cannot be unpacked.
    if (error instanceof RangeError || isZlibError(error)) throw noZip();
    throw error;
  }
}

function readEntries(zip: Buffer, bytesMax: number): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw noZip();
  let left = bytesMax;
  let at = zip.readUInt32LE(end + 16);
  for (let count = zip.readUInt16LE(end + 10); count > 0; count--) {
    if (zip.readUInt32LE(at) !== ENTRY_SIGNATURE) throw noZip();
    const nameEnd = at + ENTRY_BYTES + zip.readUInt16LE(at + 28);
    const name = zip.toString("utf8", at + ENTRY_BYTES, nameEnd);
    const content = readContent(zip, at, left);
    left -= content.length;
    files.set(name, content);
    at = nameEnd + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return files;
}

function readContent(zip: Buffer, entryAt: number, bytesMax: number): Buffer {
  const localAt = zip.readUInt32LE(entryAt + 42);
  if (zip.readUInt32LE(localAt) !== LOCAL_SIGNATURE) throw noZip();
  const names = zip.readUInt16LE(localAt + 26) + zip.readUInt16LE(localAt + 28);
  const start = localAt + LOCAL_BYTES + names;
  const end = start + zip.readUInt32LE(entryAt + 20);
  if (end > zip.length) throw noZip();
  const packed = zip.subarray(start, end);
  const method = zip.readUInt16LE(entryAt + 10);
  if (method !== 0 && method !== DEFLATED) throw noZip();
  // Zero would mean no limit.
  const maxOutputLength = bytesMax + 1;
  const content = method === 0 ? packed : inflateRawSync(packed, { maxOutputLength });
  if (content.length > bytesMax) throw noZip();
  if (crc32(content) !== zip.readUInt32LE(entryAt + 16)) throw noZip();
  return content;
}

function isZlibError(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  const code = String(error.code);
  return code.startsWith("Z_") || code === "ERR_BUFFER_TOO_LARGE";
}

function noZip() {
  return badRequest("the body is no zip file, a damaged one, or one that unpacks to too much");
}
