/**
 * The arena: one shared WebAssembly.Memory per node, cut into equal stripe buffers. Its size is the
 * memory budget of the data path: object bytes on their way between sockets, kernels and drives
 * live here.
 *
 *   | reserved: kernel tables, scratch per thread | stripe 0 | stripe 1 | … | stripe n-1 |
 *
 * A stripe has one owner at a time; ownership moves with the message that names it. The lease object
 * is made anew at each acquisition, so a late or double release is caught and never given to the
 * next owner. Reads and writes each keep a share that the other cannot take: a copy does both at
 * once, and its reader must not hold what its writer waits for; nor may slow downloads stop every
 * upload, or the other way round.
 */
import { assert } from "../base/assert.ts";
import { StoreError } from "../base/store-error.ts";
import { writeKernelTables } from "../codec/kernel-layout.ts";
import { createSharedMemory, type SharedMemory, WASM_PAGE_BYTES } from "../codec/wasm.ts";
import { reservedBytes, threadPlaces } from "./arena-layout.ts";

/** A 32-bit memory ends here. */
export const ARENA_BYTES_MAX = 4 * 1024 * 1024 * 1024;
/** Stripes begin at cache lines, so that the kernels' loads do not straddle two. */
const STRIPE_ALIGNMENT = 64;
/** One stripe in so many is kept for reads, and as many for writes. */
const RESERVED_SHARE = 4;

export interface ArenaOptions {
  /** The whole memory, reserved region included. */
  readonly budgetBytes: number;
  /** Threads that compute on this memory; the low region has scratch for each. */
  readonly threads: number;
  readonly stripeBytes: number;
  /** Acquisitions that may wait at the same time; one more is refused as busy. */
  readonly waitersMax: number;
  /** That of an arena of the same size whose owner is no more (simulation). */
  readonly memory?: SharedMemory;
}

export type StripeUse = "read" | "write";

/** A leased stripe buffer. */
export interface Stripe {
  /** Where it begins in the arena's memory. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly use: StripeUse;
}

interface Waiter {
  readonly use: StripeUse;
  readonly ticket: number;
  readonly deliver: (stripe: Stripe) => void;
}

/** A place in the queue; `cancel` after delivery does nothing. */
export interface StripeRequest {
  cancel(): void;
}

export class Arena {
  readonly memory: SharedMemory;
  readonly stripeBytes: number;
  readonly stripeCount: number;
  /** The most that reads, or writes, may hold together. */
  readonly shareMax: number;
  readonly #waitersMax: number;
  readonly #firstOffset: number;
  readonly #views: Uint8Array[] = [];
  /** Last in, first out: the stripe used last is the one still in the processor's cache. */
  readonly #free: number[] = [];
  readonly #leased = new Set<Stripe>();
  readonly #held: Record<StripeUse, number> = { read: 0, write: 0 };
  readonly #queues: Record<StripeUse, Set<Waiter>> = { read: new Set(), write: new Set() };
  #nextTicket = 0;

  constructor(options: ArenaOptions) {
    assert(options.budgetBytes <= ARENA_BYTES_MAX, "an arena ends at 4 GiB");
    const bytes = Math.floor(options.budgetBytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
    this.#firstOffset = alignUp(reservedBytes(options.threads));
    this.stripeBytes = alignUp(options.stripeBytes);
    this.stripeCount = Math.floor((bytes - this.#firstOffset) / this.stripeBytes);
    assert(this.stripeCount >= 2, "the memory budget holds at least two stripes");
    this.shareMax = this.stripeCount - Math.max(1, Math.floor(this.stripeCount / RESERVED_SHARE));
    this.#waitersMax = options.waitersMax;
    // Untouched pages cost address space only, so the maximum is taken at once and never moves.
    this.memory = options.memory ?? createSharedMemory(bytes);
    assert(this.memory.buffer.byteLength >= bytes, "a memory that is used again is large enough");
    if (options.memory === undefined) {
      writeKernelTables(this.memory, threadPlaces(0).tablesOffset);
    }
    for (let index = 0; index < this.stripeCount; index++) {
      const offset = this.#firstOffset + index * this.stripeBytes;
      this.#views.push(new Uint8Array(this.memory.buffer, offset, this.stripeBytes));
      this.#free.push(this.stripeCount - 1 - index);
    }
  }

  get freeCount(): number {
    return this.#free.length;
  }

  get waitingCount(): number {
    return this.#queues.read.size + this.#queues.write.size;
  }

  /** A stripe now, or undefined when there is none or somebody asked for the same use before. */
  tryAcquire(use: StripeUse): Stripe | undefined {
    return this.#queues[use].size === 0 && this.#isAvailable(use) ? this.#take(use) : undefined;
  }

  /**
   * Calls `deliver` once with a stripe, in order of asking, possibly before it returns. Undefined
   * when too many wait already.
   */
  request(use: StripeUse, deliver: (stripe: Stripe) => void): StripeRequest | undefined {
    const stripe = this.tryAcquire(use);
    if (stripe !== undefined) {
      deliver(stripe);
      return { cancel() {} };
    }
    if (this.waitingCount >= this.#waitersMax) return undefined;
    const waiter: Waiter = { use, ticket: this.#nextTicket++, deliver };
    this.#queues[use].add(waiter);
    return { cancel: () => this.#queues[use].delete(waiter) };
  }

  /** As `request`, with a promise; rejects with busy, or with client-gone once `signal` aborts. */
  acquire(use: StripeUse, signal?: AbortSignal): Promise<Stripe> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new StoreError({ code: "client-gone" }));
        return;
      }
      const onAbort = () => {
        place?.cancel();
        reject(new StoreError({ code: "client-gone" }));
      };
      const place = this.request(use, (stripe) => {
        signal?.removeEventListener("abort", onAbort);
        resolve(stripe);
      });
      if (place === undefined) reject(new StoreError({ code: "busy" }));
      else signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Gives a stripe back. Releasing what is not leased is a programmer error. */
  release(stripe: Stripe): void {
    assert(this.#leased.delete(stripe), "only a leased stripe is released, and once");
    this.#held[stripe.use]--;
    this.#free.push((stripe.offset - this.#firstOffset) / this.stripeBytes);
    this.#serve();
  }

  #isAvailable(use: StripeUse): boolean {
    return this.#free.length > 0 && this.#held[use] < this.shareMax;
  }

  #take(use: StripeUse): Stripe {
    const index = this.#free.pop();
    const bytes = index === undefined ? undefined : this.#views[index];
    assert(bytes !== undefined, "a stripe is taken only when one is free");
    const stripe: Stripe = { offset: bytes.byteOffset, bytes, use };
    this.#leased.add(stripe);
    this.#held[use]++;
    return stripe;
  }

  #serve(): void {
    for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) {
      // Out of the queue before the call, which may release, ask or cancel in turn.
      this.#queues[waiter.use].delete(waiter);
      waiter.deliver(this.#take(waiter.use));
    }
  }

  /** Who asked first among those that can be served. */
  #next(): Waiter | undefined {
    const read = this.#isAvailable("read") ? first(this.#queues.read) : undefined;
    const write = this.#isAvailable("write") ? first(this.#queues.write) : undefined;
    if (read === undefined || write === undefined) return read ?? write;
    return read.ticket < write.ticket ? read : write;
  }
}

function first(queue: Set<Waiter>): Waiter | undefined {
  return queue.size === 0 ? undefined : queue.values().next().value;
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / STRIPE_ALIGNMENT) * STRIPE_ALIGNMENT;
}
