/**
 * The upload of a tar archive whose entries become objects (`x-amz-meta-snowball-auto-extract`), as
 * AWS Snowball and MinIO have it. Each entry is an upload of its own: authorised for its own key,
 * encrypted, locked, counted and told of like one. What was stored before something goes wrong stays.
 *
 * Small entries are stored side by side, because each waits for the drives; larger ones flow through
 * one at a time.
 */
import { KIB } from "../../base/bytes.ts";
import type { PayloadSource } from "../../base/payload.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import { announce } from "../announce.ts";
import {
  bareName,
  type ExtractionOptions,
  entryHeaders,
  entryKey,
  isArchiveRoot,
  parseExtractionOptions,
} from "../archive/extraction.ts";
import { PulledSource } from "../archive/pulled-source.ts";
import { damagedArchive } from "../archive/tar-header.ts";
import { readTar, type TarEntry } from "../archive/tar-reader.ts";
import { unpack } from "../archive/unpack.ts";
import { VerifiedStream } from "../archive/verified-stream.ts";
import { createPayloadSource } from "../auth/payload-source.ts";
import { bytesSource } from "../bytes-source.ts";
import { parseWriteConditions } from "../conditions.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import { writeEncryption } from "../encryption-headers.ts";
import { parseObjectHeaders } from "../object-write.ts";
import { sendEmpty } from "../respond.ts";
import { S3Error, toS3Error } from "../s3-error.ts";
import { requireLength } from "./put-object.ts";

/** Entries up to here are held in memory while they are being stored. */
export const SMALL_ENTRY_BYTES_MAX = 64 * KIB;
/** Small entries of one archive being stored at once. */
export const ENTRIES_PARALLEL_MAX = 16;
export const ARCHIVE_ENTRIES_MAX = 1_000_000;

export async function putObjectExtract(context: ObjectContext): Promise<void> {
  requireLength(context);
  const options = parseExtractionOptions(context.headers);
  const stream = new VerifiedStream(createPayloadSource(context.request, context.auth), context);
  const bucket = await bucketOf(context);
  const extraction = new Extraction(context, { bucket, options, stream });
  const reader = await unpack(stream.chunks());
  try {
    for await (const entry of readTar(reader)) await extraction.take(entry);
    await extraction.settle();
    // What follows the archive belongs to what was promised of the body.
    await reader.drain();
  } finally {
    await extraction.abandon();
    await reader.close();
  }
  const { md5 } = stream;
  // Gzip may end before the body does: then the rest has not been seen, nor what was promised of it.
  if (md5 === undefined) throw damagedArchive("something follows its end");
  sendEmpty(context, 200, [["ETag", `"${md5.toString("hex")}"`]]);
}

interface ExtractionParts {
  readonly bucket: Bucket;
  readonly options: ExtractionOptions;
  readonly stream: VerifiedStream;
}

class Extraction {
  readonly #context: ObjectContext;
  readonly #parts: ExtractionParts;
  readonly #underWay = new Map<string, Promise<void>>();
  #entries = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(context: ObjectContext, parts: ExtractionParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Rejects with the first thing that went wrong, of this entry or of one before. */
  async take(entry: TarEntry): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#entries += 1;
    if (this.#entries > ARCHIVE_ENTRIES_MAX) {
      throw new S3Error("InvalidRequest", {
        message: `The archive has more than ${ARCHIVE_ENTRIES_MAX} entries.`,
      });
    }
    const { ignoreFolders } = this.#parts.options;
    if (isArchiveRoot(entry) || (entry.kind === "folder" && ignoreFolders)) return;
    if (entry.bytes <= SMALL_ENTRY_BYTES_MAX && this.#context.documents.take(entry.bytes)) {
      await this.#takeSmall(entry);
      return;
    }
    // Whatever has the same key comes after what came before.
    await this.settle();
    const source = new PulledSource(entry.content(), entry.bytes);
    try {
      await this.#attempt(entry, source);
    } finally {
      await source.ended();
    }
    if (source.failure !== undefined) throw source.failure;
  }

  /** All that was begun has been stored. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay.values());
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Nothing is under way any more, however it ended. */
  async abandon(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #takeSmall(entry: TarEntry): Promise<void> {
    const { documents } = this.#context;
    let content: Buffer;
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of entry.content()) chunks.push(chunk);
      content = Buffer.concat(chunks);
    } catch (error) {
      documents.give(entry.bytes);
      throw error;
    }
    const lane = bareName(entry);
    await this.#underWay.get(lane);
    while (this.#underWay.size >= ENTRIES_PARALLEL_MAX) {
      await Promise.race(this.#underWay.values());
    }
    const stored = this.#attempt(entry, bytesSource(content))
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        documents.give(entry.bytes);
        this.#underWay.delete(lane);
      });
    this.#underWay.set(lane, stored);
  }

  /** Rejects when the entry cannot be stored and that matters. */
  async #attempt(entry: TarEntry, source: PayloadSource): Promise<void> {
    try {
      await this.#store(entry, source);
    } catch (error) {
      const { options, stream } = this.#parts;
      // What is wrong with the body is not the entry's fault.
      if (stream.failure !== undefined) throw stream.failure;
      const failure = toS3Error(error);
      if (!options.ignoreErrors) throw namingEntry(failure, entry);
      this.#context.log.debug("an entry of an archive was left out", { code: failure.code });
    }
  }

  async #store(entry: TarEntry, source: PayloadSource): Promise<void> {
    const { bucket, options } = this.#parts;
    const key = entryKey(entry, options);
    const headers = entryHeaders(this.#context.headers, entry);
    const access = this.#context.access.ofEntry(key, headers);
    await access.authorise("PutObject");
    const context: ObjectContext = { ...this.#context, key, headers, access };
    const parsed = parseObjectHeaders(context, bucket);
    const result = await context.store.putObject({
      bucket,
      key,
      source,
      ...parsed,
      conditions: parseWriteConditions(headers),
      checksumAlgorithm: undefined,
      encryption: writeEncryption(context, bucket),
      facts: await this.#factsOf(context, entry),
    });
    const object = { ...result, headers: parsed.headers };
    await announce(context, { names: ["s3:ObjectCreated:Put"], bucket, key, object });
  }

  /** The file's time, where the caller may say what an object was elsewhere. */
  async #factsOf({ access, clock, bucketName, key }: ObjectContext, { mtimeMs }: TarEntry) {
    if (mtimeMs <= 0 || mtimeMs > clock.nowMs()) return undefined;
    const allowed = await access.allows("s3:ReplicateObject", { bucket: bucketName, key });
    return allowed ? { mtimeMs } : undefined;
  }
}

function namingEntry(failure: S3Error, { name }: TarEntry): S3Error {
  const { code, message, details, headers } = failure;
  const named = details.some(([detail]) => detail === "Entry");
  return new S3Error(code, {
    message,
    details: named ? details : [...details, ["Entry", name]],
    headers,
    cause: failure.cause ?? failure,
  });
}
