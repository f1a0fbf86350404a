/** A client on a bare socket, so that tests decide about every byte and about when to read. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface RawResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
}

export class RawClient {
  readonly socket: Socket;
  /** Resolves when the connection is gone, in whatever way. */
  readonly closed: Promise<void>;
  /** Joined only when somebody looks, so that large downloads stay cheap. */
  #chunks: Buffer[] = [];
  #length = 0;
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => {
      socket.on("close", () => {
        this.#isClosed = true;
        this.#wake();
        resolve();
      });
    });
  }

  /** What came and was not taken by the readers below. */
  get received(): Buffer {
    const [first, ...others] = this.#chunks;
    if (first !== undefined && others.length === 0) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  send(data: string | Uint8Array): void {
    this.socket.write(data);
  }

  /** An interim answer or the head of a final one. */
  async readHead(): Promise<Head> {
    let end = this.received.indexOf("\r\n\r\n");
    while (end < 0) {
      await this.#more();
      end = this.received.indexOf("\r\n\r\n");
    }
    const [statusLine = "", ...lines] = this.#take(end + 4)
      .toString("latin1")
      .trimEnd()
      .split("\r\n");
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return { status: Number(statusLine.split(" ")[1]), headers };
  }

  /** A whole answer to a request that was not HEAD. */
  async readResponse(): Promise<RawResponse> {
    const head = await this.readHead();
    return { ...head, body: await this.#readBody(head) };
  }

  /** Everything until the connection closes. */
  async readToEnd(): Promise<Buffer> {
    await this.closed;
    return this.#take(this.#length);
  }

  async readBytes(count: number): Promise<Buffer> {
    while (this.#length < count) await this.#more();
    return this.#take(count);
  }

  /** Vanishes without a word (a reset, as from a crashed client). */
  vanish(): void {
    this.socket.resetAndDestroy();
  }

  async #readBody(head: Head): Promise<Buffer> {
    if (head.headers.get("transfer-encoding") === "chunked") return this.#readChunks();
    return this.readBytes(Number(head.headers.get("content-length") ?? 0));
  }

  async #readChunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      let end = this.received.indexOf("\r\n");
      while (end < 0) {
        await this.#more();
        end = this.received.indexOf("\r\n");
      }
      const size = Number.parseInt(this.#take(end + 2).toString("latin1"), 16);
      chunks.push(await this.readBytes(size));
      await this.readBytes(2);
      if (size === 0) return Buffer.concat(chunks);
    }
  }

  #take(count: number): Buffer {
    const { received } = this;
    this.#chunks = [received.subarray(count)];
    this.#length = received.length - count;
    return received.subarray(0, count);
  }

  #more(): Promise<void> {
    if (this.#isClosed) {
      const came = JSON.stringify(this.received.toString("latin1").slice(0, 200));
      throw new Error(`the connection closed after ${came}`);
    }
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export function connectRaw(port: number): Promise<RawClient> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: "127.0.0.1" });
    socket.once("error", reject);
    socket.once("connect", () => resolve(new RawClient(socket)));
  });
}

/** Trusts any certificate; answers with the client and the subject of the one it was shown. */
export function connectSecure(
  port: number,
  serverName: string,
): Promise<{ client: RawClient; subject: string }> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", servername: serverName, rejectUnauthorized: false };
    const socket = connectTls(options);
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const subject = String(socket.getPeerCertificate().subject.CN);
      resolve({ client: new RawClient(socket), subject });
    });
  });
}
