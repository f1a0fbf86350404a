/**
 * This node's side of one member: keeps a connection and an RPC stream for our calls, beats its
 * heart, and knows whether the peer is up. Whatever ends the stream, it tries again after a wait.
 *
 *   waiting ──► connecting ──► greeting ──► ready
 *      ▲             │             │          │
 *      └─────────────┴─────────────┴──────────┘
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import { BackOff } from "./back-off.ts";
import { FailureDetector } from "./failure-detector.ts";
import type { Frame } from "./frame.ts";
import type { Hello } from "./hello.ts";
import type { LaneMember } from "./lane-messages.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { PeerError, PeerState, PeerStatus } from "./peer-network.ts";
import type { PeerTransport } from "./peer-transport.ts";
import { type ChannelModules, RpcChannel } from "./rpc-channel.ts";

export interface LinkModules extends ChannelModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: PeerLimits;
  readonly transport: PeerTransport;
  /** A reply, or the failure of a call. */
  onReply(member: LaneMember, bytes: Uint8Array): void;
  onCallsEnded(ids: readonly number[], error: PeerError): void;
  onStatus(status: PeerStatus): void;
}

const PING_BYTES = 8;
const PONG_BYTES = 16;
/** Weight of the newest round trip in the smoothed one. */
const NEWEST_WEIGHT = 1 / 8;
/** Heartbeats after which a clock offset seen with a short round trip is forgotten. */
const OFFSET_BEATS = 60;

export class PeerLink {
  readonly member: LaneMember;
  readonly #modules: LinkModules;
  readonly #backOff: BackOff;
  readonly #sent = new Set<number>();
  #channel: RpcChannel | undefined;
  #attempt: AbortController | undefined;
  #timer: Timer | undefined;
  #detector: FailureDetector | undefined;
  #closed = false;
  #status: PeerStatus;
  #offsetRoundTripMs = Number.POSITIVE_INFINITY;
  #offsetBeats = 0;

  constructor(member: LaneMember, modules: LinkModules) {
    this.member = member;
    this.#modules = modules;
    const { backOffFirstMs, backOffLastMs } = modules.limits;
    this.#backOff = new BackOff(backOffFirstMs, backOffLastMs, modules.random);
    this.#status = unknownStatus(member.id);
  }

  get status(): PeerStatus {
    return this.#status;
  }

  /** The version agreed on; undefined while there is no agreement. */
  get version(): number | undefined {
    return this.#channel?.version;
  }

  /** Connects now; or waits `delayMs` for the peer to do so first. */
  start(delayMs: number): void {
    if (delayMs === 0) void this.#connect();
    else this.#waitFor(delayMs);
  }

  /** The peer has connected to us: no need to wait any longer. */
  connected(): void {
    if (this.#timer !== undefined && this.#channel === undefined) void this.#connect();
  }

  /** Sends a request or a cancellation; the frame's version is set here. */
  send(frame: Frame, bytes: Buffer): void {
    const channel = this.#channel;
    const version = channel?.version;
    if (channel === undefined || version === undefined) {
      if (frame.kind === "request") this.#refuseCall(frame.id, this.unreachable());
      return;
    }
    if (frame.kind === "request") {
      if (channel.queuedBytes + bytes.length > this.#modules.limits.queuedBytesMax) {
        const message = "too much waits to be sent to this peer";
        this.#refuseCall(frame.id, { code: "busy", applied: "no", message });
        return;
      }
      this.#sent.add(frame.id);
    } else if (!this.#sent.delete(frame.id)) return;
    bytes[4] = version;
    channel.send(bytes);
  }

  close(reason: string): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#attempt?.abort(new Error(reason));
    this.#channel?.end(reason);
  }

  #refuseCall(id: number, error: PeerError): void {
    this.#modules.onCallsEnded([id], error);
  }

  /** Why it cannot be asked now. */
  unreachable(): PeerError {
    const { refusal, reason } = this.#status;
    return refusal === undefined
      ? { code: "unreachable", applied: "no", message: reason ?? "not connected yet" }
      : { code: "refused", applied: "no", reason: refusal };
  }

  async #connect(): Promise<void> {
    const { transport, clock, limits } = this.#modules;
    const { id, host, port } = this.member;
    this.#timer?.cancel();
    this.#timer = undefined;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const timer = clock.after(limits.connectMs, () => attempt.abort(new Error("timed out")));
    try {
      await transport.connect(id, host, port, attempt.signal);
      const stream = await transport.openStream(id, "rpc", attempt.signal);
      if (this.#closed) {
        stream.abort("no longer wanted");
        return;
      }
      this.#channel = new RpcChannel("opener", { peer: id, stream }, this.#modules, {
        ready: (hello, version) => this.#ready(hello, version),
        refused: (refusal) => this.#update({ refusal }),
        received: (frame, bytes) => this.#receive(frame, bytes),
        ended: (reason) => this.#ended(reason),
      });
    } catch (error) {
      if (!this.#closed) this.#retry(error instanceof Error ? error.message : String(error));
    } finally {
      timer.cancel();
      this.#attempt = undefined;
    }
  }

  #ready(hello: Hello, version: number): void {
    const { clock, limits } = this.#modules;
    this.#backOff.reset();
    this.#detector = new FailureDetector(limits.heartbeatMs, clock.monotonicMs());
    this.#offsetBeats = 0;
    this.#update({
      state: "up",
      reason: undefined,
      refusal: undefined,
      softwareVersion: hello.softwareVersion,
      protocolVersion: version,
    });
    this.#beat();
  }

  #beat(): void {
    const { clock, limits } = this.#modules;
    const channel = this.#channel;
    if (channel === undefined || this.#detector === undefined) return;
    const nowMs = clock.monotonicMs();
    const state = this.#detector.check(nowMs);
    if (state === "down") {
      channel.end("no answer to heartbeats");
      return;
    }
    if (state !== this.#status.state) {
      this.#update({ state, reason: state === "up" ? undefined : "late with its heartbeat" });
    }
    const ping = Buffer.alloc(PING_BYTES);
    ping.writeDoubleLE(nowMs, 0);
    channel.sendFrame("ping", ping);
    this.#timer = clock.after(limits.heartbeatMs, () => this.#beat());
  }

  #receive(frame: Frame, bytes: Buffer): void {
    switch (frame.kind) {
      case "reply":
      case "failure":
        // Whoever was asked may answer late, or what it was never asked: nobody waits for it.
        if (this.#sent.delete(frame.id)) this.#modules.onReply(this.member, bytes);
        return;
      case "pong":
        this.#takePong(frame.payload);
        return;
      default:
        this.#channel?.end(`an unexpected ${frame.kind}`);
    }
  }

  #takePong(payload: Uint8Array): void {
    const { clock } = this.#modules;
    if (payload.length !== PONG_BYTES) {
      this.#channel?.end("a pong of wrong length");
      return;
    }
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const nowMs = clock.monotonicMs();
    const roundTripMs = nowMs - view.getFloat64(0, true);
    const theirNowMs = view.getFloat64(8, true);
    if (!(roundTripMs >= 0) || !Number.isFinite(theirNowMs)) {
      this.#channel?.end("a pong without sense");
      return;
    }
    this.#detector?.heard(nowMs);
    const before = this.#status.roundTripMs;
    const smoothed =
      before === undefined ? roundTripMs : before + (roundTripMs - before) * NEWEST_WEIGHT;
    const clockOffsetMs = this.#measureOffset(roundTripMs, theirNowMs);
    const status = { ...this.#status, roundTripMs: smoothed, clockOffsetMs };
    if (this.#status.state === "suspect")
      this.#update({ ...status, state: "up", reason: undefined });
    else this.#publish(status);
  }

  /** The shorter the round trip, the less an offset can be wrong. */
  #measureOffset(roundTripMs: number, theirNowMs: number): number {
    this.#offsetBeats += 1;
    const known = this.#status.clockOffsetMs;
    if (
      known !== undefined &&
      roundTripMs > this.#offsetRoundTripMs &&
      this.#offsetBeats < OFFSET_BEATS
    ) {
      return known;
    }
    this.#offsetBeats = 0;
    this.#offsetRoundTripMs = roundTripMs;
    return theirNowMs + roundTripMs / 2 - this.#modules.clock.nowMs();
  }

  #ended(reason: string): void {
    this.#channel = undefined;
    this.#detector = undefined;
    if (this.#sent.size > 0) {
      const ids = [...this.#sent];
      this.#sent.clear();
      this.#modules.onCallsEnded(ids, { code: "lost", applied: "unknown", message: reason });
    }
    if (this.#closed) this.#update({ state: "down", reason });
    else this.#retry(reason);
  }

  #retry(reason: string): void {
    this.#update({ state: "down", reason });
    this.#waitFor(this.#backOff.next());
  }

  #waitFor(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#modules.clock.after(delayMs, () => void this.#connect());
  }

  #update(change: Partial<PeerStatus>): void {
    this.#publish({ ...this.#status, ...change });
  }

  #publish(status: PeerStatus): void {
    this.#status = status;
    this.#modules.onStatus(status);
  }
}

export function unknownStatus(peer: PeerStatus["peer"]): PeerStatus {
  const state: PeerState = "down";
  return {
    peer,
    state,
    reason: "not connected yet",
    refusal: undefined,
    roundTripMs: undefined,
    clockOffsetMs: undefined,
    softwareVersion: undefined,
    protocolVersion: undefined,
  };
}

/** The answer to a ping: what it carried, and our wall clock. Undefined when it is none. */
export function pongFor(ping: Uint8Array, nowMs: number): Buffer | undefined {
  if (ping.length !== PING_BYTES) return undefined;
  const pong = Buffer.alloc(PONG_BYTES);
  pong.set(ping);
  pong.writeDoubleLE(nowMs, PING_BYTES);
  return pong;
}
