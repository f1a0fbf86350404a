/**
 * The entries of a tar archive as they arrive, one at a time, in memory that does not grow with the
 * archive. Links and devices are passed over, because they hold no bytes of their own.
 */
import { KIB } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import { S3Error } from "../s3-error.ts";
import type { ChunkReader } from "./chunk-reader.ts";
import {
  damagedArchive,
  parsePaxRecords,
  parseTarHeader,
  paxNumber,
  TAR_BLOCK_BYTES,
  type TarHeader,
} from "./tar-header.ts";

/** An extended header, or a long name. */
export const TAR_RECORDS_BYTES_MAX = 64 * KIB;
const PIECE_BYTES = 512 * KIB;

export interface TarEntry {
  readonly kind: "file" | "folder";
  readonly name: string;
  readonly bytes: number;
  readonly mtimeMs: number;
  /** What extended headers say of it. */
  readonly records: ReadonlyMap<string, string>;
  /** Its bytes, once, before the next entry is asked for; what is not taken is passed over. */
  content(): AsyncGenerator<Buffer, void, undefined>;
}

/** What stands before a header and speaks of it. */
interface Extensions {
  common: ReadonlyMap<string, string>;
  own: ReadonlyMap<string, string>;
  longName: string | undefined;
}

const NONE: ReadonlyMap<string, string> = new Map();
const FILES: ReadonlySet<string> = new Set(["0", "7"]);
const FOLDER = "5";
/** Hard and symbolic links, devices, pipes: whatever size they claim, no content follows. */
const EMPTY: ReadonlySet<string> = new Set(["1", "2", "3", "4", "6"]);
const SPARSE = "S";

/** Rejects with S3Error for what is no tar, with StoreError when it ends too early. */
export async function* readTar(reader: ChunkReader): AsyncGenerator<TarEntry, void, undefined> {
  const extensions: Extensions = { common: NONE, own: NONE, longName: undefined };
  for (;;) {
    const block = await reader.read(TAR_BLOCK_BYTES);
    const header = block === undefined ? undefined : parseTarHeader(block);
    if (header === undefined) return;
    if (await readExtension(reader, header, extensions)) continue;
    const { common, own, longName } = extensions;
    const records = new Map([...common, ...own]);
    extensions.own = NONE;
    extensions.longName = undefined;
    const body = new EntryBody(reader, EMPTY.has(header.type) ? 0 : sizeOf(header, records));
    const kind = kindOf(header, records);
    if (kind !== undefined) yield entryOf(header, { kind, body, records, longName });
    await body.finish();
  }
}

interface Found {
  readonly kind: TarEntry["kind"];
  readonly body: EntryBody;
  readonly records: ReadonlyMap<string, string>;
  readonly longName: string | undefined;
}

function entryOf(header: TarHeader, { kind, body, records, longName }: Found): TarEntry {
  const seconds = paxNumber(records, "mtime") ?? header.mtimeSeconds;
  const name = records.get("path") ?? longName ?? header.name;
  // The first tars had no type for folders.
  const folder = kind === "folder" || name.endsWith("/");
  return {
    kind: folder ? "folder" : "file",
    name,
    bytes: folder ? 0 : body.bytes,
    mtimeMs: Math.floor(seconds * 1000),
    records,
    content: () => body.content(),
  };
}

function sizeOf({ type, bytes }: TarHeader, records: ReadonlyMap<string, string>): number {
  if (type === FOLDER) return 0;
  return paxNumber(records, "size") ?? bytes;
}

/** Undefined: nothing to extract. */
function kindOf(
  { type }: TarHeader,
  records: ReadonlyMap<string, string>,
): TarEntry["kind"] | undefined {
  const sparse = [...records.keys()].some((name) => name.startsWith("GNU.sparse."));
  if (type === SPARSE || sparse) {
    throw new S3Error("NotImplemented", {
      message: "The tar archive holds a sparse file: make it without --sparse.",
    });
  }
  if (type === FOLDER) return "folder";
  return FILES.has(type) ? "file" : undefined;
}

/** True when the block was no entry but said something about the next one. */
async function readExtension(
  reader: ChunkReader,
  { type, bytes }: TarHeader,
  extensions: Extensions,
): Promise<boolean> {
  if (type !== "x" && type !== "g" && type !== "L" && type !== "K") return false;
  if (bytes > TAR_RECORDS_BYTES_MAX) throw damagedArchive("an extended header is too long");
  const body = new EntryBody(reader, bytes);
  const text = (await reader.read(bytes)) ?? Buffer.alloc(0);
  body.taken(text.length);
  await body.finish();
  if (type === "x") extensions.own = parsePaxRecords(text);
  if (type === "g") extensions.common = new Map([...extensions.common, ...parsePaxRecords(text)]);
  if (type === "L") extensions.longName = text.toString("utf8").replace(/\0.*$/s, "");
  return true;
}

/** What follows a header, filled up to whole blocks. */
class EntryBody {
  readonly bytes: number;
  readonly #reader: ChunkReader;
  #left: number;

  constructor(reader: ChunkReader, bytes: number) {
    this.#reader = reader;
    this.bytes = bytes;
    this.#left = bytes;
  }

  taken(bytes: number): void {
    this.#left -= bytes;
  }

  async *content(): AsyncGenerator<Buffer, void, undefined> {
    while (this.#left > 0) {
      const piece = await this.#reader.take(Math.min(this.#left, PIECE_BYTES));
      if (piece === undefined) throw new StoreError({ code: "incomplete-body" });
      this.#left -= piece.length;
      yield piece;
    }
  }

  async finish(): Promise<void> {
    const padding = (TAR_BLOCK_BYTES - (this.bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
    await this.#reader.skip(this.#left + padding);
    this.#left = 0;
  }
}
