/**
 * Listing through HTTP in pages of 1,000 keys, by one client that waits for each page. Goal:
 * ≥ 100,000 keys/s, flat from the first to the last page; with a delimiter, cost proportional to
 * what is returned. The yardstick of the pages in the middle and at the end is the first tenth.
 */
import type { Bench, BenchSize } from "../harness.ts";
import { runLoad } from "../load/http-load.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import {
  CREDENTIALS,
  HOST,
  type ServerUnderTest,
  startRingfort,
} from "../load/server-under-test.ts";
import { createSigner } from "../load/signed-requests.ts";

const KEYS: Readonly<Record<BenchSize, number>> = { tiny: 3000, full: 1_000_000 };
const FOLDERS = 100;
const PAGE = 1000;
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
      const prefix = `/bench0/folder${String(folder).padStart(3, "0")}/`;
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
        cases: [{ name: "folders", work: FOLDERS, run: () => listFolders(server) }],
      },
    ];
  },
  async close() {
    running?.load.stop();
    await running?.server.stop();
  },
};

/** Pages one after the other, each from the last key of the one before; seconds of the requests. */
async function listPages(
  server: ServerUnderTest,
  firstFolder: number,
  pages: number,
): Promise<{ seconds: number }> {
  let after = `folder${String(firstFolder).padStart(3, "0")}/`;
  let seconds = 0;
  for (let page = 0; page < pages; page++) {
    const query = `list-type=2&max-keys=${PAGE}&start-after=${encodeURIComponent(after)}`;
    const answer = await request(server, query);
    seconds += answer.seconds;
    const keys = [...answer.text.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? "");
    const last = keys.at(-1);
    if (last === undefined) throw new Error(`page ${page} after ${after} is empty`);
    after = last;
  }
  return { seconds };
}

async function listFolders(server: ServerUnderTest): Promise<{ seconds: number }> {
  const answer = await request(server, "delimiter=%2F&list-type=2");
  const found = answer.text.match(/<CommonPrefixes>/g)?.length ?? 0;
  if (found !== FOLDERS) throw new Error(`${found} common prefixes instead of ${FOLDERS}`);
  return { seconds: answer.seconds };
}

async function request(
  server: ServerUnderTest,
  query: string,
): Promise<{ seconds: number; text: string }> {
  const sign = createSigner(`${HOST}:${server.port}`, CREDENTIALS);
  const sorted = query.split("&").sort().join("&");
  const requests = [sign({ method: "GET", path: "/bench0", query: sorted })];
  const result = await runLoad({
    host: HOST,
    port: server.port,
    connections: 1,
    requests,
    keepText: true,
  });
  if (result.failures > 0) throw new Error(result.firstFailure ?? "the listing failed");
  return { seconds: result.seconds, text: result.text };
}
