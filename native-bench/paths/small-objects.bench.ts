/**
 * 4 KiB objects, 32 connections, four drives, synced, signed with Signature V4: our rate over that
 * of the ceiling program (`yardsticks/ceiling-server.ts`), which does the unavoidable part only. The
 * load generator is a third process; everything shares the machine. Goal: ≥ 0.65 for PUT and GET.
 */
import type { Bench, BenchCase, BenchSize } from "../harness.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import { type ServerUnderTest, startRingfort, startYardstick } from "../load/server-under-test.ts";

const OBJECTS: Readonly<Record<BenchSize, number>> = { tiny: 100, full: 20_000 };
const ROUNDS = 5;
const BODY_BYTES = 4096;
/** `makeBucket` appends the key's number to the path: this makes the bucket `bench0`. */
const BUCKET_PATH = "/bench";

let running: { load: LoadProcess; servers: ServerUnderTest[] } | undefined;

export const bench: Bench = {
  name: "small objects",
  async prepare(size) {
    const load = startLoadProcess();
    const ceiling = await startYardstick("ceiling-server", ["FOLDER"]);
    const ringfort = await startRingfort(4);
    running = { load, servers: [ceiling, ringfort] };
    await makeBucket(load, ringfort, BUCKET_PATH);
    const count = OBJECTS[size];
    const cases = (method: "PUT" | "GET"): BenchCase[] =>
      [ceiling, ringfort].map((server) => {
        let round = 0;
        return {
          name: server === ceiling ? "ceiling program" : "Ringfort",
          yardstick: server === ceiling,
          work: count,
          run: () => {
            // Fresh keys for each PUT round; GETs read the keys of the first.
            const prefix = `/bench0/r${method === "PUT" ? round++ : 0}-`;
            return measure(load, server, {
              method,
              pathPrefix: prefix,
              count,
              bodyBytes: BODY_BYTES,
            });
          },
        };
      });
    return [
      { name: "PUT 4 KiB", unit: "op/s", cases: cases("PUT"), rounds: ROUNDS },
      { name: "GET 4 KiB", unit: "op/s", cases: cases("GET"), rounds: ROUNDS },
    ];
  },
  async close() {
    running?.load.stop();
    for (const server of running?.servers ?? []) await server.stop();
  },
};
