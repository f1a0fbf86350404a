/**
 * One client's connection on node:net or node:tls: bytes to requests, one request after the other.
 *
 * A request is handed over when its head is whole; the next one is read when the answer has left,
 * so answers keep the order of the requests and what a client may send ahead is one read of the
 * socket. Whatever is no HTTP/1.1 is answered once and the connection closed, never read further:
 * nobody can hide a request in what another reader takes for a body.
 */
import type { Socket } from "node:net";
import { type BodyDecoder, BROKEN_BODY, ChunkedDecoder, LengthDecoder } from "./body-decoder.ts";
import { emptyBody } from "./body-flow.ts";
import { looksIn } from "./exchange-watch.ts";
import { HEAD_END, isHopeless, parseHead } from "./head-parser.ts";
import { IDLE_MS_MAX } from "./limits.ts";
import {
  dateLine,
  type ExchangeConnection,
  type ExchangeState,
  NetExchange,
} from "./net-exchange.ts";
import { normalizeRemoteAddress } from "./remote-address.ts";
import { parseRequestHead, type RequestHead } from "./request-head.ts";
import { statusText } from "./response-head.ts";
import { runHandler } from "./run-handler.ts";
import { hasBody, ServedRequest } from "./served-request.ts";
import type { HttpServerModules } from "./server.ts";
import type { SocketReads } from "./socket-reads.ts";

export interface NetServerState extends ExchangeState {
  readonly modules: HttpServerModules;
  readonly secure: boolean;
  readonly socketReads: SocketReads;
  readonly connections: Set<NetConnection>;
  /** A head that is longer is refused before it is whole. */
  readonly headBytesMax: number;
}

const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
/** Lets the last answer arrive: closing at once on a client that sends would reset it. */
const LINGER_MS_MAX = 4_000;
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i;

export class NetConnection implements ExchangeConnection {
  readonly secure: boolean;
  readonly #socket: Socket;
  readonly #server: NetServerState;
  /** The one that is not wholly answered. */
  #exchange: NetExchange | undefined;
  /** Of its body, until that was whole. */
  #decoder: BodyDecoder | undefined;
  /** Its body counts in the budget of reads. */
  #budgeted = false;
  /** Bytes not understood yet: a part of a head, or what came behind the request in flight. */
  #pending: Buffer | undefined;
  /** How far `#pending` was searched for the end of a head. */
  #searched = 0;
  #reading = false;
  /** Why the socket is not read: the exchange says so, or a request waits for the one in flight. */
  #held = false;
  #blocked = false;
  /** The client sends no more. */
  #clientEnded = false;
  /** The last answer was given: what still comes is dropped. */
  #closing = false;
  #dropped = 0;
  /** The look since which it waits: for a request, for the rest of a head, or for its end. */
  #since: number;

  constructor(accepted: Socket, server: NetServerState) {
    const socket = server.socketReads.adopt(accepted, (chunk) => this.#receive(chunk));
    this.#socket = socket;
    this.#server = server;
    this.secure = server.secure;
    this.#since = server.watch.looks;
    server.connections.add(this);
    socket.on("end", () => this.#endOfClient());
    // Told again through "close"; without a listener it would end the process.
    socket.on("error", () => {});
    socket.on("close", () => {
      server.connections.delete(this);
      this.#closing = true;
      this.#exchange?.connectionLost();
    });
  }

  /** Of a socket that is being closed nothing is sent any more: who waits is told at "close". */
  get unsent(): boolean {
    return this.#socket.writableLength > 0 || this.#socket.destroyed;
  }

  remoteAddress(): string {
    return normalizeRemoteAddress(this.#socket.remoteAddress ?? "");
  }

  write(text: string, bytes?: Uint8Array, tail = ""): void {
    const socket = this.#socket;
    if (bytes === undefined) {
      socket.write(text, "latin1", this.#written);
      return;
    }
    socket.cork();
    if (text !== "") socket.write(text, "latin1");
    socket.write(bytes, this.#written);
    if (tail !== "") socket.write(tail, "latin1", this.#written);
    socket.uncork();
  }

  answered(close: boolean): void {
    this.#exchange = undefined;
    this.#decoder = undefined;
    this.#budgeted = false;
    this.#since = this.#server.watch.looks;
    if (close) this.#close();
    // Within `#read` the loop goes on with what is left.
    if (!this.#reading) this.#goOn();
  }

  pause(): void {
    this.#held = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#held = false;
    this.#adjust();
  }

  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  /** Called every few seconds: the exchange in flight is watched by itself. */
  look(looks: number): void {
    if (this.#exchange !== undefined) return;
    const waited = looks - this.#since;
    if (this.#closing) {
      if (waited >= looksIn(LINGER_MS_MAX)) this.destroy();
    } else if (waited >= looksIn(IDLE_MS_MAX)) {
      if (this.#pending === undefined) this.destroy();
      else this.#refuse(408);
    }
  }

  readonly #written = (): void => {
    if (!this.unsent) this.#exchange?.flushed();
  };

  /** The chunk's memory is used again after the call. */
  #receive(chunk: Buffer): void {
    if (this.#closing) {
      this.#dropped += chunk.length;
      if (this.#dropped > this.#server.limits.drainBytesMax) this.destroy();
      return;
    }
    this.#read(this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]));
    const kept: Buffer | undefined = this.#pending;
    if (kept?.buffer === chunk.buffer) this.#pending = Buffer.from(kept);
  }

  /** Goes through bytes up to what has to wait. */
  #read(bytes: Buffer): void {
    this.#pending = undefined;
    this.#reading = true;
    let offset = 0;
    while (offset < bytes.length && !this.#closing) {
      if (this.#decoder !== undefined) offset = this.#readBody(this.#decoder, bytes, offset);
      else if (this.#exchange === undefined) offset = this.#readHead(bytes, offset);
      else offset = this.#waitBehind(bytes, offset);
    }
    this.#reading = false;
    this.#goOn();
  }

  /** After an answer, or when all that came was read. */
  #goOn(): void {
    if (this.#closing) return;
    const pending = this.#pending;
    if (this.#exchange === undefined && this.#blocked && pending !== undefined) {
      this.#blocked = false;
      // Comes back here when it is read.
      this.#read(pending);
    } else if (this.#exchange === undefined && this.#clientEnded) {
      this.#close();
    } else {
      this.#adjust();
    }
  }

  #waitBehind(bytes: Buffer, offset: number): number {
    this.#pending = bytes.subarray(offset);
    this.#searched = 0;
    this.#blocked = true;
    this.#socket.pause();
    return bytes.length;
  }

  #readBody(decoder: BodyDecoder, bytes: Buffer, offset: number): number {
    const exchange = this.#exchange;
    if (exchange === undefined) return bytes.length;
    const { reads } = this.#server;
    const next = decoder.decode(bytes, offset, (data) => exchange.receive(data));
    if (next === BROKEN_BODY) {
      this.#breakOff(exchange);
      return bytes.length;
    }
    if (decoder.done) {
      this.#decoder = undefined;
      exchange.receivedAll();
    } else if (this.#exchange === exchange && !this.#closing) {
      // A body that comes whole, as small ones do, is never in line.
      if (!this.#budgeted) reads.add(this);
      this.#budgeted = true;
      exchange.body?.holdBack();
      reads.took(this, next - offset);
    }
    return next;
  }

  /** Where the next request or body begins; the end when the head is not whole or none. */
  #readHead(bytes: Buffer, offset: number): number {
    let start = offset;
    // RFC 9112 §2.2: empty lines before a request are no request.
    while (bytes[start] === CARRIAGE_RETURN && bytes[start + 1] === LINE_FEED) start += 2;
    if (start === bytes.length) return start;
    const from = Math.max(start, offset + this.#searched - HEAD_END.length + 1);
    const end = bytes.indexOf(HEAD_END, from);
    this.#searched = 0;
    if (end < 0) {
      this.#keepPart(bytes.subarray(start), Math.max(0, from - start));
      return bytes.length;
    }
    if (end - start > this.#server.headBytesMax) this.#refuse(431);
    else this.#serve(parseHead(bytes, start, end));
    return this.#closing ? bytes.length : end + HEAD_END.length;
  }

  #keepPart(part: Buffer, from: number): void {
    if (part.length > this.#server.headBytesMax) {
      this.#refuse(part.includes(LINE_FEED) ? 431 : 414);
    } else if (isHopeless(part, from)) {
      this.#refuse(400);
    } else {
      this.#pending = part;
      this.#searched = part.length;
      if (from === 0) this.#since = this.#server.watch.looks;
    }
  }

  #serve(raw: ReturnType<typeof parseHead>): void {
    const { modules, limits } = this.#server;
    const head = typeof raw === "number" ? raw : parseRequestHead(raw, limits);
    if (typeof head === "number") {
      this.#refuse(head);
      return;
    }
    // S3 knows one expectation and passes over others.
    const expected = head.headers.get("expect")?.toLowerCase();
    const exchange = new NetExchange(this, this.#server, {
      method: head.method,
      hasBody: hasBody(head),
      awaitsContinue: expected === "100-continue",
      close: CLOSE.test(head.headers.get("connection") ?? ""),
    });
    this.#exchange = exchange;
    this.#decoder = decoderOf(head);
    // botocore takes a final answer instead of 100 for the one to its next request, too.
    if (expected === "100-continue" && !hasBody(head)) this.write("HTTP/1.1 100 Continue\r\n\r\n");
    const id = modules.requestId();
    runHandler(modules, new ServedRequest(head, id, exchange.body ?? emptyBody, this), exchange);
  }

  /** Its body is broken: the handler learns it, the client too if it was told nothing yet. */
  #breakOff(exchange: NetExchange): void {
    const silent = !exchange.started;
    exchange.connectionLost();
    this.#exchange = undefined;
    if (silent) this.#refuse(400);
    else this.destroy();
  }

  #endOfClient(): void {
    this.#clientEnded = true;
    if (this.#exchange !== undefined && this.#decoder !== undefined) {
      this.#exchange.connectionLost();
      this.destroy();
    } else if (this.#exchange === undefined) {
      this.#close();
    }
  }

  /** Answers what is no request that anybody may see, and reads no further. */
  #refuse(status: number): void {
    const head = `HTTP/1.1 ${statusText(status)}\r\nConnection: close\r\nContent-Length: 0\r\n`;
    this.write(`${head}${dateLine(this.#server.clock.nowMs())}\r\n`);
    this.#close();
  }

  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#pending = undefined;
    this.#since = this.#server.watch.looks;
    this.#held = false;
    this.#blocked = false;
    this.#socket.end();
    this.#adjust();
  }

  #adjust(): void {
    if (!this.#held && !this.#blocked && this.#socket.isPaused()) this.#socket.resume();
  }
}

function decoderOf(head: RequestHead): BodyDecoder | undefined {
  if (head.chunked) return new ChunkedDecoder();
  const { contentLength = 0 } = head;
  return contentLength > 0 ? new LengthDecoder(contentLength) : undefined;
}
