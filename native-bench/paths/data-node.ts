/** The data path as a node runs it: codec worker threads, store threads, synced drives on disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arena } from "../../src/actors/arena.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { PayloadSink, PayloadSource } from "../../src/base/payload.ts";
import { systemClock } from "../../src/node/system-clock.ts";
import { systemRandom } from "../../src/node/system-random.ts";
import {
  createDataArena,
  createDataPath,
  DATA_LIMITS,
  type DataLimits,
  memoryForStripes,
} from "../../src/object/data/data-path.ts";
import type { ErasureDataReader } from "../../src/object/data/data-reader.ts";
import type { ErasureDataWriter } from "../../src/object/data/data-writer.ts";
import { openStore, STORE_LIMITS, type Store } from "../../src/store/store.ts";

export interface DataNodeOptions {
  readonly drives: number;
  readonly stripeDataBytes: number;
  readonly stripes: number;
  readonly codecThreads: number;
  readonly storeThreads: number;
  readonly windowMax: number;
}

export interface DataNode {
  readonly arena: Arena;
  readonly store: Store;
  readonly writer: ErasureDataWriter;
  readonly reader: ErasureDataReader;
  close(): Promise<void>;
}

export async function openDataNode(options: DataNodeOptions): Promise<DataNode> {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-bench-"));
  const paths = Array.from({ length: options.drives }, (_, index) => join(folder, `${index}`));
  const { stripeDataBytes, codecThreads, windowMax } = options;
  const limits: DataLimits = {
    ...DATA_LIMITS,
    write: { ...DATA_LIMITS.write, windowMax },
    read: { ...DATA_LIMITS.read, windowMax },
  };
  const sizing = { stripeDataBytes, codecThreads, limits };
  const memoryBytes = memoryForStripes(options.stripes, sizing);
  const arena = createDataArena({ ...sizing, memoryBytes });
  const modules = { clock: systemClock, random: systemRandom, log: silentLogger };
  const reserve = { ...STORE_LIMITS.reserve, reserveBytesMin: 0 };
  const store = await openStore(
    {
      paths,
      memory: arena.memory.buffer,
      threads: options.storeThreads,
      stripeDataBytes,
      limits: { ...STORE_LIMITS, reserve },
    },
    modules,
  );
  const parity = { STANDARD: undefined, REDUCED_REDUNDANCY: undefined };
  const path = createDataPath(
    { stripeDataBytes, codecThreads, parity, limits },
    { ...modules, arena, drives: store.drives, onDamage: () => {} },
  );
  return {
    arena,
    store,
    writer: path.writer,
    reader: path.reader,
    close: async () => {
      await path.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const SOCKET_CHUNK_BYTES = 512 * 1024;

/** A payload that arrives as from a socket: chunks of at most 512 KiB, one a turn of the loop. */
export class SocketLikeSource implements PayloadSource {
  readonly length: number;
  readonly segmentDigests = false;
  readonly expectations = {};
  readonly trailingChecksum = undefined;
  readonly #content: Uint8Array;
  #sink: PayloadSink | undefined;
  #sent = 0;

  constructor(content: Uint8Array) {
    this.#content = content;
    this.length = content.length;
  }

  start(sink: PayloadSink): void {
    this.#sink = sink;
    this.#send();
  }

  resume(): void {
    setImmediate(() => this.#send());
  }

  #send(): void {
    const chunk = this.#content.subarray(this.#sent, this.#sent + SOCKET_CHUNK_BYTES);
    this.#sent += chunk.length;
    const goOn = this.#sink?.write(chunk) ?? false;
    if (this.#sent === this.length) this.#sink?.end();
    else if (goOn) setImmediate(() => this.#send());
  }
}
