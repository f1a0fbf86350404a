/**
 * Reads ranges of data: a few stripes ahead of the sink, each handed over where it lies in the arena.
 * Implements the DataReader contract of data.ts.
 *
 * Only the first stripe waits for memory; reading ahead takes what is free. So a read holds nothing
 * that it could make others wait for.
 */
import type { Stripe } from "../../actors/arena.ts";
import { assert } from "../../base/assert.ts";
import type { PayloadSource } from "../../base/payload.ts";
import { Semaphore } from "../../base/semaphore.ts";
import { StoreError } from "../../base/store-error.ts";
import { stripeGeometry } from "../../codec/stripe.ts";
import type {
  ByteRange,
  DamageReport,
  Data,
  DataKey,
  DataPiece,
  DataReader,
  DataSink,
  ShardedData,
} from "../contract/data.ts";
import { DataSource } from "./data-source.ts";
import { type PlannedStripe, planRead } from "./read-plan.ts";
import { openContent } from "./sealed-content.ts";
import { StripeLoad, type StripeReaderModules } from "./stripe-reader.ts";
import { StripeSlots } from "./stripe-slots.ts";

export interface DataReaderOptions {
  /** Stripes of one read that are loaded or being written to the sink. */
  readonly windowMax: number;
  /** Up to here bytes are copied out, so that a slow client holds a few KiB and not a stripe. */
  readonly copyBytesMax: number;
  /** Copies that may wait for their turn; more are refused as busy. */
  readonly copiesWaitingMax: number;
}

export interface DataReaderModules extends StripeReaderModules {
  readonly onDamage: (report: DamageReport) => void;
}

interface Ahead {
  readonly view: PlannedStripe["view"];
  readonly loaded: Promise<Stripe>;
}

export class ErasureDataReader implements DataReader {
  readonly #options: DataReaderOptions;
  readonly #modules: DataReaderModules;
  readonly #copies: Semaphore;

  constructor(options: DataReaderOptions, modules: DataReaderModules) {
    this.#options = options;
    this.#modules = modules;
    // All copies but one may hold a full window, and a stripe is left for the one.
    const permits = 1 + Math.floor((modules.arena.shareMax - 1) / options.windowMax);
    this.#copies = new Semaphore({ permits, waitersMax: options.copiesWaitingMax });
  }

  async read(data: Data, range: ByteRange, sink: DataSink, dataKey?: DataKey): Promise<void> {
    if (range.length === 0) return;
    if (data.kind === "inline") {
      const written = sink.write(contentOf(data.content, range, dataKey));
      if (written !== undefined) await written;
      return;
    }
    this.#assertFits(data);
    await this.#readStripes(data, planRead(data, range, dataKey), sink);
  }

  source(parts: readonly DataPiece[]): PayloadSource {
    const read: DataReader["read"] = (...asked) => this.read(...asked);
    return new DataSource(parts, read, this.#copies);
  }

  async #readStripes(
    data: ShardedData,
    plan: Generator<PlannedStripe>,
    sink: DataSink,
  ): Promise<void> {
    const { arena, drives, onDamage } = this.#modules;
    const slots = new StripeSlots(data, drives, onDamage);
    const ahead: Ahead[] = [];
    let next = plan.next();
    try {
      while (!sink.aborted) {
        while (!next.done && ahead.length < this.#options.windowMax) {
          const buffer =
            ahead.length === 0
              ? (arena.tryAcquire("read") ?? (await arena.acquire("read")))
              : arena.tryAcquire("read");
          if (buffer === undefined) break;
          ahead.push(this.#load(slots, next.value, buffer));
          next = plan.next();
        }
        const first = ahead.shift();
        if (first === undefined) return;
        await this.#deliver(first.view, await first.loaded, sink);
      }
    } finally {
      for (const { loaded } of ahead) {
        void loaded.then((stripe) => arena.release(stripe)).catch(() => {});
      }
    }
  }

  #load(slots: StripeSlots, planned: PlannedStripe, buffer: Stripe): Ahead {
    const { stripeIndex, geometry, firstSlot, lastSlot } = planned.slice;
    const { view, open } = planned;
    // Slots firstSlot to lastSlot, both included.
    const wanted = ((1 << (lastSlot + 1)) - 1) & ~((1 << firstSlot) - 1);
    const opening = open === undefined ? {} : { open };
    const stripe = { stripeIndex, geometry, wanted, purpose: "decode", ...opening } as const;
    const loaded = StripeLoad.start(this.#modules, slots, stripe, buffer);
    // Awaited in order: until its turn comes a failure is nobody's yet, but not unheard either.
    loaded.catch(() => {});
    return { view, loaded };
  }

  async #deliver(where: PlannedStripe["view"], stripe: Stripe, sink: DataSink): Promise<void> {
    const { arena } = this.#modules;
    const view = stripe.bytes.subarray(where.start, where.start + where.length);
    if (where.length <= this.#options.copyBytesMax) {
      const copy = Uint8Array.from(view);
      arena.release(stripe);
      if (!sink.aborted) await sink.write(copy);
      return;
    }
    try {
      if (!sink.aborted) await sink.write(view);
    } finally {
      arena.release(stripe);
    }
  }

  /** Data may be older than today's settings; a buffer too small for it must not corrupt others. */
  #assertFits(data: ShardedData): void {
    const { bufferBytes } = stripeGeometry(data.stripeDataBytes, data.k, data.m);
    if (bufferBytes <= this.#modules.arena.stripeBytes) return;
    const message = `its stripes need buffers of ${bufferBytes} bytes; raise the stripe size`;
    throw new StoreError({ code: "data-unavailable", message });
  }
}

function contentOf(
  content: Uint8Array,
  range: ByteRange,
  dataKey: DataKey | undefined,
): Uint8Array {
  if (dataKey !== undefined) return openContent(content, range, dataKey);
  const end = range.offset + range.length;
  assert(end <= content.length, "a range lies in its data");
  return content.subarray(range.offset, end);
}
