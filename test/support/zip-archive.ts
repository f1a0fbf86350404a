/** Zip archives for tests, written field by field so that they can lie where a test wants it. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipFile {
  readonly name: string;
  readonly content: string | Buffer;
  /** 8 (deflate) by default. */
  readonly method?: number;
  /** What the directory claims instead of the truth. */
  readonly bytes?: number;
  readonly packedBytes?: number;
  readonly crc?: number;
  readonly offset?: number;
  readonly flags?: number;
  /** Sizes and place in a zip64 field. */
  readonly large?: boolean;
}

export interface ZipOptions {
  readonly comment?: string;
  /** Bytes before the archive that it does not count. */
  readonly before?: Buffer;
  readonly zip64?: boolean;
  /** What the end record claims. */
  readonly directoryBytes?: number;
}

export function zipOf(files: readonly ZipFile[], options: ZipOptions = {}): Buffer {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const plain = Buffer.from(file.content);
    const packed = file.method === 0 ? plain : deflateRawSync(plain);
    const name = Buffer.from(file.name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const extra = Buffer.from([0x99, 0x99, 0, 0]);
    entries.push(entryOf(file, { plain, packed, name, offset }));
    bodies.push(local, name, extra, packed);
    offset += local.length + name.length + extra.length + packed.length;
  }
  const directory = Buffer.concat(entries);
  const directoryBytes = options.directoryBytes ?? directory.length;
  const large = options.zip64 === true ? largeEnd(files.length, directoryBytes, offset) : [];
  const end = Buffer.alloc(22);
  const comment = Buffer.from(options.comment ?? "");
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.zip64 === true ? 0xffff : files.length, 10);
  end.writeUInt32LE(options.zip64 === true ? 0xffffffff : directoryBytes, 12);
  end.writeUInt32LE(options.zip64 === true ? 0xffffffff : offset, 16);
  end.writeUInt16LE(comment.length, 20);
  const before = options.before ?? Buffer.alloc(0);
  return Buffer.concat([before, ...bodies, directory, ...large, end, comment]);
}

interface Written {
  readonly plain: Buffer;
  readonly packed: Buffer;
  readonly name: Buffer;
  readonly offset: number;
}

function entryOf(file: ZipFile, { plain, packed, name, offset }: Written): Buffer {
  const entry = Buffer.alloc(46);
  const sizes = [
    file.bytes ?? plain.length,
    file.packedBytes ?? packed.length,
    file.offset ?? offset,
  ] as const;
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(file.flags ?? 0x800, 8);
  entry.writeUInt16LE(file.method ?? 8, 10);
  entry.writeUInt32LE(file.crc ?? crc32(plain), 16);
  entry.writeUInt16LE(name.length, 28);
  const places = [24, 20, 42];
  for (const [index, size] of sizes.entries()) {
    entry.writeUInt32LE(file.large === true ? 0xffffffff : size, places[index] ?? 0);
  }
  const extra = file.large === true ? largeExtra(sizes) : Buffer.alloc(0);
  entry.writeUInt16LE(extra.length, 30);
  return Buffer.concat([entry, name, extra]);
}

function largeExtra(sizes: readonly number[]): Buffer {
  const extra = Buffer.alloc(8 + 4 + 24);
  // Another field comes first.
  extra.writeUInt16LE(0x9999, 0);
  extra.writeUInt16LE(4, 2);
  extra.writeUInt16LE(1, 8);
  extra.writeUInt16LE(24, 10);
  for (const [index, size] of sizes.entries()) {
    extra.writeBigUInt64LE(BigInt(size), 12 + index * 8);
  }
  return extra;
}

function largeEnd(entries: number, bytes: number, offset: number): Buffer[] {
  const end = Buffer.alloc(56);
  end.writeUInt32LE(0x06064b50, 0);
  end.writeBigUInt64LE(BigInt(entries), 32);
  end.writeBigUInt64LE(BigInt(bytes), 40);
  end.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8);
  return [end, locator];
}
