/** Real Ringfort processes that form one cluster on this machine, each with drives of its own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../native-bench/load/free-port.ts";
import { Links } from "./link-proxy.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

export interface ClusterOptions {
  readonly nodes: number;
  readonly drivesPerNode: number;
  /** Nodes reach each other through proxies, and `links` rules them. */
  readonly proxied?: boolean;
  /** The list of nodes comes from a settings file, not from the command line. */
  readonly byFile?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ClusterProcesses {
  /** By position; a node that was killed stays in its place until it is started again. */
  readonly nodes: ServerProcess[];
  readonly folder: string;
  /** Without proxies its rules have no effect. */
  readonly links: Links;
  /** Folder of a drive, both from 0. */
  driveFolder(position: number, drive: number): string;
  /** Starts a node again on its drives and waits until it serves. */
  restart(position: number): Promise<ServerProcess>;
  /** Every node at once, as after a power cut. */
  restartAll(): Promise<void>;
  /** A further node, on drives of its own, with these words after `server`. */
  startFurther(words: FurtherNode): Promise<ServerProcess>;
  /** The last one has ended and does not come back. */
  forgetFurther(): void;
  stop(): Promise<void>;
}

export interface FurtherNode {
  readonly drives: number;
  /** Flags; undefined for a restart. */
  readonly flags?: readonly string[];
  /** Its place among the nodes; the next one if not given. */
  readonly position?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

interface Place {
  readonly port: number;
  readonly peerPort: number;
  /** Where the others connect. */
  readonly advertised: number;
}

export const CLUSTER_ENVIRONMENT: Readonly<Record<string, string>> = {
  RINGFORT_ROOT_USER: "minioadmin",
  RINGFORT_ROOT_PASSWORD: "minioadmin",
  RINGFORT_MEMORY: "128MiB",
  RINGFORT_FREE_SPACE_RESERVE: "0",
  RINGFORT_SHUTDOWN_DELAY: "0s",
};

/** In a settings file. */
export function zoneOfNode(position: number): string {
  return `rack-${1 + (position % 2)}`;
}

/** Resolves when all nodes serve. */
export async function startCluster(options: ClusterOptions): Promise<ClusterProcesses> {
  const cluster = new Cluster(options, mkdtempSync(join(tmpdir(), "ringfort-cluster-")));
  await cluster.start();
  return cluster;
}

class Cluster implements ClusterProcesses {
  readonly nodes: ServerProcess[] = [];
  readonly folder: string;
  readonly links: Links;
  readonly #options: ClusterOptions;
  readonly #places: Place[] = [];
  readonly #pids: (number | undefined)[] = [];
  #words: readonly string[] = [];

  constructor(options: ClusterOptions, folder: string) {
    this.#options = options;
    this.folder = folder;
    this.links = new Links(() => this.#pids);
  }

  async start(): Promise<void> {
    const { nodes, drivesPerNode, byFile } = this.#options;
    for (let position = 0; position < nodes; position++) await this.#addPlace(position);
    const urls = this.#places.map(({ port }) => `http://127.0.0.1:${port}`);
    const folders = urls.map((_, node) =>
      Array.from({ length: drivesPerNode }, (__, drive) => this.driveFolder(node, drive)),
    );
    this.#words = urls.flatMap((url, node) => (folders[node] ?? []).map((path) => url + path));
    if (byFile === true) {
      const file = join(this.folder, "settings.yaml");
      const list = urls.map((address, node) => {
        return { address, drives: folders[node], zone: zoneOfNode(node) };
      });
      writeFileSync(file, `nodes: ${JSON.stringify(list)}\n`);
      this.#words = ["--config", file];
    }
    await this.restartAll();
  }

  driveFolder(position: number, drive: number): string {
    return join(this.folder, `node${position + 1}`, `drive${drive + 1}`);
  }

  async restart(position: number): Promise<ServerProcess> {
    const node = await this.#run(position, this.#words);
    this.nodes[position] = node;
    return node;
  }

  async restartAll(): Promise<void> {
    const count = this.#options.nodes;
    await Promise.all(Array.from({ length: count }, (_, position) => this.restart(position)));
  }

  async startFurther({ drives, flags = [], ...rest }: FurtherNode): Promise<ServerProcess> {
    const position = rest.position ?? this.#places.length;
    if (position === this.#places.length) await this.#addPlace(position);
    const folders = Array.from({ length: drives }, (_, drive) => this.driveFolder(position, drive));
    for (const path of folders) mkdirSync(path, { recursive: true });
    const node = await this.#run(position, [...flags, ...folders], rest.environment);
    this.nodes[position] = node;
    return node;
  }

  forgetFurther(): void {
    this.nodes.pop();
    this.#places.pop();
    this.#pids.pop();
    rmSync(join(this.folder, `node${this.#places.length + 1}`), { recursive: true });
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.links.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #addPlace(position: number): Promise<void> {
    const [port, peerPort] = [await freePort(), await freePort()];
    const proxied = this.#options.proxied === true;
    const advertised = proxied ? await freePort() : peerPort;
    this.#places[position] = { port, peerPort, advertised };
    if (proxied) await this.links.open({ node: position, port: advertised, target: peerPort });
  }

  #run(
    position: number,
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const place = this.#places[position];
    if (place === undefined) throw new Error(`no node ${position}`);
    return startServer({
      folder: this.folder,
      port: place.port,
      words,
      environment: {
        ...CLUSTER_ENVIRONMENT,
        RINGFORT_PEER_ADDRESS: `127.0.0.1:${place.peerPort}`,
        RINGFORT_PEER_ADVERTISE: `127.0.0.1:${place.advertised}`,
        ...this.#options.environment,
        ...environment,
      },
      onSpawn: (pid) => {
        this.#pids[position] = pid;
      },
    });
  }
}
