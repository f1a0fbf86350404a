/**
 * The way of bytes through a connection that libp2p's Noise has secured. The handshake and the cipher
 * are the library's, and so is every byte on the wire. What it does around them, a list of buffers, an
 * event and a message for each piece and each byte of a length, costs more than the cipher itself, so
 * that much is replaced here:
 *
 *   - what is sent in one run of code goes out together: small pieces in one Noise message, all
 *     messages in one system call;
 *   - bytes are enciphered or copied before `write` returns: nobody looks at them afterwards;
 *   - what is received is handed on as it is deciphered, small messages in the memory they came in.
 *
 * Whoever updates the library runs `test/unit/cluster/peers`: a part of it that is not as expected
 * fails the first connection.
 */
import type { MessageStream } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";
import { assert } from "../../src/base/assert.ts";
import { KIB } from "../../src/base/bytes.ts";
import { NoiseMessages } from "./noise-messages.ts";

type Bytes = Uint8Array | Uint8ArrayList;

/** What the library makes of a connection, as far as it is used here. */
interface SecuredStream extends MessageStream {
  readonly readStatus: string;
  /** The connection without Noise. */
  readonly stream: MessageStream & { readonly socket?: Corkable };
  readonly handshake: {
    encrypt(plaintext: Bytes): Bytes;
    decrypt(ciphertext: Bytes, target?: Uint8Array): Bytes;
  };
  decoder: { decode(data: Bytes): Iterable<Bytes>; readonly buffer?: Uint8ArrayList };
  decrypt(message: Bytes): Bytes;
  onData(data: Bytes): void;
  sendData(data: Uint8ArrayList): { sentBytes: number; canSendMore: boolean };
}

interface Corkable {
  cork(): void;
  uncork(): void;
}

/** What fits into one Noise message beside its tag. */
export const NOISE_PLAIN_BYTES_MAX = 65_519;
const TAG_BYTES = 16;
/** Pieces from this size on are enciphered where they are, smaller ones are gathered first. */
const LARGE_BYTES: number = 16 * KIB;
/** Below this the library enciphers single arrays without copies, above it lists. */
const SHORT_BYTES = 1200;
/** So much goes out at once without waiting for the end of the running code. */
const BATCH_BYTES: number = 512 * KIB;
/** Up to here one copy costs less than a system call for many buffers. */
const COPIED_BYTES: number = 32 * KIB;

const links = new WeakMap<MessageStream, NoiseLink>();

/** Takes over the bytes of a connection that was just secured, before any went through it. */
export function takeOver(connection: MessageStream): void {
  links.set(connection, new NoiseLink(asSecured(connection)));
}

/** Undefined for a connection of another make, which libp2p's own ways serve. */
export function noiseLinkOf(connection: MessageStream): NoiseLink | undefined {
  return links.get(connection);
}

export class NoiseLink {
  readonly #stream: SecuredStream;
  /** Plain bytes of the message that is being gathered. */
  readonly #plain = Buffer.allocUnsafeSlow(NOISE_PLAIN_BYTES_MAX);
  #plainBytes = 0;
  /** Messages on their way to the socket, with their lengths. */
  #out: Uint8Array[] = [];
  #outBytes = 0;
  #flushDue = false;

  constructor(stream: SecuredStream) {
    this.#stream = stream;
    const messages = new NoiseMessages();
    // The beginning of a message may have come with the end of the handshake.
    messages.decode(stream.decoder.buffer ?? new Uint8Array(0));
    stream.decoder = messages;
    stream.decrypt = (message) => this.#open(message);
    stream.sendData = (data) => {
      for (const piece of data) this.write(piece);
      return { sentBytes: data.byteLength, canSendMore: !this.#isFull };
    };
  }

  get #isFull(): boolean {
    return this.#stream.stream.writableNeedsDrain;
  }

  /** What waits for the socket to take it. */
  get queuedBytes(): number {
    return this.#stream.stream.writeBufferLength + this.#outBytes + this.#plainBytes;
  }

  /** From now on whatever is received goes to `sink` instead of being an event. */
  listen(sink: (piece: Uint8Array) => void): void {
    const stream = this.#stream;
    const keep = stream.onData.bind(stream);
    stream.onData = (data) => {
      // What is held back, or came before, goes first.
      if (stream.readStatus !== "readable" || stream.readBufferLength > 0) keep(data);
      else if (data instanceof Uint8Array) sink(data);
      else for (const piece of data) sink(piece);
    };
  }

  /** Takes bytes to be sent, all of them; false when whoever sends should wait for `drain`. */
  write(bytes: Uint8Array): boolean {
    try {
      this.#take(bytes);
    } catch (error) {
      this.#stream.abort(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    if (this.#outBytes >= BATCH_BYTES) this.flush();
    else if (!this.#flushDue) {
      this.#flushDue = true;
      queueMicrotask(() => this.flush());
    }
    return !this.#isFull;
  }

  /** Sends what was written up to now. */
  flush(): void {
    this.#flushDue = false;
    try {
      if (this.#plainBytes > 0) this.#seal();
      this.#send();
    } catch (error) {
      this.#stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const length = Math.min(bytes.length - at, NOISE_PLAIN_BYTES_MAX);
      const piece = length === bytes.length ? bytes : bytes.subarray(at, at + length);
      if (this.#plainBytes + length > NOISE_PLAIN_BYTES_MAX) this.#seal();
      if (length >= LARGE_BYTES) this.#seal(piece);
      else {
        this.#plain.set(piece, this.#plainBytes);
        this.#plainBytes += length;
      }
      at += length;
    }
  }

  /** Makes a message of what was gathered, and of `last`. */
  #seal(last?: Uint8Array): void {
    const gathered = this.#plain.subarray(0, this.#plainBytes);
    this.#plainBytes = 0;
    const sealed = this.#stream.handshake.encrypt(plaintextOf(gathered, last));
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(sealed.byteLength);
    this.#out.push(length);
    if (sealed instanceof Uint8Array) this.#out.push(sealed);
    else this.#out.push(...sealed);
    this.#outBytes += length.length + sealed.byteLength;
  }

  #send(): void {
    const out = this.#out;
    const bytes = this.#outBytes;
    this.#out = [];
    this.#outBytes = 0;
    const { stream } = this.#stream;
    // Closed meanwhile: whoever wrote is told by the connection's own event.
    if (bytes === 0 || stream.status !== "open") return;
    if (bytes <= COPIED_BYTES) {
      stream.send(Buffer.concat(out, bytes));
      return;
    }
    stream.socket?.cork();
    stream.send(new Uint8ArrayList(...out));
    stream.socket?.uncork();
  }

  #open(message: Bytes): Bytes {
    const length = message.byteLength - TAG_BYTES;
    if (length < 0) throw new Error("a Noise message without a tag");
    const { handshake } = this.#stream;
    if (message.byteLength >= SHORT_BYTES) return handshake.decrypt(message);
    const bytes = message.subarray();
    return handshake.decrypt(bytes, bytes.subarray(0, length));
  }
}

function plaintextOf(gathered: Uint8Array, last: Uint8Array | undefined): Bytes {
  if (last === undefined) {
    return gathered.length < SHORT_BYTES ? gathered : new Uint8ArrayList(gathered);
  }
  return gathered.length === 0 ? new Uint8ArrayList(last) : new Uint8ArrayList(gathered, last);
}

function asSecured(connection: MessageStream): SecuredStream {
  // Looked at below: the library keeps this type to itself.
  const stream = connection as SecuredStream;
  const { handshake, decoder } = stream;
  const isKnown =
    typeof handshake?.encrypt === "function" &&
    typeof handshake.decrypt === "function" &&
    typeof decoder?.decode === "function" &&
    typeof stream.stream?.send === "function" &&
    typeof stream.decrypt === "function" &&
    typeof stream.onData === "function" &&
    typeof stream.sendData === "function";
  assert(isKnown, "Noise is the library's that this was written for");
  return stream;
}
