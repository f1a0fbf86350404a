/**
 * The HTTP front on node:http and node:https: slower, without a native library. It is the twin that
 * the tests hold the fast front against, and the way out where that one cannot be loaded.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { emptyBody } from "./body-flow.ts";
import type { CertificateSet } from "./certificates.ts";
import { ExchangeWatch } from "./exchange-watch.ts";
import { IDLE_MS_MAX } from "./limits.ts";
import { type ListenAddress, listenError } from "./listen-address.ts";
import { NodeExchange, type NodeServerState } from "./node-exchange.ts";
import { CertificateChooser, defaultTlsOptions, errnoOf, listenOn } from "./node-tls.ts";
import { normalizeRemoteAddress } from "./remote-address.ts";
import { parseRequestHead, type RawHead } from "./request-head.ts";
import { statusText } from "./response-head.ts";
import { runHandler } from "./run-handler.ts";
import type { HttpServer, HttpServerModules, HttpServerOptions } from "./server.ts";

export function createNodeServer(
  options: HttpServerOptions,
  modules: HttpServerModules,
): HttpServer {
  return new NodeServer(options, modules);
}

const NOT_ASCII = /[\x80-\xff]/;
const LIBRARY_HEAD_BYTES_MAX = 96 * 1024;

interface OpenServer {
  readonly server: Server | TlsServer;
  readonly address: ListenAddress;
}

class NodeServer implements HttpServer {
  readonly #options: HttpServerOptions;
  readonly #modules: HttpServerModules;
  readonly #state: NodeServerState;
  #open: OpenServer[] = [];
  readonly #chooser: CertificateChooser;

  constructor(options: HttpServerOptions, modules: HttpServerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#chooser = new CertificateChooser(modules.certificates?.current);
    const watch = new ExchangeWatch(modules.clock);
    this.#state = { limits: options.limits, watch, draining: false };
  }

  get addresses(): readonly ListenAddress[] {
    return this.#open.map((open) => open.address);
  }

  async start(): Promise<void> {
    const { certificates } = this.#modules;
    for (const address of this.#options.listen) {
      try {
        this.#open.push(await this.#listen(address));
      } catch (error) {
        await this.stop(0);
        throw listenError(address, errnoOf(error));
      }
    }
    this.#state.watch.start();
    certificates?.onChange((next) => this.#replaceCertificates(next));
  }

  shed(): void {
    this.#state.draining = true;
  }

  async stop(graceMs: number): Promise<void> {
    this.#state.draining = true;
    const closed = this.#open.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    await this.#state.watch.idle(graceMs);
    this.#state.watch.stop();
    // The last answer may not have left yet.
    await new Promise((resolve) => setImmediate(resolve));
    for (const { server } of this.#open) server.closeAllConnections();
    await Promise.all(closed);
    this.#open = [];
  }

  async #listen(address: ListenAddress): Promise<OpenServer> {
    const server = this.#createServer();
    server.keepAliveTimeout = IDLE_MS_MAX;
    server.headersTimeout = IDLE_MS_MAX;
    // An upload takes the time it takes; standing still is what `stallMsMax` ends.
    server.requestTimeout = 0;
    // Headers over a count would be dropped without a word; the count is checked here instead.
    server.maxHeadersCount = 0;
    server.on("clientError", refuseBadRequest);
    server.on("checkContinue", (incoming, outgoing) => this.#handle(incoming, outgoing, true));
    // S3 knows one expectation and passes over others; the library would answer 417.
    server.on("checkExpectation", (incoming, outgoing) => this.#handle(incoming, outgoing));
    return { server, address: await listenOn(server, address) };
  }

  #createServer(): Server | TlsServer {
    const handle = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#handle(incoming, outgoing);
    };
    const { certificates } = this.#modules;
    const http = { maxHeaderSize: LIBRARY_HEAD_BYTES_MAX };
    if (certificates === undefined) return createServer(http, handle);
    const tls = { ...http, ...defaultTlsOptions(certificates.current) };
    return createTlsServer({ ...tls, SNICallback: this.#chooser.choose }, handle);
  }

  #replaceCertificates(next: CertificateSet): void {
    this.#chooser.replace(next);
    for (const { server } of this.#open) {
      if ("setSecureContext" in server) server.setSecureContext(defaultTlsOptions(next));
    }
  }

  #handle(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue = false): void {
    const head = parseRequestHead(copyHead(incoming), this.#options.limits);
    const status = incoming.httpVersion === "1.1" ? head : 505;
    if (typeof status === "number" || typeof head === "number") {
      outgoing.writeHead(Number(status), { Connection: "close", "Content-Length": 0 });
      outgoing.end();
      return;
    }
    const hasBody = head.chunked || (head.contentLength ?? 0) > 0;
    // botocore takes a final answer instead of 100 for the one to its next request, too.
    if (expectsContinue && !hasBody) outgoing.writeContinue();
    const exchange = new NodeExchange(
      { incoming, outgoing, expectsContinue },
      this.#state,
      hasBody,
    );
    const request = {
      ...head,
      remoteAddress: normalizeRemoteAddress(incoming.socket.remoteAddress ?? ""),
      secure: this.#modules.certificates !== undefined,
      id: this.#modules.requestId(),
      hasBody,
      body: exchange.body ?? emptyBody,
    };
    runHandler(this.#modules, request, exchange);
  }
}

function copyHead(incoming: IncomingMessage): RawHead {
  const url = incoming.url ?? "";
  const mark = url.indexOf("?");
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? "" : url.slice(mark + 1);
  const headers = incoming.rawHeaders.map((text, index) =>
    index % 2 === 0 ? text.toLowerCase() : decodeText(text),
  );
  return { method: incoming.method ?? "", path, query, headers };
}

/** node:http hands over one character per byte. */
function decodeText(latin1: string): string {
  return NOT_ASCII.test(latin1) ? Buffer.from(latin1, "latin1").toString("utf8") : latin1;
}

/** node:http found no request in the bytes, or a body with broken framing. */
function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
  const head = `HTTP/1.1 ${statusText(status)}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  socket.end(head, () => socket.destroy());
}
