/**
 * Writes payloads: small ones become inline data without leaving the thread, larger ones are
 * streamed through stripes into shards on drives. Implements the DataWriter contract of data.ts.
 */
import type { Arena } from "../../actors/arena.ts";
import type { PayloadDigests } from "../../actors/codec-messages.ts";
import type { CodecPool } from "../../actors/codec-pool.ts";
import type { Clock } from "../../base/clock.ts";
import { newDataId } from "../../base/ids.ts";
import type { Random } from "../../base/random.ts";
import type { StoreError } from "../../base/store-error.ts";
import { sealedBytes } from "../../codec/sealed-frames.ts";
import { shardFileBytes } from "../../codec/stripe.ts";
import type {
  Data,
  DataWriter,
  ShardedData,
  WriteDataRequest,
  WrittenData,
} from "../contract/data.ts";
import { OverflowBuffers } from "./chunk-overflow.ts";
import type { DriveTable } from "./data-drives.ts";
import { planDigests } from "./data-expectations.ts";
import { PayloadIntake } from "./data-intake.ts";
import { type ParitySettings, type PlaceNewData, placeData } from "./data-placement.ts";
import { sealContent } from "./sealed-content.ts";
import { StripeWriter, type StripeWriterLimits } from "./stripe-writer.ts";

export interface DataWriterOptions extends StripeWriterLimits {
  readonly stripeDataBytes: number;
  readonly parity: ParitySettings;
}

export interface DataWriterModules {
  readonly arena: Arena;
  readonly codec: CodecPool;
  readonly drives: DriveTable;
  /** In a cluster the layout says where data goes; otherwise the table of drives does. */
  readonly place?: PlaceNewData;
  readonly clock: Clock;
  readonly random: Random;
}

export class ErasureDataWriter implements DataWriter {
  readonly #options: DataWriterOptions;
  readonly #modules: DataWriterModules;
  readonly #overflowBuffers = new OverflowBuffers();

  constructor(options: DataWriterOptions, modules: DataWriterModules) {
    this.#options = options;
    this.#modules = modules;
  }

  write(request: WriteDataRequest): Promise<WrittenData> {
    const { source, bytesMax, inlineBytesMax, sealKey } = request;
    const plan = planDigests(source, request.checksums);
    return new Promise((resolve, reject) => {
      const intake = new PayloadIntake(
        { source, bytesMax, inlineBytesMax, plan },
        {
          openStripes: (opened) => {
            return this.#openStripes(request, opened, (data, digests) =>
              resolve({ data, bytes: opened.bytes, digests }),
            );
          },
          digest: (content) => this.#modules.codec.digest(content, plan),
          onInline: (plain, digests) => {
            const content = sealKey === undefined ? plain : sealContent(plain, sealKey);
            resolve({ data: { kind: "inline", content }, bytes: plain.length, digests });
          },
          onFailed: reject,
        },
      );
      intake.start();
    });
  }

  discard(data: Data): void {
    if (data.kind === "inline") return;
    data.drives.forEach((index, slot) => {
      // Whatever a drive answers, the sweeper looks at its pending rows again.
      void this.#modules.drives.get(index)?.dropShard(data.dataId, slot);
    });
  }

  #openStripes(
    request: WriteDataRequest,
    intake: PayloadIntake,
    onStored: (data: ShardedData, digests: PayloadDigests) => void,
  ): StripeWriter {
    const { arena, codec, drives, clock, random } = this.#modules;
    const { stripeDataBytes, parity } = this.#options;
    const { source, storageClass, ownerKey, sealKey } = request;
    const dataId = newDataId(random);
    const placement =
      this.#modules.place?.(dataId, storageClass) ??
      placeData({ dataId, storageClass, parity, drives: drives.states() });
    const { k, m } = placement;
    const code = { k, m, stripeDataBytes };
    const storedBytes = (bytes: number) => (sealKey === undefined ? bytes : sealedBytes(bytes));
    const fileBytes =
      source.length === undefined ? undefined : shardFileBytes(code, storedBytes(source.length));
    const upload = codec.openUpload(planDigests(source, request.checksums));
    return new StripeWriter(
      { dataId, placement, stripeDataBytes, ownerKey, fileBytes, sealKey },
      this.#options,
      { arena, drives, clock, upload, overflowBuffers: this.#overflowBuffers },
      {
        verify: (digests) => {
          const problem = intake.verify(digests);
          if (problem === undefined) request.onVerified?.();
          return problem;
        },
        onResume: () => source.resume(),
        onFailed: (error: StoreError) => intake.reject(error),
        onStored: (missing, digests) =>
          onStored(
            {
              kind: "shards",
              dataId,
              k,
              m,
              stripeDataBytes,
              bytes: storedBytes(intake.bytes),
              drives: placement.drives,
              missing,
            },
            digests,
          ),
      },
    );
  }
}
