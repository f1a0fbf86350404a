/** The server side of the interface: what both implementations take and offer. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { CertificateSource } from "./certificates.ts";
import type { HttpLimits } from "./limits.ts";
import type { ListenAddress } from "./listen-address.ts";
import type { HttpHandler } from "./request.ts";

export interface HttpServerOptions {
  readonly listen: readonly ListenAddress[];
  readonly limits: HttpLimits;
}

export interface HttpServerModules {
  readonly handler: HttpHandler;
  /** Makes the id of each request. */
  readonly requestId: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Present: TLS on every address, and certificates are reloaded as it changes. */
  readonly certificates?: CertificateSource;
}

export interface HttpServer {
  /** Listens on every address, or on none and rejects with what was wrong. */
  start(): Promise<void>;
  /** What it listens on, with the real port where 0 was asked for. */
  readonly addresses: readonly ListenAddress[];
  /**
   * Stops listening, lets requests in flight finish for at most `graceMs` (their answers say
   * `Connection: close`), then closes what is left. Resolves when no connection is open.
   */
  stop(graceMs: number): Promise<void>;
  /** Goes on, but ends each connection with its next answer: clients go elsewhere. */
  shed(): void;
}
