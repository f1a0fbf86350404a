/** A libp2p stream as the peer protocol wants it. */
import type { Stream } from "@libp2p/interface";
import type { PeerStream, StreamListener } from "./peer-transport.ts";
import { directStream } from "./yamux-muxer.ts";

export class Libp2pStream implements PeerStream {
  readonly #stream: Stream;
  readonly #direct: ReturnType<typeof directStream>;
  #ended = false;
  /** libp2p says `idle` also between two pieces; whoever sends looks at `queuedBytes` afterwards. */
  #sending = false;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#direct = directStream(stream);
  }

  get queuedBytes(): number {
    return this.#stream.writeBufferLength;
  }

  listen(listener: StreamListener): void {
    const stream = this.#stream;
    const finish = (reason: string) => {
      if (this.#ended) return;
      this.#ended = true;
      listener.ended(reason);
    };
    stream.addEventListener("close", (event) => {
      finish(event.error?.message ?? "closed by the peer");
    });
    // A half of a stream is of no use to us.
    stream.addEventListener("remoteCloseWrite", () => {
      this.abort("closed by the peer");
      finish("closed by the peer");
    });
    stream.addEventListener("idle", () => {
      if (this.#sending) return;
      // Not from within: while libp2p says so, what is sent would be queued and left there.
      queueMicrotask(() => {
        if (!this.#ended && this.queuedBytes === 0) listener.drained();
      });
    });
    stream.addEventListener("message", ({ data }) => {
      if (this.#ended) return;
      if (data instanceof Uint8Array) listener.received(data);
      else for (const piece of data) listener.received(piece);
    });
    this.#direct?.listenDirectly((piece) => {
      if (!this.#ended) listener.received(piece);
    });
    if (stream.status !== "open") finish("closed by the peer");
  }

  send(pieces: readonly Uint8Array[]): void {
    this.#sending = true;
    try {
      if (this.#direct !== undefined) {
        if (!this.#ended) this.#direct.sendPieces(pieces);
        return;
      }
      for (const piece of pieces) {
        // Between two pieces the stream may have ended; `ended` tells.
        if (this.#ended || this.#stream.writeStatus !== "writable") break;
        this.#stream.send(piece);
      }
    } finally {
      this.#sending = false;
    }
  }

  pause(): void {
    if (this.#isReadable) this.#stream.pause();
  }

  resume(): void {
    if (this.#isReadable) this.#stream.resume();
  }

  abort(reason: string): void {
    this.#stream.abort(new Error(reason));
  }

  get #isReadable(): boolean {
    const { readStatus } = this.#stream;
    return readStatus === "readable" || readStatus === "paused";
  }
}
