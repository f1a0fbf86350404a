/**
 * A peer's side of calls: one RPC stream that it opened. Hands its requests to the front and the
 * front's answers back, and keeps it within its bounds: beyond them it is told `busy` here, so that
 * a flood never reaches the front.
 */
import { encodeFrame, type Frame, NO_DEADLINE } from "./frame.ts";
import type { PeerId } from "./peer-id.ts";
import type { PeerLimits } from "./peer-limits.ts";
import { pongFor } from "./peer-link.ts";
import type { PeerStream } from "./peer-transport.ts";
import { type ChannelModules, RpcChannel } from "./rpc-channel.ts";
import { encodeFailure } from "./wire-error.ts";

export interface SessionModules extends ChannelModules {
  readonly limits: PeerLimits;
  onReady(session: ServedSession): void;
  /** A request, or the cancellation of one. */
  onRequest(session: ServedSession, bytes: Uint8Array): void;
  onEnded(session: ServedSession, wasReady: boolean): void;
}

export class ServedSession {
  readonly number: number;
  readonly peer: PeerId;
  readonly #modules: SessionModules;
  readonly #channel: RpcChannel;
  /** Requests that are not answered, with the bytes of each. */
  readonly #inFlight = new Map<number, number>();
  #inFlightBytes = 0;
  #ready = false;

  constructor(number: number, peer: PeerId, stream: PeerStream, modules: SessionModules) {
    this.number = number;
    this.peer = peer;
    this.#modules = modules;
    this.#channel = new RpcChannel("acceptor", { peer, stream }, modules, {
      ready: () => {
        this.#ready = true;
        modules.onReady(this);
      },
      refused: () => {},
      received: (frame, bytes) => this.#receive(frame, bytes),
      ended: () => modules.onEnded(this, this.#ready),
    });
  }

  /** The version agreed on; undefined before. */
  get version(): number | undefined {
    return this.#channel.version;
  }

  /** Says that this peer may not talk to us. */
  refuseStranger(): void {
    this.#channel.refuse({ kind: "not-a-member" });
  }

  /** The front's answer, a whole frame whose version is set here. */
  reply(id: number, bytes: Buffer): void {
    const { version } = this.#channel;
    if (version === undefined || !this.#settle(id)) return;
    bytes[4] = version;
    this.#channel.send(bytes);
  }

  end(reason: string): void {
    this.#channel.end(reason);
  }

  #settle(id: number): boolean {
    this.#inFlightBytes -= this.#inFlight.get(id) ?? 0;
    return this.#inFlight.delete(id);
  }

  #receive(frame: Frame, bytes: Buffer): void {
    switch (frame.kind) {
      case "request":
        this.#request(frame, bytes);
        return;
      case "cancel":
        if (this.#settle(frame.id)) this.#modules.onRequest(this, bytes);
        return;
      case "ping": {
        const pong = pongFor(frame.payload, this.#modules.clock.nowMs());
        if (pong === undefined) this.#channel.end("a ping of wrong length");
        else this.#channel.sendFrame("pong", pong);
        return;
      }
      default:
        this.#channel.end(`an unexpected ${frame.kind}`);
    }
  }

  #request(frame: Frame, bytes: Buffer): void {
    const { servedInFlightMax, servedBytesMax } = this.#modules.limits;
    if (this.#inFlight.has(frame.id)) {
      this.#channel.end("two requests of one id");
      return;
    }
    if (
      this.#inFlight.size >= servedInFlightMax ||
      this.#inFlightBytes + bytes.length > servedBytesMax
    ) {
      this.#channel.send(
        encodeFrame({
          version: frame.version,
          kind: "failure",
          id: frame.id,
          deadlineMs: NO_DEADLINE,
          method: "",
          payload: encodeFailure({
            code: "busy",
            applied: "no",
            message: "too many calls of this node are being answered",
          }),
        }),
      );
      return;
    }
    this.#inFlight.set(frame.id, bytes.length);
    this.#inFlightBytes += bytes.length;
    this.#modules.onRequest(this, bytes);
  }
}
