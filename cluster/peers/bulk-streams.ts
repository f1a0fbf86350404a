/**
 * The bulk exchanges of a lane: ours on streams from a pool per member, those of peers on the
 * streams that they open. Each is known to the front by a number, and each has a deadline.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import { BulkCarrier } from "./bulk-carrier.ts";
import { BulkExchange } from "./bulk-exchange.ts";
import type { BulkOpening } from "./bulk-frame.ts";
import type { Answer, BulkDirection, LaneReport, Outcome } from "./lane-messages.ts";
import type { PeerId } from "./peer-id.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { MemoryPlace, PeerError } from "./peer-network.ts";
import type { PeerStream, PeerTransport } from "./peer-transport.ts";

export interface BulkModules {
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly transport: PeerTransport;
  readonly memory: SharedArrayBuffer;
  report(report: LaneReport): void;
}

interface Entry {
  readonly exchange: BulkExchange;
  readonly peer: PeerId;
  readonly timer: Timer;
  /** Undefined while a stream is being opened. */
  carrier: BulkCarrier | undefined;
}

interface PeerStreams {
  /** Ours that wait for the next exchange. */
  readonly idle: BulkCarrier[];
  /** Every stream with this peer, in either direction. */
  readonly carriers: Set<BulkCarrier>;
  /** Exchanges that we opened and are under way. */
  ours: number;
  /** Streams that the peer opened. */
  theirs: number;
}

export interface OpenBulk {
  readonly id: number;
  readonly peer: PeerId;
  /** Undefined when the peer cannot be asked, and then why. */
  readonly version: number | undefined;
  readonly error: PeerError;
  readonly opening: BulkOpening;
}

export class BulkStreams {
  readonly #modules: BulkModules;
  readonly #entries = new Map<number, Entry>();
  readonly #peers = new Map<PeerId, PeerStreams>();
  /** Odd: exchanges of peers. */
  #lastServedId = -1;

  constructor(modules: BulkModules) {
    this.#modules = modules;
  }

  get exchangeCount(): number {
    return this.#entries.size;
  }

  open(request: OpenBulk): void {
    const { id, peer, version, opening } = request;
    const streams = this.#streamsOf(peer);
    const { limits } = this.#modules;
    if (version === undefined || streams.ours >= limits.bulkStreamsMax) {
      const message = "too many bulk streams to this peer";
      const error: PeerError =
        version === undefined ? request.error : { code: "busy", applied: "no", message };
      this.#modules.report({ kind: "bulk-ended", id, outcome: { ok: false, error } });
      return;
    }
    streams.ours += 1;
    const exchange = this.#createExchange(id, opening.direction, "opener", version);
    const entry = this.#enter(id, peer, exchange, opening.deadlineMs);
    const carrier = streams.idle.pop();
    if (carrier === undefined) void this.#openStream(entry, version, opening);
    else this.#start(entry, carrier, opening);
  }

  send(id: number, place: MemoryPlace): void {
    this.#entries.get(id)?.exchange.send(place);
  }

  receive(id: number, place: MemoryPlace): void {
    this.#entries.get(id)?.exchange.receive(place);
  }

  finish(id: number): void {
    this.#entries.get(id)?.exchange.finish();
  }

  abort(id: number): void {
    this.#entries.get(id)?.exchange.fail({ code: "aborted", applied: "unknown" });
  }

  answer(id: number, answer: Answer): void {
    this.#entries.get(id)?.exchange.answer(answer);
  }

  /** A peer opened a stream; `version` is undefined unless it has introduced itself. */
  accept(peer: PeerId, version: number | undefined, stream: PeerStream): void {
    const streams = this.#streamsOf(peer);
    const { bulkStreamsMax, bulkIdleMax } = this.#modules.limits;
    const refused = version === undefined || streams.theirs >= bulkStreamsMax + bulkIdleMax;
    streams.theirs += 1;
    const carrier = new BulkCarrier(stream, version ?? 0, {
      opened: (opening) => this.#serve(peer, version ?? 0, carrier, opening),
      idle: () => {},
      ended: () => {
        streams.theirs -= 1;
        streams.carriers.delete(carrier);
      },
    });
    streams.carriers.add(carrier);
    if (refused) carrier.end("no bulk stream is due");
  }

  /** Ends everything with this peer. */
  drop(peer: PeerId, reason: string): void {
    const streams = this.#peers.get(peer);
    if (streams === undefined) return;
    this.#peers.delete(peer);
    for (const carrier of [...streams.carriers]) carrier.end(reason);
    for (const entry of [...this.#entries.values()]) {
      if (entry.peer !== peer) continue;
      entry.exchange.fail({ code: "lost", applied: "unknown", message: reason });
    }
  }

  close(): void {
    for (const peer of [...this.#peers.keys()]) this.drop(peer, "closed");
  }

  #createExchange(
    id: number,
    direction: BulkDirection,
    role: "opener" | "server",
    version: number,
  ): BulkExchange {
    const { memory, report } = this.#modules;
    return new BulkExchange(
      { role, direction, version, memory },
      {
        sent: () => report({ kind: "bulk-sent", id }),
        received: (length) => report({ kind: "bulk-received", id, length }),
        ended: (outcome) => this.#ended(id, outcome),
      },
    );
  }

  #enter(id: number, peer: PeerId, exchange: BulkExchange, deadlineMs: number): Entry {
    const timer = this.#modules.clock.after(deadlineMs, () => {
      exchange.fail({ code: "deadline", applied: "unknown" });
    });
    const entry: Entry = { exchange, peer, timer, carrier: undefined };
    this.#entries.set(id, entry);
    return entry;
  }

  #ended(id: number, outcome: Outcome): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    entry.timer.cancel();
    if (id % 2 === 0) this.#streamsOf(entry.peer).ours -= 1;
    this.#modules.report({ kind: "bulk-ended", id, outcome });
    const { carrier, exchange } = entry;
    // A peer's stream is left to it: it knows best what to do with it.
    if (carrier !== undefined && (id % 2 === 0 || !outcome.ok)) carrier.release(exchange);
  }

  async #openStream(entry: Entry, version: number, opening: BulkOpening): Promise<void> {
    const { transport, clock, limits } = this.#modules;
    const { peer, exchange } = entry;
    const attempt = new AbortController();
    const timer = clock.after(limits.connectMs, () => attempt.abort(new Error("timed out")));
    try {
      const stream = await transport.openStream(peer, "bulk", attempt.signal);
      const carrier = this.#keep(peer, stream, version);
      if (exchange.isOver) this.#rest(peer, carrier);
      else this.#start(entry, carrier, opening);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      exchange.fail({ code: "unreachable", applied: "no", message });
    } finally {
      timer.cancel();
    }
  }

  #start(entry: Entry, carrier: BulkCarrier, opening: BulkOpening): void {
    entry.carrier = carrier;
    carrier.run(entry.exchange, opening);
  }

  #keep(peer: PeerId, stream: PeerStream, version: number): BulkCarrier {
    const streams = this.#streamsOf(peer);
    const carrier = new BulkCarrier(stream, version, {
      opened: () => undefined,
      idle: () => this.#rest(peer, carrier),
      ended: () => {
        streams.carriers.delete(carrier);
        const at = streams.idle.indexOf(carrier);
        if (at >= 0) streams.idle.splice(at, 1);
      },
    });
    streams.carriers.add(carrier);
    return carrier;
  }

  #rest(peer: PeerId, carrier: BulkCarrier): void {
    const { idle } = this.#streamsOf(peer);
    if (idle.length < this.#modules.limits.bulkIdleMax) idle.push(carrier);
    else carrier.end("enough streams are kept");
  }

  #serve(
    peer: PeerId,
    version: number,
    carrier: BulkCarrier,
    opening: BulkOpening,
  ): BulkExchange | undefined {
    this.#lastServedId += 2;
    const id = this.#lastServedId;
    const exchange = this.#createExchange(id, opening.direction, "server", version);
    const entry = this.#enter(id, peer, exchange, opening.deadlineMs);
    entry.carrier = carrier;
    this.#modules.report({ kind: "bulk-opened", id, peer, ...opening });
    return exchange;
  }

  #streamsOf(peer: PeerId): PeerStreams {
    let streams = this.#peers.get(peer);
    if (streams === undefined) {
      streams = { idle: [], carriers: new Set(), ours: 0, theirs: 0 };
      this.#peers.set(peer, streams);
    }
    return streams;
  }
}
