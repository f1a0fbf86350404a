/**
 * The HTTP front on uWebSockets.js; the only file that imports it. Why this library and which build:
 * docs/decisions/0001-uwebsockets-build.md. What it cannot do: docs/LIMITS.md, section HTTP.
 */

import type { us_listen_socket } from "uWebSockets.js";
import { createRequire } from "node:module";
import { StoreError } from "../base/store-error.ts";
import { emptyBody } from "./body-flow.ts";
import type { CertificatePair, CertificateSet } from "./certificates.ts";
import { ExchangeWatch } from "./exchange-watch.ts";
import { type ListenAddress, listenError } from "./listen-address.ts";
import { probeListen } from "./listen-probe.ts";
import { ReadBudget } from "./read-budget.ts";
import { formatRemoteAddress } from "./remote-address.ts";
import { parseRequestHead, type RawHead } from "./request-head.ts";
import { statusText } from "./response-head.ts";
import { runHandler } from "./run-handler.ts";
import { hasBody, ServedRequest } from "./served-request.ts";
import type { HttpServer, HttpServerModules, HttpServerOptions } from "./server.ts";
import { UwsExchange, type UwsResponse, type UwsServerState } from "./uws-exchange.ts";

export function createUwsServer(
  options: HttpServerOptions,
  modules: HttpServerModules,
): HttpServer {
  return new UwsServer(options, modules, loadLibrary());
}

/** The library's response, with what only the server asks of it. */
interface Res extends UwsResponse {
  getRemoteAddress(): ArrayBuffer;
  onAborted(handler: () => void): unknown;
}

/** The library's request; it decodes UTF-8 and puts U+FFFD where that is impossible. */
interface Req {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
  forEach(callback: (name: string, value: string) => void): void;
}

type Handler = (res: Res, req: Req) => void;

interface TlsOptions {
  readonly cert_file_name: string;
  readonly key_file_name: string;
  readonly passphrase?: string;
}

interface App {
  any(pattern: string, handler: Handler): App;
  listen(...args: [...address: Array<string | number>, opened: Opened]): App;
  addServerName(name: string, options: TlsOptions): App;
  domain(name: string): App;
  close(): App;
}

type Opened = (socket: us_listen_socket | false) => void;

/** The library as it is: its own declarations leave out what is used here of `listen` and `_cfg`. */
interface Library {
  App(): App;
  SSLApp(options: TlsOptions): App;
  us_socket_local_port(socket: us_listen_socket): number;
  us_listen_socket_close(socket: us_listen_socket): void;
  readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  _cfg?(key: string): void;
}

/** The library's own bound on a request's head; ours are lower, so that they can be answered. */
const LIBRARY_HEAD_BYTES_MAX = 96 * 1024;

function loadLibrary(): Library {
  // biome-ignore lint/style/noProcessEnv: the library reads this once, when it is loaded
  process.env["UWS_HTTP_MAX_HEADERS_SIZE"] ??= String(LIBRARY_HEAD_BYTES_MAX);
  // A native module, whose declarations do not say what it exports.
  const library = createRequire(import.meta.url)("uWebSockets.js") as Library;
  // No "uWebSockets: 20" header on every answer.
  library._cfg?.("silent");
  return library;
}

/** The ABI of Node 20; its build of the library is from before fixes of 2023 and 2024. */
const NODE_20_ABI = 115;

/**
 * Whether the library, in its build for this ABI of Node, reads every request that HTTP allows. The
 * older ones answer 505 to a request line that comes in two reads of the socket, which long URLs
 * meet on real networks, and nothing at all to a header whose name has other characters than letters,
 * digits and `-`, as metadata with names like `file_name` have.
 */
export function readsEveryRequest(abi: string): boolean {
  return Number(abi) > NODE_20_ABI;
}

/** Why this server had better not be used here; undefined where it reads every request. */
export function uwsProblem(): string | undefined {
  const { version, versions } = process;
  if (!readsEveryRequest(versions.modules)) return `its build for ${version} ${OLD_BUILD}`;
  try {
    loadLibrary();
    return undefined;
  } catch (error) {
    return `it cannot be loaded: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const OLD_BUILD =
  "answers 505 to long URLs on some networks and nothing to headers with names like x-amz-meta-file_name";

interface OpenSocket {
  readonly address: ListenAddress;
  readonly socket: us_listen_socket;
}

class UwsServer implements HttpServer {
  readonly #options: HttpServerOptions;
  readonly #modules: HttpServerModules;
  readonly #uws: Library;
  readonly #state: UwsServerState;
  readonly #secure: boolean;
  /** The one that listens is the last; the others serve connections from before a reload. */
  readonly #apps: App[] = [];
  #sockets: OpenSocket[] = [];

  constructor(options: HttpServerOptions, modules: HttpServerModules, uws: Library) {
    this.#options = options;
    this.#modules = modules;
    this.#uws = uws;
    this.#secure = modules.certificates !== undefined;
    const watch = new ExchangeWatch(modules.clock);
    const { limits } = options;
    const reads = new ReadBudget(limits.readBytesPerTurn, {
      afterTurn: (callback) => void setImmediate(callback),
    });
    this.#state = { limits, watch, reads, draining: false };
  }

  get addresses(): readonly ListenAddress[] {
    return this.#sockets.map((open) => open.address);
  }

  async start(): Promise<void> {
    const { certificates } = this.#modules;
    const app = this.#createApp(certificates?.current);
    for (const address of this.#options.listen) {
      const open = this.#listen(app, address);
      if (open === undefined) {
        this.#closeListeners();
        throw listenError(address, await probeListen(address));
      }
      this.#sockets.push(open);
    }
    this.#state.watch.start();
    this.#warnOfOldBuild();
    certificates?.onChange((next) => this.#replaceCertificates(next));
  }

  shed(): void {
    this.#state.draining = true;
  }

  async stop(graceMs: number): Promise<void> {
    this.#state.draining = true;
    this.#closeListeners();
    await this.#state.watch.idle(graceMs);
    this.#state.watch.stop();
    // The last answer may have been given in this very callback of the library and not be sent yet.
    await new Promise((resolve) => setImmediate(resolve));
    // Forced: what is idle, and what is still in flight after the grace time (handlers hear of it).
    for (const app of this.#apps) app.close();
  }

  #warnOfOldBuild(): void {
    if (readsEveryRequest(process.versions.modules)) return;
    const advice = "run Node 22 or newer, or set http to auto or node";
    this.#modules.log.warn(`this build of uWebSockets.js ${OLD_BUILD}`, { advice });
  }

  #createApp(certificates: CertificateSet | undefined): App {
    const handle: Handler = (res, req) => this.#handle(res, req);
    const app = certificates === undefined ? this.#uws.App() : this.#constructTls(certificates);
    this.#apps.push(app.any("/*", handle));
    for (const [name, pair] of certificates?.byHostName ?? []) {
      app.addServerName(name, tlsOptions(pair, certificates?.passphrase));
      // Each name has routes of its own in this library.
      app.domain(name).any("/*", handle);
    }
    return app;
  }

  #constructTls(certificates: CertificateSet): App {
    const { defaultPair, passphrase } = certificates;
    try {
      return this.#uws.SSLApp(tlsOptions(defaultPair, passphrase));
    } catch (error) {
      const message = `TLS: ${defaultPair.certificateFile} and its key are not usable`;
      throw new StoreError({ code: "invalid-argument", message }, { cause: error });
    }
  }

  /**
   * A port that the system chose is taken a second time by its number: the library makes an address
   * reusable only then, and a reload of certificates listens on it again.
   */
  #listen(app: App, address: ListenAddress): OpenSocket | undefined {
    const open = this.#listenOnce(app, address);
    if (open === undefined || address.port !== 0) return open;
    this.#uws.us_listen_socket_close(open.socket);
    return this.#listenOnce(app, open.address);
  }

  #listenOnce(app: App, address: ListenAddress): OpenSocket | undefined {
    let open: OpenSocket | undefined;
    const opened: Opened = (socket) => {
      if (socket === false) return;
      const port = this.#uws.us_socket_local_port(socket);
      open = { address: { host: address.host, port }, socket };
    };
    // Without this option a second server would share the port and take half of the connections.
    const exclusive = this.#uws.LIBUS_LISTEN_EXCLUSIVE_PORT;
    if (address.host === undefined) app.listen(address.port, exclusive, opened);
    else app.listen(address.host, address.port, exclusive, opened);
    return open;
  }

  #closeListeners(): void {
    for (const open of this.#sockets) this.#uws.us_listen_socket_close(open.socket);
    this.#sockets = [];
  }

  /**
   * The library cannot exchange its default certificate, and removing a server name frees routes
   * that open connections still use. So a new app takes over the ports, and the old one serves the
   * connections it has until they end.
   */
  #replaceCertificates(next: CertificateSet): void {
    if (this.#state.draining) return;
    const app = this.#createApp(next);
    const addresses = this.addresses;
    this.#closeListeners();
    for (const address of addresses) {
      const open = this.#listen(app, address);
      if (open !== undefined) this.#sockets.push(open);
      else this.#modules.log.error("not listening any more", { port: address.port });
    }
  }

  #handle(res: Res, req: Req): void {
    const head = parseRequestHead(copyHead(req), this.#options.limits);
    if (typeof head === "number") {
      res.writeStatus(statusText(head));
      res.end("", true);
      return;
    }
    const exchange = new UwsExchange(res, this.#state, {
      method: head.method,
      hasBody: hasBody(head),
    });
    const id = this.#modules.requestId();
    const request = new ServedRequest(head, id, exchange.body ?? emptyBody, {
      secure: this.#secure,
      remoteAddress: () =>
        exchange.over ? "" : formatRemoteAddress(new Uint8Array(res.getRemoteAddress())),
    });
    runHandler(this.#modules, request, exchange);
    if (!exchange.over) res.onAborted(() => exchange.connectionLost());
  }
}

/** The library's request is dead once its callback returns. */
function copyHead(req: Req): RawHead {
  const headers: string[] = [];
  req.forEach((name, value) => {
    headers.push(name, value);
  });
  const method = req.getCaseSensitiveMethod();
  return { method, path: req.getUrl(), query: req.getQuery() ?? "", headers };
}

function tlsOptions(pair: CertificatePair, passphrase: string | undefined): TlsOptions {
  const { certificateFile, keyFile } = pair;
  const files = { cert_file_name: certificateFile, key_file_name: keyFile };
  return passphrase === undefined ? files : { ...files, passphrase };
}
