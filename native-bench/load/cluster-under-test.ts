/** Several Ringforts on this machine as one store, one process a node, as benchmarks measure it. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BenchSize } from "../harness.ts";
import { freePort } from "./free-port.ts";
import {
  cpuSeconds,
  FRONT,
  HOST,
  newFolder,
  type ServerUnderTest,
  untilReady,
  wrap,
} from "./server-under-test.ts";

/** Three are enough to prove that a benchmark still runs, and start faster. */
export const CLUSTER_NODES: Readonly<Record<BenchSize, number>> = { tiny: 3, full: 4 };

export interface ClusterUnderTest {
  /** By position; a further one at the end. */
  readonly nodes: readonly ServerUnderTest[];
  /** CPU seconds that the nodes have used so far that run now. */
  cpuSeconds(): number;
  /** The folder of a node's drive. */
  driveOf(position: number): string;
  /** A node that was killed; resolves when it serves again. */
  restart(position: number): Promise<void>;
  /** A further node of one drive, with these words after `server`. */
  startFurther(words: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));

/** Resolves when all nodes serve: a node has one drive. */
export async function startRingfortCluster(
  count: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<ClusterUnderTest> {
  const folder = newFolder();
  const places: Place[] = [];
  const nodes: ServerUnderTest[] = [];
  const addPlace = async (): Promise<Place> => {
    const name = `node${places.length + 1}`;
    const ports = { port: await freePort(), peerPort: await freePort() };
    const place = { ...ports, folder: join(folder, name), drive: join(folder, name, "drive") };
    places.push(place);
    return place;
  };
  const start = async (place: Place, words: readonly string[]): Promise<ServerUnderTest> => {
    const child = spawn(process.execPath, [MAIN, "server", "--json", ...words], {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: folder,
        RINGFORT_HTTP: FRONT,
        RINGFORT_ADDRESS: `${HOST}:${place.port}`,
        RINGFORT_PEER_ADDRESS: `${HOST}:${place.peerPort}`,
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const server = wrap(child, place);
    nodes[places.indexOf(place)] = server;
    await untilReady(server);
    return server;
  };
  for (let node = 0; node < count; node++) await addPlace();
  const drives = places.map(({ port, drive }) => `http://${HOST}:${port}${drive}`);
  await Promise.all(places.map((place) => start(place, drives)));
  const placeAt = (position: number): Place => {
    const place = places[position];
    if (place === undefined) throw new Error(`no node ${position}`);
    return place;
  };
  return {
    nodes,
    cpuSeconds: () => nodes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    driveOf: (position) => placeAt(position).drive,
    async restart(position) {
      await start(placeAt(position), drives);
    },
    async startFurther(words) {
      const place = await addPlace();
      mkdirSync(place.drive, { recursive: true });
      await start(place, [...words, place.drive]);
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Place {
  readonly port: number;
  readonly peerPort: number;
  readonly folder: string;
  readonly drive: string;
}
