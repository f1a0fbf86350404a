/** The HTTP server of the S3 port: which implementation, which certificates, which request ids. */
import type { Settings } from "../../config/schema.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { CertificateWatch } from "../http/certificate-watch.ts";
import { hasCertificates } from "../http/certificates.ts";
import { HTTP_LIMITS, type HttpLimits } from "../http/limits.ts";
import { createNetServer } from "../http/net-server.ts";
import { createNodeServer } from "../http/node-server.ts";
import type { HttpHandler } from "../http/request.ts";
import type { HttpServer } from "../http/server.ts";
import { createUwsServer, uwsProblem } from "../http/uws-server.ts";

export interface HttpFront {
  readonly server: HttpServer;
  readonly secure: boolean;
  /** Reads the certificates again, now. */
  reload(): void;
  /** Stops taking requests after `delayMs`, then finishes those begun within `graceMs`. */
  stop(graceMs: number, delayMs?: number): Promise<void>;
}

export interface HttpFrontModules {
  readonly handler: HttpHandler;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const CERTIFICATE_INTERVAL_MS = 30_000;

/** Starts to listen; rejects with what is wrong with the address or the certificates. */
export async function startHttpFront(
  { node }: Settings,
  modules: HttpFrontModules,
): Promise<HttpFront> {
  const { clock, log } = modules;
  const certificates = (await hasCertificates(node.certsDir))
    ? new CertificateWatch(
        {
          directory: node.certsDir,
          passphrase: node.certPassword?.reveal(),
          intervalMs: CERTIFICATE_INTERVAL_MS,
        },
        { clock, log },
      )
    : undefined;
  await certificates?.start();
  const create = chooseServer(node.http, log);
  const { host, port } = node.address;
  const limits: HttpLimits = {
    ...HTTP_LIMITS,
    headerBytesMax: node.headerBytesMax,
    stallMsMax: node.idleTimeout,
  };
  const server = create(
    { listen: [{ host: host === "" ? undefined : host, port }], limits },
    {
      handler: modules.handler,
      requestId: createRequestIds(modules),
      clock,
      log,
      ...(certificates === undefined ? {} : { certificates }),
    },
  );
  await server.start();
  return {
    server,
    secure: certificates !== undefined,
    reload: () => {
      void certificates?.reload();
    },
    async stop(graceMs, delayMs = 0) {
      certificates?.stop();
      if (delayMs > 0) {
        server.shed();
        await sleep(clock, delayMs);
      }
      await server.stop(graceMs);
    },
  };
}

/** Every request of every client comes before speed: uWebSockets.js only where it reads them all. */
function chooseServer(choice: Settings["node"]["http"], log: Logger): typeof createNetServer {
  if (choice === "node") return createNodeServer;
  if (choice === "net") return createNetServer;
  const reason = choice === "auto" ? uwsProblem() : undefined;
  if (reason === undefined) return createUwsServer;
  const advice = "run Node 22 or newer (glibc 2.38 or newer) for the fastest server";
  log.info("serving with our own HTTP server instead of uWebSockets.js", { reason, advice });
  return createNetServer;
}

/**
 * Sixteen upper-case hexadecimal digits as AWS has them: a random start of this process, then a
 * count, so that no two requests share one and none tells how many there were.
 */
function createRequestIds({ random }: { random: Random }): () => string {
  const start = random.bytes(4).toString("hex").toUpperCase();
  let count = random.below(0x7fffffff);
  return () => {
    count = (count + 1) % 0x1_0000_0000;
    return start + count.toString(16).toUpperCase().padStart(8, "0");
  };
}
