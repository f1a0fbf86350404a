/** Data in memory: a map from data id to bytes, with the shards that drives would hold by name. */

import { createHash } from "node:crypto";
import { asBuffer } from "../../../src/base/bytes.ts";
import { type DataId, newDataId } from "../../../src/base/ids.ts";
import type {
  Checksum,
  ChecksumAlgorithm,
  PayloadExpectations,
  PayloadSink,
  PayloadSource,
} from "../../../src/base/payload.ts";
import type { Random } from "../../../src/base/random.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import type {
  ByteRange,
  Data,
  DataKey,
  DataPiece,
  DataReader,
  DataSink,
  DataWriter,
  WriteDataRequest,
  WrittenData,
} from "../../../src/object/contract/data.ts";
import { openContent, sealContent } from "../../../src/object/data/sealed-content.ts";
import { checksumOf } from "../checksum-of.ts";

const SLOTS = 4;

export class MemoryData implements DataWriter, DataReader {
  readonly contents = new Map<DataId, Buffer>();
  /** `dataId/slot` of the shards that exist. */
  readonly shards = new Set<string>();
  readonly owners = new Map<DataId, Buffer>();
  discarded = 0;
  /** Waited for while the shards of a payload that is complete are made durable. */
  finishing: () => Promise<void> = () => Promise.resolve();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async write(request: WriteDataRequest): Promise<WrittenData> {
    const bytes = await collect(request.source);
    if (bytes.length > request.bytesMax) {
      throw new StoreError({ code: "entity-too-large", bytesMax: request.bytesMax });
    }
    const algorithms = new Set(request.checksums);
    const checksums: Partial<Record<ChecksumAlgorithm, Uint8Array>> = {};
    for (const algorithm of algorithms) checksums[algorithm] = checksumOf(algorithm, bytes);
    const digests = { md5: createHash("md5").update(bytes).digest(), checksums };
    const { sealKey } = request;
    const content = Buffer.from(sealKey === undefined ? bytes : sealContent(bytes, sealKey));
    if (bytes.length <= request.inlineBytesMax) {
      return { data: { kind: "inline", content }, bytes: bytes.length, digests };
    }
    request.onVerified?.();
    await this.finishing();
    const dataId = newDataId(this.#random);
    this.contents.set(dataId, content);
    this.owners.set(dataId, Buffer.from(request.ownerKey));
    for (let slot = 0; slot < SLOTS; slot++) this.shards.add(`${dataId}/${slot}`);
    const data: Data = {
      kind: "shards",
      dataId,
      k: 2,
      m: 2,
      stripeDataBytes: 1 << 20,
      bytes: content.length,
      drives: [0, 1, 2, 3],
      missing: 0,
    };
    return { data, bytes: bytes.length, digests };
  }

  discard(data: Data): void {
    this.discarded += 1;
    if (data.kind !== "shards") return;
    for (let slot = 0; slot < SLOTS; slot++) this.dropShard(data.dataId, slot);
  }

  dropShard(dataId: DataId, slot: number): void {
    this.shards.delete(`${dataId}/${slot}`);
    const left = [...Array(SLOTS).keys()].some((it) => this.shards.has(`${dataId}/${it}`));
    if (!left) this.contents.delete(dataId);
  }

  async read(data: Data, range: ByteRange, sink: DataSink, dataKey?: DataKey): Promise<void> {
    await sink.write(this.#slice(data, range, dataKey));
  }

  source(parts: readonly DataPiece[]): PayloadSource {
    return bytesSource(
      Buffer.concat(parts.map(({ data, range, dataKey }) => this.#slice(data, range, dataKey))),
    );
  }

  #slice(data: Data, range: ByteRange, dataKey: DataKey | undefined): Buffer {
    const { offset, length } = range;
    const bytes = data.kind === "inline" ? data.content : this.contents.get(data.dataId);
    if (bytes === undefined) throw new StoreError({ code: "data-unavailable", message: "gone" });
    if (dataKey !== undefined) return asBuffer(openContent(bytes, range, dataKey));
    return asBuffer(bytes).subarray(offset, offset + length);
  }
}

/** A payload whose bytes are at hand. */
export function bytesSource(
  bytes: Uint8Array,
  expectations: PayloadExpectations = {},
): PayloadSource {
  return {
    length: bytes.length,
    segmentDigests: false,
    expectations,
    trailingChecksum: undefined,
    start(sink: PayloadSink): void {
      if (bytes.length > 0) sink.write(bytes);
      sink.end();
    },
    resume() {},
  };
}

export function expectChecksum(checksum: Checksum): PayloadExpectations {
  return { checksum };
}

function collect(source: PayloadSource): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    source.start({
      write(chunk) {
        chunks.push(Buffer.from(chunk));
        return true;
      },
      endSegment() {},
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    });
  });
}

/** Gathers what is written to it. */
export class BufferSink implements DataSink {
  readonly chunks: Buffer[] = [];
  aborted = false;

  write(chunk: Uint8Array): undefined {
    this.chunks.push(Buffer.from(chunk));
    return undefined;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}
