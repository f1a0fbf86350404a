/** Several Ringforts on this machine as one store, one process a node, as benchmarks measure it. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  cpuSeconds,
  FRONT,
  freePort,
  HOST,
  newFolder,
  type ServerUnderTest,
  untilReady,
  wrap,
} from "./server-under-test.ts";

export interface ClusterUnderTest {
  readonly nodes: readonly ServerUnderTest[];
  /** CPU seconds that all nodes have used so far. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));

/** Resolves when all nodes serve: a node has one drive. */
export async function startRingfortCluster(
  count: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<ClusterUnderTest> {
  const folder = newFolder();
  const places = await Promise.all(
    Array.from({ length: count }, async (_, node) => ({
      port: await freePort(),
      peerPort: await freePort(),
      folder: join(folder, `node${node + 1}`),
    })),
  );
  const drives = places.map((place) => `http://${HOST}:${place.port}${place.folder}/drive`);
  const nodes = places.map((place) => {
    const child = spawn(process.execPath, [MAIN, "server", "--json", ...drives], {
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
    return wrap(child, place);
  });
  await Promise.all(nodes.map(untilReady));
  return {
    nodes,
    cpuSeconds: () => nodes.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
