/**
 * What an upload is packed in, told by its first bytes, and the bytes without it. Node has gzip; the
 * other packings that MinIO reads are refused by name, so that nobody finds a file of noise later.
 */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { StoreError } from "../../base/store-error.ts";
import { S3Error } from "../s3-error.ts";
import { ChunkReader } from "./chunk-reader.ts";

const GZIP = "1f8b";
/** By how they begin, in hexadecimal. */
const OTHERS: ReadonlyArray<readonly [start: string, name: string]> = [
  ["28b52ffd", "zstd"],
  ["425a68", "bzip2"],
  ["04224d18", "lz4"],
  ["ff060000", "snappy or s2"],
  ["fd377a585a00", "xz"],
];
const START_BYTES = 6;

/** Rejects with S3Error when the packing is none that is understood, or is damaged. */
export async function unpack(chunks: AsyncIterable<Buffer>): Promise<ChunkReader> {
  const packed = new ChunkReader(chunks);
  const start = (await packed.peek(START_BYTES)).toString("hex");
  if (start.startsWith(GZIP)) return new ChunkReader(gunzip(packed.rest()));
  const other = OTHERS.find(([begin]) => start.startsWith(begin));
  if (other === undefined) return packed;
  throw new S3Error("NotImplemented", {
    message: `Archives packed with ${other[1]} are not extracted: send a tar, plain or with gzip.`,
  });
}

async function* gunzip(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const source = Readable.from(chunks, { highWaterMark: 1 });
  // The error comes out of the last stream.
  const plain = pipeline(source, createGunzip(), () => undefined);
  try {
    for await (const chunk of plain) yield chunk;
  } catch (error) {
    if (error instanceof StoreError || error instanceof S3Error) throw error;
    throw new S3Error("InvalidRequest", {
      message: "The archive is not a complete gzip file.",
      cause: error,
    });
  }
}
