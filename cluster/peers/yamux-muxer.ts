/**
 * Yamux for libp2p, on the wire exactly as specified. The library's own one tells the other side of
 * a new window at every data frame, holds a frame until it is whole (4 GiB, if that is what its
 * header says), and goes on answering somebody who does not read. This one
 *
 *   - gives back window when a good part of it is used, and only for bytes that were taken;
 *   - holds at most the windows of its streams, which are bounded in number;
 *   - ends a connection whose other side asks without reading.
 */
import type {
  CreateStreamOptions,
  MessageStream,
  Stream,
  StreamMuxer,
  StreamMuxerFactory,
} from "@libp2p/interface";
import { AbstractStream, AbstractStreamMuxer } from "@libp2p/utils";
import { Uint8ArrayList } from "uint8arraylist";
import { assert } from "../../src/base/assert.ts";
import { KIB } from "../../src/base/bytes.ts";
import { type NoiseLink, noiseLinkOf } from "./noise-link.ts";
import {
  encodeYamuxHeader,
  FLAG,
  FRAME_TYPE,
  YAMUX_HEADER_BYTES,
  type YamuxHeader,
  YamuxReader,
  type YamuxVisitor,
} from "./yamux-frame.ts";

/** The stream's own ways around lists and events, where it is one of ours. */
export function directStream(stream: Stream): YamuxStream | undefined {
  return stream instanceof YamuxStream ? stream : undefined;
}

/** Bytes that a stream may have under way: what its reader has not taken is bounded by this. */
export const STREAM_WINDOW_BYTES_MAX: number = 1024 * KIB;
/** Streams that the other side may have open on one connection. */
export const INBOUND_STREAMS_MAX = 256;
/** Bytes of answers that wait for somebody who does not read; then the connection ends. */
export const UNREAD_ANSWERS_BYTES_MAX: number = 8 * 1024 * KIB;

/** Both sides begin with so much, says the specification. */
const FIRST_WINDOW_BYTES = 256 * KIB;
/** Window is given back in pieces of this size: each costs both sides a message. */
const WINDOW_STEP_BYTES = STREAM_WINDOW_BYTES_MAX / 4;
/** A frame with its header fills a Noise message, so that neither cuts the other's. */
const DATA_BYTES_MOST = 65_519 - YAMUX_HEADER_BYTES;
const PROTOCOL = "/yamux/1.0.0";
const GO_AWAY_PROTOCOL_ERROR = 1;

export function yamuxMuxer(): () => StreamMuxerFactory {
  return () => ({
    protocol: PROTOCOL,
    createStreamMuxer: (connection): StreamMuxer => new YamuxMuxer(connection),
  });
}

class YamuxMuxer extends AbstractStreamMuxer<YamuxStream> {
  readonly #reader = new YamuxReader();
  readonly #byId = new Map<number, YamuxStream>();
  readonly #isClient: boolean;
  /** Where the connection has one, all bytes go through it. */
  readonly #link: NoiseLink | undefined;
  readonly #visitor: YamuxVisitor = {
    header: (header) => this.#take(header),
    data: (bytes) => this.#target?.onData(bytes),
  };
  #nextId: number;
  #inbound = 0;
  /** Where the data of the present frame goes; undefined for a stream that is gone. */
  #target: YamuxStream | undefined;

  constructor(connection: MessageStream) {
    super(connection, { protocol: PROTOCOL, name: "yamux", maxEarlyStreams: INBOUND_STREAMS_MAX });
    this.#isClient = connection.direction === "outbound";
    this.#nextId = this.#isClient ? 1 : 2;
    this.#link = noiseLinkOf(connection);
    this.#link?.listen((piece) => this.#read(piece));
  }

  /** Frames need not wait in lists. */
  get isDirect(): boolean {
    return this.#link !== undefined;
  }

  override onCreateStream(_options: CreateStreamOptions): YamuxStream {
    const stream = this.#createStream(this.#nextId, "outbound");
    this.#nextId += 2;
    // Not before the stream is known: its acknowledgement might come first.
    queueMicrotask(() => stream.announce(FLAG.syn));
    return stream;
  }

  override onData(data: Uint8Array | Uint8ArrayList): void {
    if (data instanceof Uint8Array) this.#read(data);
    else for (const piece of data) this.#read(piece);
  }

  sendFrame(header: YamuxHeader, data?: Iterable<Uint8Array>): boolean {
    if (this.maConn.status !== "open") return false;
    const head = encodeYamuxHeader(header);
    if (data === undefined && this.#unreadBytes > UNREAD_ANSWERS_BYTES_MAX) {
      // Data waits for room, and these do not; who causes too many of them is not reading.
      this.#fail("it does not read");
      return false;
    }
    if (this.#link === undefined) return this.send(new Uint8ArrayList(head, ...(data ?? [])));
    let hasRoom = this.#link.write(head);
    for (const piece of data ?? []) hasRoom = this.#link.write(piece);
    if (!hasRoom) for (const stream of this.streams) stream.onMuxerNeedsDrain();
    return hasRoom;
  }

  get #unreadBytes(): number {
    return this.#link?.queuedBytes ?? this.maConn.writeBufferLength;
  }

  #read(piece: Uint8Array): void {
    if (this.status === "closed") return;
    const fault = this.#reader.push(piece, this.#visitor);
    if (fault !== undefined) this.#fail(fault);
  }

  #take(header: YamuxHeader): string | undefined {
    const { type, streamId } = header;
    if (type === FRAME_TYPE.ping || type === FRAME_TYPE.goAway) {
      return streamId === 0 ? this.#takeOfConnection(header) : "a frame on the wrong stream";
    }
    if (type !== FRAME_TYPE.data && type !== FRAME_TYPE.windowUpdate) {
      return `a frame of unknown type ${type}`;
    }
    if (streamId === 0) return "data without a stream";
    if ((header.flags & FLAG.syn) !== 0) {
      const refusal = this.#accept(streamId);
      if (refusal !== undefined) return refusal;
    }
    const stream = this.#byId.get(streamId);
    // What belongs to a stream that has just ended is not an error.
    if (type === FRAME_TYPE.data) this.#target = stream;
    return stream?.take(header);
  }

  #takeOfConnection({ type, flags, length }: YamuxHeader): string | undefined {
    if (type === FRAME_TYPE.goAway) {
      this.abort(new Error("the peer closes the connection"));
      this.maConn.abort(new Error("the peer closes the connection"));
    } else if ((flags & FLAG.syn) !== 0) {
      this.sendFrame({ type: FRAME_TYPE.ping, flags: FLAG.ack, streamId: 0, length });
    }
    return undefined;
  }

  #accept(streamId: number): string | undefined {
    const isTheirs = (streamId % 2 === 0) === this.#isClient;
    if (!isTheirs || this.#byId.has(streamId)) return "a stream id that is not free";
    if (this.#inbound >= INBOUND_STREAMS_MAX) {
      const reset = { type: FRAME_TYPE.windowUpdate, flags: FLAG.rst, streamId, length: 0 };
      this.sendFrame(reset);
      return undefined;
    }
    this.#inbound += 1;
    const stream = this.#createStream(streamId, "inbound");
    this.onRemoteStream(stream);
    stream.announce(FLAG.ack);
    return undefined;
  }

  #createStream(id: number, direction: "inbound" | "outbound"): YamuxStream {
    const stream = new YamuxStream(id, direction, this, this.log.newScope(`${direction}:${id}`));
    this.#byId.set(id, stream);
    stream.addEventListener("close", () => {
      if (!this.#byId.delete(id)) return;
      if (direction === "inbound") this.#inbound -= 1;
    });
    return stream;
  }

  #fail(reason: string): void {
    const length = GO_AWAY_PROTOCOL_ERROR;
    if (this.maConn.status === "open") {
      const head = encodeYamuxHeader({ type: FRAME_TYPE.goAway, flags: 0, streamId: 0, length });
      if (this.#link === undefined) this.send(head);
      else this.#link.write(head);
      this.#link?.flush();
    }
    this.abort(new Error(reason));
    this.maConn.abort(new Error(reason));
  }
}

class YamuxStream extends AbstractStream {
  readonly #streamId: number;
  readonly #muxer: YamuxMuxer;
  /** What may still be sent. */
  #sendWindow = FIRST_WINDOW_BYTES;
  /** What the other side may still send. */
  #receiveWindow = FIRST_WINDOW_BYTES;
  #waitsForWindow = false;
  #sink: ((piece: Uint8Array) => void) | undefined;

  constructor(
    streamId: number,
    direction: "inbound" | "outbound",
    muxer: YamuxMuxer,
    log: MessageStream["log"],
  ) {
    super({
      id: String(streamId),
      direction,
      log,
      maxMessageSize: DATA_BYTES_MOST,
      maxReadBufferLength: STREAM_WINDOW_BYTES_MAX,
    });
    this.#streamId = streamId;
    this.#muxer = muxer;
  }

  /** Opens the stream, or says that it is open, and widens its window. */
  announce(flags: number): void {
    this.#widen(STREAM_WINDOW_BYTES_MAX - this.#receiveWindow, flags);
  }

  /** A frame of the other side; the bytes of data follow by `onData`. */
  take({ type, flags, length }: YamuxHeader): string | undefined {
    if (type === FRAME_TYPE.data) {
      if (length > this.#receiveWindow) return "more data than the window allows";
      this.#receiveWindow -= length;
    } else if (length > 0) {
      this.#sendWindow += length;
      // What waits for the connection goes on when that has room.
      if (this.#waitsForWindow) {
        this.#waitsForWindow = false;
        this.safeDispatchEvent("drain");
      }
    }
    if ((flags & FLAG.rst) !== 0) this.onRemoteReset();
    else if ((flags & FLAG.fin) !== 0) this.onRemoteCloseWrite();
    return undefined;
  }

  /** From now on what is received goes to `sink`, while nothing is held back, instead of being an event. */
  listenDirectly(sink: (piece: Uint8Array) => void): void {
    this.#sink = sink;
  }

  override onData(data: Uint8Array | Uint8ArrayList): void {
    const isDirect = this.readStatus === "readable" && this.readBufferLength === 0;
    if (isDirect && this.#sink !== undefined && data instanceof Uint8Array) this.#sink(data);
    else super.onData(data);
    this.#giveBack();
  }

  /** Sends pieces one after the other, at once as far as there is room, small ones in one frame. */
  sendPieces(pieces: readonly Uint8Array[]): void {
    let group: Uint8Array[] = [];
    let bytes = 0;
    for (const piece of pieces) {
      if (bytes + piece.length > DATA_BYTES_MOST) {
        this.#sendGroup(group, bytes);
        group = [];
        bytes = 0;
      }
      group.push(piece);
      bytes += piece.length;
    }
    this.#sendGroup(group, bytes);
  }

  #sendGroup(group: readonly Uint8Array[], bytes: number): void {
    if (bytes > 0 && bytes <= DATA_BYTES_MOST && this.#maySendNow(bytes)) {
      this.#sendNow(group, bytes);
    } else for (const piece of group) this.#sendPiece(piece);
  }

  #sendPiece(piece: Uint8Array): void {
    let rest = piece;
    while (rest.length > 0) {
      const part = rest.subarray(0, DATA_BYTES_MOST);
      if (!this.#maySendNow(part.length)) {
        // Between two pieces the stream may have ended.
        if (this.writeStatus === "writable") this.send(rest);
        return;
      }
      this.#sendNow([part], part.length);
      rest = rest.subarray(part.length);
    }
  }

  /** Nothing waits that has to go first, and there is room for it. */
  #maySendNow(bytes: number): boolean {
    const isIdle = !this.sendingData && !this.writableNeedsDrain && this.writeBufferLength === 0;
    const isOpen = this.#muxer.isDirect && this.writeStatus === "writable";
    return isIdle && isOpen && bytes <= this.#sendWindow;
  }

  #sendNow(pieces: readonly Uint8Array[], length: number): void {
    this.#sendWindow -= length;
    const { data: type } = FRAME_TYPE;
    this.#muxer.sendFrame({ type, flags: 0, streamId: this.#streamId, length }, pieces);
  }

  override sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = Math.min(data.byteLength, this.#sendWindow);
    if (sentBytes === 0) {
      this.#waitsForWindow = true;
      return { sentBytes, canSendMore: false };
    }
    const part = sentBytes === data.byteLength ? data : data.sublist(0, sentBytes);
    this.#sendWindow -= sentBytes;
    const { data: type } = FRAME_TYPE;
    const streamId = this.#streamId;
    const roomLeft = this.#muxer.sendFrame({ type, flags: 0, streamId, length: sentBytes }, part);
    this.#waitsForWindow = roomLeft && this.#sendWindow === 0;
    return { sentBytes, canSendMore: roomLeft && this.#sendWindow > 0 };
  }

  override sendReset(): void {
    this.#widen(0, FLAG.rst);
  }

  override sendPause(): void {}

  override sendResume(): void {
    this.#giveBack();
  }

  override async sendCloseWrite(): Promise<void> {
    this.#widen(0, FLAG.fin);
  }

  override async sendCloseRead(): Promise<void> {}

  /** Lets the other side send on, for what has been taken. What is held back here has not been. */
  #giveBack(): void {
    if (this.readStatus !== "readable") return;
    const taken = STREAM_WINDOW_BYTES_MAX - this.#receiveWindow - this.readBufferLength;
    if (taken >= WINDOW_STEP_BYTES) this.#widen(taken, 0);
  }

  #widen(length: number, flags: number): void {
    assert(length >= 0, "windows are not taken back");
    this.#receiveWindow += length;
    const { windowUpdate: type } = FRAME_TYPE;
    this.#muxer.sendFrame({ type, flags, streamId: this.#streamId, length });
  }
}
