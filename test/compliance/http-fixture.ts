/** What the HTTP suites share: a server under test with a clock that the test moves by hand. */
import { createHash } from "node:crypto";
import type { Test } from "tap";
import type { Clock, Timer } from "../../src/base/clock.ts";
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import type { Logger } from "../../src/base/log.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { CertificateSource } from "../../src/http/certificates.ts";
import { HTTP_LIMITS, type HttpLimits } from "../../src/http/limits.ts";
import type { HttpHandler, HttpRequest } from "../../src/http/request.ts";
import type { HttpServer, HttpServerModules, HttpServerOptions } from "../../src/http/server.ts";
import { connectRaw, type RawClient } from "./http-raw-client.ts";

export type HttpServerFactory = (
  options: HttpServerOptions,
  modules: HttpServerModules,
) => HttpServer;

/** Where the two servers are known to differ. */
export interface HttpServerTraits {
  /** A second request may come while the first has no answer yet. */
  readonly pipelinesUnanswered: boolean;
  /** Takes targets with raw UTF-8 instead of refusing what is not percent-encoded. */
  readonly takesRawUtf8: boolean;
  /** Takes a request line that comes in several pieces. */
  readonly takesSplitRequestLine: boolean;
  /** Reads headers whose names have other characters than letters, digits and `-`. */
  readonly takesAnyHeaderName: boolean;
  /** Bytes that are no HTTP are answered before the connection is closed. */
  readonly answersNonsense: boolean;
  /** Says 100 Continue when the handler wants the body, and other expectations nothing to. */
  readonly heedsExpect: boolean;
  /** More headers than allowed are answered, not only dropped. */
  readonly answersManyHeaders: boolean;
}

export interface ServerUnderTest {
  readonly name: string;
  readonly create: HttpServerFactory;
  readonly traits: HttpServerTraits;
}

export class ManualClock implements Clock {
  #nowMs = Date.parse("2026-11-22T00:00:00Z");
  #waiting: Array<{ atMs: number; callback: () => void }> = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const entry = { atMs: this.#nowMs + delayMs, callback };
    this.#waiting.push(entry);
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((other) => other !== entry);
      },
    };
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = this.#waiting
        .filter((entry) => entry.atMs <= untilMs)
        .sort((left, right) => left.atMs - right.atMs)[0];
      if (due === undefined) break;
      this.#waiting = this.#waiting.filter((other) => other !== due);
      this.#nowMs = due.atMs;
      due.callback();
    }
    this.#nowMs = untilMs;
  }
}

export interface Running {
  readonly server: HttpServer;
  readonly port: number;
  readonly clock: ManualClock;
  readonly logged: string[];
  /** A client that is closed when the test ends. */
  connect(): Promise<RawClient>;
}

export interface RunOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly certificates?: CertificateSource;
}

export async function run(
  t: Test,
  under: ServerUnderTest,
  handler: HttpHandler,
  options: RunOptions = {},
): Promise<Running> {
  const clock = new ManualClock();
  const logged: string[] = [];
  let requests = 0;
  const server = under.create(
    {
      listen: [{ host: "127.0.0.1", port: 0 }],
      limits: { ...HTTP_LIMITS, ...options.limits },
    },
    {
      handler,
      requestId: () => `request-${++requests}`,
      clock,
      log: recordingLogger(logged),
      ...(options.certificates && { certificates: options.certificates }),
    },
  );
  await server.start();
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.socket.destroy();
    await server.stop(0);
  });
  const port = server.addresses[0]?.port ?? 0;
  const connect = async () => {
    const client = await connectRaw(port);
    clients.push(client);
    return client;
  };
  return { server, port, clock, logged, connect };
}

function recordingLogger(logged: string[]): Logger {
  const record = (message: string, fields?: object) => {
    logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  };
  return { ...silentLogger, error: record };
}

/** A request with a Host header; `lines` are further header lines. */
export function requestText(line: string, lines: readonly string[] = []): string {
  return [`${line} HTTP/1.1`, "Host: test", ...lines, "", ""].join("\r\n");
}

export interface BodyRecord {
  bytes: number;
  readonly ends: string[];
  readonly ended: Deferred<void>;
  digest(): string;
}

/** Reads a body to its end and records what the sink was told. */
export function recordBody(request: HttpRequest): BodyRecord {
  const hash = createHash("sha256");
  const ended = createDeferred<void>();
  const record: BodyRecord = { bytes: 0, ends: [], ended, digest: () => hash.digest("hex") };
  request.body.start({
    write(chunk) {
      hash.update(chunk);
      record.bytes += chunk.byteLength;
      return true;
    },
    end() {
      record.ends.push("end");
      ended.resolve();
    },
    fail(error) {
      record.ends.push(error.code);
      ended.resolve();
    },
  });
  return record;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Bytes that differ at every position, so that a shift or a swap shows. */
export function patternBytes(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  let state = 0x9e3779b9;
  for (let index = 0; index + 4 <= count; index += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, index);
  }
  return bytes.fill(7, count - (count % 4));
}

/** Lets both ends work through everything that is ready. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until something holds that the other side brings about. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turns(1);
}
