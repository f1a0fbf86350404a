/**
 * The HTTP front on node:net and node:tls, with a reader of requests of our own: no native library,
 * every request that HTTP/1.1 allows, at a third of what node:http costs for a small one
 * (docs/decisions/0034-own-http-server.md).
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import type { CertificateSet } from "./certificates.ts";
import { ExchangeWatch } from "./exchange-watch.ts";
import { type HttpLimits, IDLE_MS_MAX } from "./limits.ts";
import { type ListenAddress, listenError } from "./listen-address.ts";
import { NetConnection, type NetServerState } from "./net-connection.ts";
import { CertificateChooser, defaultTlsOptions, errnoOf, listenOn } from "./node-tls.ts";
import { ReadBudget } from "./read-budget.ts";
import type { HttpServer, HttpServerModules, HttpServerOptions } from "./server.ts";
import { SOCKET_READ_BYTES, SocketReads } from "./socket-reads.ts";

export function createNetServer(
  options: HttpServerOptions,
  modules: HttpServerModules,
): HttpServer {
  return new NetServer(options, modules);
}

/** Colons, blanks and line ends of a header, and the rest of a request line. */
const BYTES_BESIDES_HEADER = 16;
const BYTES_BESIDES_TARGET = 256;

interface OpenServer {
  readonly server: Server | TlsServer;
  readonly address: ListenAddress;
}

class NetServer implements HttpServer {
  readonly #options: HttpServerOptions;
  readonly #modules: HttpServerModules;
  readonly #state: NetServerState;
  readonly #chooser: CertificateChooser;
  /** Every open one, also those whose TLS handshake is under way. */
  readonly #sockets = new Set<Socket>();
  #open: OpenServer[] = [];

  constructor(options: HttpServerOptions, modules: HttpServerModules) {
    this.#options = options;
    this.#modules = modules;
    this.#chooser = new CertificateChooser(modules.certificates?.current);
    const { limits } = options;
    const connections = new Set<NetConnection>();
    const watch = new ExchangeWatch(modules.clock, (looks) => {
      for (const connection of connections) connection.look(looks);
    });
    const afterTurn = (callback: () => void): void => void setImmediate(callback);
    this.#state = {
      limits,
      watch,
      reads: new ReadBudget(limits.readBytesPerTurn, { afterTurn }, SOCKET_READ_BYTES),
      clock: modules.clock,
      modules,
      secure: modules.certificates !== undefined,
      socketReads: new SocketReads(),
      connections,
      headBytesMax: headBytesOf(limits),
      draining: false,
    };
  }

  get addresses(): readonly ListenAddress[] {
    return this.#open.map((open) => open.address);
  }

  async start(): Promise<void> {
    for (const address of this.#options.listen) {
      const server = this.#createServer();
      try {
        this.#open.push({ server, address: await listenOn(server, address) });
      } catch (error) {
        await this.stop(0);
        throw listenError(address, errnoOf(error));
      }
    }
    this.#state.watch.start();
    this.#modules.certificates?.onChange((next) => this.#replaceCertificates(next));
  }

  shed(): void {
    this.#state.draining = true;
  }

  async stop(graceMs: number): Promise<void> {
    this.#state.draining = true;
    const closed = this.#open.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    await this.#state.watch.idle(graceMs);
    this.#state.watch.stop();
    for (const connection of this.#state.connections) connection.destroy();
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    this.#open = [];
  }

  #createServer(): Server | TlsServer {
    const { certificates } = this.#modules;
    const options = { noDelay: true, allowHalfOpen: true };
    const server =
      certificates === undefined
        ? createServer(options)
        : createTlsServer({
            ...options,
            ...defaultTlsOptions(certificates.current),
            SNICallback: this.#chooser.choose,
            handshakeTimeout: IDLE_MS_MAX,
          });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on(certificates === undefined ? "connection" : "secureConnection", (socket: Socket) => {
      new NetConnection(socket, this.#state);
    });
    return server;
  }

  #replaceCertificates(next: CertificateSet): void {
    this.#chooser.replace(next);
    for (const { server } of this.#open) {
      if ("setSecureContext" in server) server.setSecureContext(defaultTlsOptions(next));
    }
  }
}

/** So that a head within the limits is read to its end, and judged by them. */
function headBytesOf({ headersMax, headerBytesMax, urlBytesMax }: HttpLimits): number {
  const lines = headersMax * BYTES_BESIDES_HEADER + BYTES_BESIDES_TARGET;
  return headerBytesMax + urlBytesMax + lines;
}
