/**
 * A drive whose shards live in memory, with switches for faults: refusals per phase and replies held
 * back until a test lets them go. Blocks are copied when the reply is given, never before, so a
 * writer that reuses arena bytes too early stores garbage and fails its test.
 * Registers and rows are not part of it.
 */
import { type DataId, type DriveId, newDriveId } from "../../src/base/ids.ts";
import type { Random } from "../../src/base/random.ts";
import { SHARD_HEADER_BYTES, type ShardHeader } from "../../src/codec/shard-header.ts";
import { TRAILER_BYTES } from "../../src/codec/stripe.ts";
import type { DataDrive } from "../../src/object/data/data-drives.ts";
import type {
  BlockPlace,
  Done,
  DriveRefusal,
  DriveState,
  DriveStatus,
  ShardRead,
  ShardSpec,
  ShardWriter,
} from "../../src/store/drive.ts";

export type ShardCall = "append" | "finish" | "read";

/** What a switch may do with one call: refuse it, hold its reply back, or nothing. */
export type Fault = DriveRefusal | "hold" | undefined;

export interface ShardFile {
  readonly spec: ShardSpec;
  /** Bytes after the header, blocks and trailers in turn. */
  content: Buffer;
  state: "open" | "durable" | "aborted";
}

const DONE: Done = { ok: true };

export const UNAVAILABLE: DriveRefusal = {
  ok: false,
  reason: "unavailable",
  applied: "unknown",
  message: "switched off by a test",
};

export interface MemoryDriveOptions {
  readonly index: number;
  readonly random: Random;
  readonly memory: { readonly buffer: ArrayBufferLike };
}

export class MemoryDrive implements DataDrive {
  readonly index: number;
  /** Files by `dataId.slot`. An aborted one stays until a new one takes its name, to be looked at. */
  readonly files = new Map<string, ShardFile>();
  state: DriveState = "online";
  full = false;
  distance = 0;
  /** Asked before each call takes effect; `nth` counts the calls of that kind from 0. */
  fault: (call: ShardCall, nth: number, slot: number) => Fault = () => undefined;
  readonly counts: Record<ShardCall, number> = { append: 0, finish: 0, read: 0 };
  readonly #id: DriveId;
  readonly #options: MemoryDriveOptions;
  #held: (() => void)[] = [];

  constructor(options: MemoryDriveOptions) {
    this.#options = options;
    this.#id = newDriveId(options.random);
    this.index = options.index;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Lets every held call take effect and reply. */
  letGo(): void {
    const held = this.#held;
    this.#held = [];
    for (const proceed of held) proceed();
  }

  file(dataId: DataId, slot: number): ShardFile | undefined {
    return this.files.get(`${dataId}.${slot}`);
  }

  createShard(spec: ShardSpec): ShardWriter {
    const file: ShardFile = { spec, content: Buffer.alloc(0), state: "open" };
    const chunks: Buffer[] = [];
    const appends: Promise<Done | DriveRefusal>[] = [];
    this.files.set(`${spec.dataId}.${spec.slot}`, file);
    return {
      append: (place) => {
        const position = appends.length;
        const appended = this.#answer("append", spec.slot, () => {
          chunks[position] = this.#copyOut(place);
          return DONE;
        });
        appends.push(appended);
        return appended;
      },
      finish: async () => {
        const refused = (await Promise.all(appends)).find((reply) => !reply.ok);
        if (refused !== undefined) return refused;
        return this.#answer("finish", spec.slot, () => {
          file.content = Buffer.concat(chunks);
          if (file.state === "open") file.state = "durable";
          return DONE;
        });
      },
      abort: () => {
        file.state = "aborted";
      },
    };
  }

  readBlock(read: ShardRead): Promise<Done | DriveRefusal> {
    return this.#answer("read", read.slot, () => {
      const file = this.file(read.dataId, read.slot);
      const from = read.fileOffset - SHARD_HEADER_BYTES;
      const { blockOffset, blockBytes, trailerOffset } = read.place;
      const wanted = blockBytes + (trailerOffset === undefined ? 0 : TRAILER_BYTES);
      if (file?.state !== "durable") return { ok: false, reason: "missing" };
      const found = file.content.subarray(from, from + wanted);
      if (found.length < wanted) return { ok: false, reason: "missing" };
      this.#view(blockOffset, blockBytes).set(found.subarray(0, blockBytes));
      if (trailerOffset === undefined) return DONE;
      this.#view(trailerOffset, TRAILER_BYTES).set(found.subarray(blockBytes));
      return DONE;
    });
  }

  async checkShard({ dataId, slot }: ShardHeader): Promise<Done | DriveRefusal> {
    const durable = this.file(dataId, slot)?.state === "durable";
    return durable ? DONE : { ok: false, reason: "missing" };
  }

  async dropShard(dataId: DataId, slot: number): Promise<Done | DriveRefusal> {
    this.files.delete(`${dataId}.${slot}`);
    return DONE;
  }

  status(): DriveStatus {
    return {
      id: this.#id,
      path: `/memory/${this.index}`,
      state: this.state,
      full: this.full,
      totalBytes: 0,
      freeBytes: 0,
      readErrors: 0,
      writeErrors: 0,
    };
  }

  async #answer(
    call: ShardCall,
    slot: number,
    act: () => Done | DriveRefusal,
  ): Promise<Done | DriveRefusal> {
    const fault = this.fault(call, this.counts[call]++, slot);
    if (fault === "hold") await new Promise<void>((proceed) => this.#held.push(proceed));
    else if (fault !== undefined) return fault;
    // A turn of the loop later, as a thread would answer.
    await new Promise((resolve) => setImmediate(resolve));
    return act();
  }

  #copyOut(place: BlockPlace): Buffer {
    const block = this.#view(place.blockOffset, place.blockBytes);
    if (place.trailerOffset === undefined) return Buffer.from(block);
    return Buffer.concat([block, this.#view(place.trailerOffset, TRAILER_BYTES)]);
  }

  #view(offset: number, bytes: number): Uint8Array {
    return new Uint8Array(this.#options.memory.buffer, offset, bytes);
  }
}
