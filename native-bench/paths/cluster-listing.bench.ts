/**
 * Listing through one of four nodes in pages of 1,000 keys, by one client that waits for each page,
 * beside the same on one node. Goal: ≥ 50,000 keys/s. 40,000 keys and not the million of `listing`, since
 * a cluster takes ten times as long to load them; the cost of a page does not depend on their number.
 */
import type { Bench, BenchCase, BenchSize } from "../harness.ts";
import {
  CLUSTER_NODES,
  type ClusterUnderTest,
  startRingfortCluster,
} from "../load/cluster-under-test.ts";
import { folderName, listPages, PAGE } from "../load/list-pages.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import { type ServerUnderTest, startRingfort } from "../load/server-under-test.ts";

const KEYS: Readonly<Record<BenchSize, number>> = { tiny: 2000, full: 40_000 };
const FOLDERS = 10;
const ROUNDS = 3;
const LOADING_CONNECTIONS = 128;

let running: { load: LoadProcess; single: ServerUnderTest; cluster: ClusterUnderTest } | undefined;

export const bench: Bench = {
  name: "cluster listing",
  async prepare(size) {
    const load = startLoadProcess();
    const nodes = CLUSTER_NODES[size];
    const single = await startRingfort(nodes);
    const cluster = await startRingfortCluster(nodes);
    running = { load, single, cluster };
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error("there are nodes");
    const keys = KEYS[size];
    for (const server of [single, first]) await fill(load, server, keys);
    const pages = Math.floor(keys / PAGE / 2);
    const stretch = (name: string, server: ServerUnderTest): BenchCase => ({
      name,
      yardstick: server === single,
      work: pages * PAGE,
      run: () => listPages(server, Math.floor(FOLDERS / 4), pages),
    });
    return [
      {
        name: `pages of ${PAGE} among ${keys} keys`,
        unit: "op/s",
        rounds: ROUNDS,
        cases: [stretch("keys, one node", single), stretch("keys, four nodes", first)],
      },
    ];
  },
  async close() {
    running?.load.stop();
    await running?.single.stop();
    await running?.cluster.stop();
  },
};

async function fill(load: LoadProcess, server: ServerUnderTest, keys: number): Promise<void> {
  await makeBucket(load, server, "/bench");
  for (let folder = 0; folder < FOLDERS; folder++) {
    await measure(load, server, {
      method: "PUT",
      pathPrefix: `/bench0/${folderName(folder)}`,
      count: keys / FOLDERS,
      bodyBytes: 0,
      connections: LOADING_CONNECTIONS,
    });
  }
}
