/**
 * Listing through HTTP in pages of 1,000 keys, by one client that waits for each page. Goal:
 * ≥ 100,000 keys/s, flat from the first to the last page; with a delimiter, cost proportional to
 * what is returned. The yardstick of the pages in the middle and at the end is the first tenth.
 */
import type { Bench, BenchSize } from "../harness.ts";
import { folderName, listFolders, listPages, PAGE } from "../load/list-pages.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import { type ServerUnderTest, startRingfort } from "../load/server-under-test.ts";

const KEYS: Readonly<Record<BenchSize, number>> = { tiny: 3000, full: 1_000_000 };
const FOLDERS = 100;
const ROUNDS = 3;
/** Many, so that a commit takes many keys. */
const LOADING_CONNECTIONS = 128;

let running: { load: LoadProcess; server: ServerUnderTest } | undefined;

export const bench: Bench = {
  name: "listing",
  async prepare(size) {
    const load = startLoadProcess();
    const server = await startRingfort(4);
    running = { load, server };
    await makeBucket(load, server, "/bench");
    const keys = KEYS[size];
    const perFolder = keys / FOLDERS;
    for (let folder = 0; folder < FOLDERS; folder++) {
      const prefix = `/bench0/${folderName(folder)}`;
      await measure(load, server, {
        method: "PUT",
        pathPrefix: prefix,
        count: perFolder,
        bodyBytes: 0,
        connections: LOADING_CONNECTIONS,
      });
    }
    const pages = Math.ceil(keys / PAGE);
    const tenth = Math.max(1, Math.floor(pages / 10));
    const stretch = (name: string, firstFolder: number, yardstick = false) => ({
      name,
      yardstick,
      work: tenth * PAGE,
      run: () => listPages(server, firstFolder, tenth),
    });
    return [
      {
        name: `pages of ${PAGE} among ${keys} keys`,
        unit: "op/s",
        rounds: ROUNDS,
        cases: [
          stretch("keys, first tenth", 0, true),
          stretch("keys, middle tenth", FOLDERS / 2),
          stretch("keys, last tenth", FOLDERS - FOLDERS / 10),
        ],
      },
      {
        name: "delimiter, common prefixes returned",
        unit: "op/s",
        rounds: ROUNDS,
        cases: [{ name: "folders", work: FOLDERS, run: () => listFolders(server, FOLDERS) }],
      },
    ];
  },
  async close() {
    running?.load.stop();
    await running?.server.stop();
  },
};
