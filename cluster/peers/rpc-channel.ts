/**
 * One RPC stream, either end: the hello, then frames both ways. What is sent in one turn of the
 * event loop goes out in one piece. Anything that is not a proper frame of the agreed version ends
 * the stream, and only this stream.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import { encodeFrame, type Frame, type FrameKind, FrameReader, NO_DEADLINE } from "./frame.ts";
import {
  encodeHello,
  encodeRefusal,
  type Hello,
  type Introduction,
  judgeHello,
  readRefusal,
} from "./hello.ts";
import type { PeerId } from "./peer-id.ts";
import { FRAME_BYTES_MAX, HELLO_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import type { RefusalReason } from "./peer-network.ts";
import type { PeerStream } from "./peer-transport.ts";
import { describeRefusal } from "./refusal.ts";

export interface ChannelListener {
  /** Both sides agree to talk. */
  ready(hello: Hello, version: number): void;
  /** They do not; `ended` follows. */
  refused(reason: RefusalReason): void;
  /** A frame after the hello. `bytes` is the whole of it, a view. */
  received(frame: Frame, bytes: Buffer): void;
  ended(reason: string): void;
}

export interface ChannelModules {
  readonly clock: Clock;
  readonly limits: PeerLimits;
  /** Calls back at the end of the event loop's turn. */
  afterTurn(callback: () => void): void;
  /** This node as it introduces itself now. */
  hello(): Hello;
}

export type ChannelRole = "opener" | "acceptor";

/** A peer that lets so much more than `queuedBytesMax` wait is cut off. */
const CUT_FACTOR = 4;

export class RpcChannel {
  readonly peer: PeerId;
  readonly #stream: PeerStream;
  readonly #role: ChannelRole;
  readonly #modules: ChannelModules;
  readonly #listener: ChannelListener;
  readonly #reader = new FrameReader(HELLO_BYTES_MAX);
  readonly #helloTimer: Timer;
  #outgoing: Uint8Array[] = [];
  #outgoingBytes = 0;
  #version: number | undefined;
  #paused = false;
  #refused = false;
  #ended = false;

  constructor(
    role: ChannelRole,
    link: { readonly peer: PeerId; readonly stream: PeerStream },
    modules: ChannelModules,
    listener: ChannelListener,
  ) {
    this.peer = link.peer;
    this.#stream = link.stream;
    this.#role = role;
    this.#modules = modules;
    this.#listener = listener;
    const { clock, limits } = modules;
    this.#helloTimer = clock.after(limits.connectMs, () => this.end("no hello in time"));
    link.stream.listen({
      received: (piece) => this.#receive(piece),
      drained: () => this.#drained(),
      ended: (reason) => this.#finish(reason),
    });
    if (role === "opener") this.#introduce();
  }

  /** The version agreed on; undefined before. */
  get version(): number | undefined {
    return this.#version;
  }

  /** What waits to be written. */
  get queuedBytes(): number {
    return this.#outgoingBytes + this.#stream.queuedBytes;
  }

  /** Sends a whole frame of the agreed version. `bytes` must not change any more. */
  send(bytes: Uint8Array): void {
    if (this.#ended) return;
    if (this.#outgoing.length === 0) this.#modules.afterTurn(() => this.#flush());
    this.#outgoing.push(bytes);
    this.#outgoingBytes += bytes.length;
    const { queuedBytesMax } = this.#modules.limits;
    if (this.queuedBytes > queuedBytesMax * CUT_FACTOR) this.end("it does not read what it asked");
  }

  sendFrame(kind: FrameKind, payload: Uint8Array): void {
    const version = this.#version ?? 0;
    this.send(encodeFrame({ version, kind, id: 0, deadlineMs: NO_DEADLINE, method: "", payload }));
  }

  /** Refuses the other side and ends. */
  refuse(reason: RefusalReason): void {
    if (this.#ended || this.#refused) return;
    this.#refused = true;
    this.sendFrame("refusal", encodeRefusal(reason));
    this.#flush();
    this.#listener.refused(reason);
    // The refusal is on its way; the opener ends the stream when it has read it.
    if (this.#role === "opener") this.end(describeRefusal(reason));
  }

  end(reason: string): void {
    if (this.#ended) return;
    this.#stream.abort(reason);
    this.#finish(reason);
  }

  #introduce(): void {
    this.sendFrame("hello", encodeHello(this.#modules.hello()));
    this.#flush();
  }

  #receive(piece: Uint8Array): void {
    if (this.#ended) return;
    const fault = this.#reader.push(piece, (frame, bytes) => {
      if (!this.#ended) this.#take(frame, bytes);
    });
    if (fault !== undefined) this.end(fault);
    else this.#pauseIfFull();
  }

  #take(frame: Frame, bytes: Buffer): void {
    if (this.#refused) return;
    if (frame.kind === "refusal") {
      this.#takeRefusal(frame);
      return;
    }
    if (this.#version === undefined) {
      this.#takeHello(frame);
      return;
    }
    if (frame.version !== this.#version) {
      this.end(`a frame of version ${frame.version}, agreed was ${this.#version}`);
    } else if (frame.kind === "hello") this.end("a second hello");
    else this.#listener.received(frame, bytes);
  }

  #takeHello(frame: Frame): void {
    if (frame.kind !== "hello" || frame.version !== 0) {
      this.end("spoke before its hello");
      return;
    }
    const introduction: Introduction = judgeHello(frame.payload, this.#modules.hello(), this.peer);
    if (!introduction.ok) {
      this.refuse(introduction.reason);
      return;
    }
    if (this.#role === "acceptor") this.#introduce();
    this.#helloTimer.cancel();
    this.#version = introduction.version;
    this.#reader.bytesMax = FRAME_BYTES_MAX;
    this.#listener.ready(introduction.hello, introduction.version);
  }

  #takeRefusal(frame: Frame): void {
    const reason = readRefusal(frame.payload);
    this.#listener.refused(reason);
    this.end(`refused by it: ${describeRefusal(reason)}`);
  }

  #flush(): void {
    if (this.#ended || this.#outgoing.length === 0) return;
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#stream.send(outgoing);
    this.#pauseIfFull();
  }

  /** Who does not read answers is not asked for more questions. */
  #pauseIfFull(): void {
    if (this.#paused || this.#ended || this.#role === "opener") return;
    if (this.queuedBytes < this.#modules.limits.queuedBytesMax / 2) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #drained(): void {
    if (!this.#paused || this.#ended) return;
    this.#paused = false;
    this.#stream.resume();
  }

  #finish(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#helloTimer.cancel();
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    this.#listener.ended(reason);
  }
}
