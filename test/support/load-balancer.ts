/**
 * What stands in front of a cluster: passes connections on to nodes that say they are ready, asked a
 * few times a second. A client of it has one address, as clients of a real cluster do.
 */
import { createServer, connect as openSocket, type Server } from "node:net";

const ASK_MS = 200;

export class LoadBalancer {
  readonly #ports: readonly number[];
  readonly #ready = new Set<number>();
  readonly #server: Server;
  #asking: NodeJS.Timeout | undefined;
  #turn = 0;

  constructor(ports: readonly number[]) {
    this.#ports = ports;
    this.#server = createServer((socket) => {
      const target = this.#choose();
      if (target === undefined) {
        socket.destroy();
        return;
      }
      const onward = openSocket({ host: "127.0.0.1", port: target, noDelay: true });
      socket.setNoDelay(true);
      socket.pipe(onward).pipe(socket);
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        one.on("error", () => other.destroy()).on("close", () => other.destroy());
      }
    });
  }

  /** Resolves with its port, once it knows who is ready. */
  async start(): Promise<number> {
    await this.#ask();
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it has a port");
    return address.port;
  }

  stop(): void {
    clearTimeout(this.#asking);
    this.#server.close();
  }

  #choose(): number | undefined {
    const ready = this.#ports.filter((port) => this.#ready.has(port));
    this.#turn += 1;
    return ready[this.#turn % Math.max(1, ready.length)];
  }

  async #ask(): Promise<void> {
    await Promise.all(
      this.#ports.map(async (port) => {
        const answer = await fetch(`http://127.0.0.1:${port}/minio/health/ready`, {
          signal: AbortSignal.timeout(1_000),
        }).catch(() => undefined);
        if (answer?.status === 200) this.#ready.add(port);
        else this.#ready.delete(port);
      }),
    );
    this.#asking = setTimeout(() => void this.#ask(), ASK_MS);
  }
}
