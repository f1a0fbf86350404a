/**
 * Bulk exchanges as the front sees them: places handed to the lane, promises for when they come
 * back. A promise about memory is settled only by what the lane reports, because only the lane knows
 * that nobody touches it any more.
 */
import { assert } from "../../src/base/assert.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import { answerOf, ServingContext } from "./front-server.ts";
import type { LaneClient } from "./lane-client.ts";
import type { Answer, BulkDirection, LaneReport, Outcome } from "./lane-messages.ts";
import { BULK_HEADER_BYTES_MAX, BULK_REPLY_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import type {
  BulkHandlers,
  BulkReader,
  BulkReceipt,
  BulkWriter,
  CallOptions,
  MemoryPlace,
  PeerError,
  PeerResult,
} from "./peer-network.ts";

export interface FrontBulkModules {
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger: Logger;
  /** Bytes of the shared memory. */
  readonly memoryBytes: number;
}

const NO_HANDLER: Answer = { ok: false, data: { code: "busy" } };

export class FrontBulk {
  readonly #lane: LaneClient;
  readonly #modules: FrontBulkModules;
  readonly #ends = new Map<number, BulkEnd>();
  /** Even: ours. */
  #lastId = 0;

  constructor(lane: LaneClient, modules: FrontBulkModules) {
    this.#lane = lane;
    this.#modules = modules;
  }

  open(
    member: number,
    direction: BulkDirection,
    header: Uint8Array,
    options: CallOptions,
  ): BulkEnd {
    const { deadlineMs, signal } = options;
    const refusal = refusalOf(header, options);
    if (refusal !== undefined) return this.failed(refusal);
    this.#lastId += 2;
    const id = this.#lastId;
    const end = this.#createEnd(id);
    this.#ends.set(id, end);
    this.#lane.request({ kind: "bulk-open", id, member, direction, header, deadlineMs });
    if (signal !== undefined) {
      const onAbort = () => end.abort();
      signal.addEventListener("abort", onAbort, { once: true });
      void end.outcome.then(() => signal.removeEventListener("abort", onAbort));
    }
    return end;
  }

  /** An exchange that never began. */
  failed(error: PeerError): BulkEnd {
    const end = this.#createEnd(0);
    end.ended({ ok: false, error });
    return end;
  }

  take(report: Extract<LaneReport, { kind: `bulk-${string}` }>, handlers?: BulkHandlers): void {
    if (report.kind === "bulk-opened") {
      void this.#serve(report, handlers);
      return;
    }
    const end = this.#ends.get(report.id);
    if (end === undefined) return;
    if (report.kind === "bulk-sent") end.sent();
    else if (report.kind === "bulk-received") end.received(report.length);
    else {
      this.#ends.delete(report.id);
      end.ended(report.outcome);
    }
  }

  endAll(error: PeerError): void {
    for (const end of this.#ends.values()) end.ended({ ok: false, error });
    this.#ends.clear();
  }

  async #serve(
    report: Extract<LaneReport, { kind: "bulk-opened" }>,
    handlers: BulkHandlers | undefined,
  ): Promise<void> {
    const { id, peer, direction, header, deadlineMs } = report;
    const { clock, logger } = this.#modules;
    const end = this.#createEnd(id);
    this.#ends.set(id, end);
    const context = new ServingContext(peer, deadlineMs, clock);
    void end.outcome.then((outcome) => {
      if (!outcome.ok) context.abort("the stream is gone");
    });
    const answer =
      handlers === undefined
        ? NO_HANDLER
        : await answerOf(
            async () => await handlers[direction](header, end, context),
            BULK_REPLY_BYTES_MAX,
            logger,
          );
    context.close();
    this.#lane.request({ kind: "bulk-answer", id, answer });
  }

  #createEnd(id: number): BulkEnd {
    const { limits, memoryBytes } = this.#modules;
    return new BulkEnd(id, this.#lane, { placesMax: limits.bulkPlacesMax, memoryBytes });
  }
}

/** One end of an exchange, whichever it is. */
export class BulkEnd implements BulkWriter, BulkReader {
  /** Resolves when the exchange is over. */
  readonly outcome: Promise<Outcome>;
  readonly #id: number;
  readonly #lane: LaneClient;
  readonly #bounds: { readonly placesMax: number; readonly memoryBytes: number };
  readonly #sends: ((error: PeerError | undefined) => void)[] = [];
  readonly #receipts: ((receipt: BulkReceipt) => void)[] = [];
  #resolveOutcome: (outcome: Outcome) => void = () => {};
  #over: Outcome | undefined;
  #finishing = false;

  constructor(
    id: number,
    lane: LaneClient,
    bounds: { readonly placesMax: number; readonly memoryBytes: number },
  ) {
    this.#id = id;
    this.#lane = lane;
    this.#bounds = bounds;
    this.outcome = new Promise((resolve) => {
      this.#resolveOutcome = resolve;
    });
  }

  send(place: MemoryPlace): Promise<PeerError | undefined> {
    const refusal = this.#refusal(place, this.#sends.length);
    if (refusal !== undefined) return Promise.resolve(refusal);
    this.#lane.request({ kind: "bulk-send", id: this.#id, place });
    return new Promise((resolve) => {
      this.#sends.push(resolve);
    });
  }

  receive(place: MemoryPlace): Promise<BulkReceipt> {
    const error = this.#refusal(place, this.#receipts.length);
    if (error !== undefined) return Promise.resolve({ ok: false, error });
    this.#lane.request({ kind: "bulk-receive", id: this.#id, place });
    return new Promise((resolve) => {
      this.#receipts.push(resolve);
    });
  }

  async finish(): Promise<PeerResult> {
    if (this.#over === undefined && !this.#finishing) {
      this.#finishing = true;
      this.#lane.request({ kind: "bulk-finish", id: this.#id });
    }
    return this.outcome;
  }

  abort(): void {
    if (this.#over === undefined) this.#lane.request({ kind: "bulk-abort", id: this.#id });
  }

  sent(): void {
    this.#sends.shift()?.(undefined);
  }

  received(length: number): void {
    this.#receipts.shift()?.({ ok: true, length });
  }

  ended(outcome: Outcome): void {
    if (this.#over !== undefined) return;
    this.#over = outcome;
    const error = errorOf(outcome);
    for (const resolve of this.#sends.splice(0)) resolve(error);
    for (const resolve of this.#receipts.splice(0)) resolve({ ok: false, error });
    this.#resolveOutcome(outcome);
  }

  #refusal(place: MemoryPlace, underWay: number): PeerError | undefined {
    const { placesMax, memoryBytes } = this.#bounds;
    const { offset, length } = place;
    const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    assert(inside && offset >= 0 && length > 0, "a place is in the memory");
    assert(offset + length <= memoryBytes, "a place is in the memory");
    if (this.#over !== undefined) return errorOf(this.#over);
    assert(!this.#finishing, "nothing follows the end");
    const message = "too many places of this stream are under way";
    return underWay < placesMax ? undefined : { code: "busy", applied: "no", message };
  }
}

/** To those who still hold on to an exchange that is over. */
function errorOf(outcome: Outcome): PeerError {
  return outcome.ok
    ? { code: "lost", applied: "unknown", message: "the exchange is over" }
    : outcome.error;
}

function refusalOf(header: Uint8Array, { deadlineMs, signal }: CallOptions): PeerError | undefined {
  if (header.length > BULK_HEADER_BYTES_MAX) {
    return { code: "too-large", applied: "no", bytesMax: BULK_HEADER_BYTES_MAX };
  }
  if (signal?.aborted) return { code: "aborted", applied: "no" };
  return deadlineMs <= 0 ? { code: "deadline", applied: "no" } : undefined;
}
