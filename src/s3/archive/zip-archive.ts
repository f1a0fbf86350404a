/**
 * A stored object as a zip archive: its members one by one, and the bytes of one of them. What a
 * member unpacks to is bounded by the size it declares, and flows as the client takes it.
 */
import { crc32, createInflateRaw } from "node:zlib";
import { StoreError } from "../../base/store-error.ts";
import type { ByteRange, DataSink } from "../../object/contract/data.ts";
import type { OpenObject } from "../../object/contract/object-store.ts";
import { S3Error } from "../s3-error.ts";
import {
  contentOffset,
  damagedZip,
  findDirectory,
  type RangeReader,
  readDirectory,
  type ZipMember,
} from "./zip-directory.ts";

const STORED = 0;
const DEFLATED = 8;

/** Rejects with S3Error for what is no zip archive. */
export async function* membersOf(object: OpenObject): AsyncGenerator<ZipMember, void, undefined> {
  const reader = rangesOf(object);
  yield* readDirectory(reader, await findDirectory(reader));
}

/** Undefined when there is none of that name. */
export async function findMember(object: OpenObject, name: string): Promise<ZipMember | undefined> {
  let found: ZipMember | undefined;
  for await (const member of membersOf(object)) if (member.name === name) found = member;
  return found;
}

/** Throws S3Error for what cannot be unpacked here. */
export function checkReadable({ method, encrypted, bytes, packedBytes }: ZipMember): void {
  if (encrypted) throw notUnpacked("encrypted in the archive");
  if (method !== STORED && method !== DEFLATED) throw notUnpacked(`packed with method ${method}`);
  if (method === STORED && bytes !== packedBytes) throw damagedZip("a member has two sizes");
}

function notUnpacked(reason: string): S3Error {
  return new S3Error("NotImplemented", { message: `The member is ${reason} and is not unpacked.` });
}

/** Sends a range of a member. Rejects, possibly after bytes were sent, when it is damaged. */
export async function sendMember(
  object: OpenObject,
  member: ZipMember,
  range: ByteRange,
  sink: DataSink,
): Promise<void> {
  if (range.length === 0) return;
  const reader = rangesOf(object);
  const start = await contentOffset(reader, member, await findDirectory(reader));
  if (member.method === STORED) {
    // Integrity is the store's affair: the bytes are served as they were uploaded.
    await readRange(object, { offset: start + range.offset, length: range.length }, sink);
    return;
  }
  const unpacking = new Unpacking(member, range, sink);
  await unpacking.run((packed) =>
    readRange(object, { offset: start, length: member.packedBytes }, packed),
  );
}

/** Inflates what is written to it, and sends the wanted range on. */
class Unpacking {
  readonly #member: ZipMember;
  readonly #range: ByteRange;
  readonly #sink: DataSink;
  #bytes = 0;
  #crc = 0;
  /** Sent only when the whole is known to be right. */
  #last: Buffer | undefined;

  constructor(member: ZipMember, range: ByteRange, sink: DataSink) {
    this.#member = member;
    this.#range = range;
    this.#sink = sink;
  }

  async run(read: (sink: DataSink) => Promise<void>): Promise<void> {
    const inflater = createInflateRaw();
    const sink = this.#sink;
    let taken: () => void = () => undefined;
    // One that is being taken when the inflater is destroyed is never answered for.
    inflater.once("close", () => taken());
    const packed: DataSink = {
      write: (chunk) =>
        new Promise<void>((resolve) => {
          taken = resolve;
          // Errors come out at the other end.
          inflater.write(chunk, () => resolve());
        }),
      get aborted() {
        return sink.aborted || inflater.destroyed;
      },
    };
    const feeding = read(packed).then(
      () => void inflater.end(),
      (error: Error) => void inflater.destroy(error),
    );
    try {
      for await (const chunk of inflater) {
        if (!(await this.#take(chunk))) break;
      }
      await this.#finish();
    } catch (error) {
      if (error instanceof S3Error || error instanceof StoreError) throw error;
      throw damagedZip("a member cannot be unpacked");
    } finally {
      inflater.destroy();
      await feeding;
    }
  }

  /** False when no more is wanted. */
  async #take(chunk: Buffer): Promise<boolean> {
    await this.#flush();
    if (this.#sink.aborted) return false;
    const { offset, length } = this.#range;
    const start = this.#bytes;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#member.bytes) throw damagedZip("a member is longer than it says");
    this.#crc = crc32(chunk, this.#crc);
    const wanted = chunk.subarray(
      Math.max(0, offset - start),
      Math.max(0, offset + length - start),
    );
    if (wanted.length > 0) this.#last = Buffer.from(wanted);
    return this.#bytes < offset + length || this.#bytes === this.#member.bytes;
  }

  async #finish(): Promise<void> {
    if (this.#sink.aborted) return;
    const { offset, length } = this.#range;
    const { bytes } = this.#member;
    if (offset + length === bytes) {
      if (this.#bytes !== bytes) throw damagedZip("a member is shorter than it says");
      if (this.#crc !== this.#member.crc32) throw damagedZip("a member has another checksum");
    }
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const chunk = this.#last;
    this.#last = undefined;
    if (chunk !== undefined) await this.#sink.write(chunk);
  }
}

/** Small content lies in the record and does not go through the reader. */
async function readRange(object: OpenObject, range: ByteRange, sink: DataSink): Promise<void> {
  const { inline } = object;
  if (inline === undefined) return object.read(range, sink);
  await sink.write(inline.subarray(range.offset, range.offset + range.length));
}

function rangesOf(object: OpenObject): RangeReader {
  return {
    bytes: object.details.bytes,
    async read(offset, length) {
      const chunks: Buffer[] = [];
      const sink: DataSink = {
        write(chunk) {
          chunks.push(Buffer.from(chunk));
          return undefined;
        },
        aborted: false,
      };
      if (length > 0) await readRange(object, { offset, length }, sink);
      return Buffer.concat(chunks);
    },
  };
}
