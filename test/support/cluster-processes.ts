/** Real Ringfort processes that form one cluster on this machine, each with drives of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type ServerProcess, startServer } from "./server-process.ts";

export interface ClusterOptions {
  readonly nodes: number;
  readonly drivesPerNode: number;
}

export interface ClusterProcesses {
  /** By position; a node that was killed stays in its place until it is started again. */
  readonly nodes: ServerProcess[];
  /** Starts a node again on its drives and waits until it serves. */
  restart(position: number): Promise<ServerProcess>;
  /** Every node at once, as after a power cut. */
  restartAll(): Promise<void>;
  stop(): Promise<void>;
}

const CREDENTIALS = {
  RINGFORT_ROOT_USER: "minioadmin",
  RINGFORT_ROOT_PASSWORD: "minioadmin",
  RINGFORT_MEMORY: "128MiB",
  RINGFORT_FREE_SPACE_RESERVE: "0",
};

/** Resolves when all nodes serve. */
export async function startCluster(options: ClusterOptions): Promise<ClusterProcesses> {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-cluster-"));
  const places = await Promise.all(
    Array.from({ length: options.nodes }, async () => ({
      port: await freePort(),
      peerPort: await freePort(),
    })),
  );
  const words = places.flatMap(({ port }, node) =>
    Array.from({ length: options.drivesPerNode }, (_, drive) => {
      return `http://127.0.0.1:${port}${folder}/node${node + 1}/drive${drive + 1}`;
    }),
  );
  const start = (position: number): Promise<ServerProcess> => {
    const place = places[position];
    if (place === undefined) throw new Error(`no node ${position}`);
    const environment = { ...CREDENTIALS, RINGFORT_PEER_ADDRESS: `127.0.0.1:${place.peerPort}` };
    return startServer({ folder, port: place.port, words, environment });
  };
  const nodes = await Promise.all(places.map((_, position) => start(position)));
  return {
    nodes,
    async restart(position) {
      const node = await start(position);
      nodes[position] = node;
      return node;
    },
    async restartAll() {
      const started = await Promise.all(places.map((_, position) => start(position)));
      started.forEach((node, position) => {
        nodes[position] = node;
      });
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
