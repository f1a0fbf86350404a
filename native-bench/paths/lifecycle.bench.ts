/**
 * Lifecycle rules over many objects: processor time of a pass that finds nothing due, and of one that
 * expires a tenth, and what clients notice of the first. Goals: ≤ 60 s of one core for a pass over a
 * million objects, p99 of a GET not worse than by half while it runs.
 *
 * A pass is told by a sentinel: an object that is due at once, in the bucket that is looked at last.
 * When it is gone the pass has come to its end.
 */
import type { Bench, BenchReading, BenchSize } from "../harness.ts";
import { type LoadResult, runLoad } from "../load/http-load.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import {
  CREDENTIALS,
  cpuSeconds,
  HOST,
  type ServerUnderTest,
  startRingfort,
} from "../load/server-under-test.ts";
import { createSigner, type RequestSpec } from "../load/signed-requests.ts";

const OBJECTS: Readonly<Record<BenchSize, number>> = { tiny: 1000, full: 1_000_000 };
const GETS: Readonly<Record<BenchSize, number>> = { tiny: 200, full: 20_000 };
const LOADING_CONNECTIONS = 128;
const CLIENTS = 8;
/** Of those that are put, one in ten is going to be due. */
const DUE_SHARE = 10;
/** Passes follow each other after a second. */
const DAY = "20s";
const IDLE_MS: Readonly<Record<BenchSize, number>> = { tiny: 100, full: 3000 };
const POLL_MS = 20;

interface Running {
  readonly load: LoadProcess;
  readonly server: ServerUnderTest;
  readonly size: BenchSize;
}

let running: Running | undefined;
let readings: BenchReading[] = [];

export const bench: Bench = {
  name: "lifecycle",
  async prepare(size) {
    const load = startLoadProcess();
    const server = await startRingfort(4, { RINGFORT_LIFECYCLE_DAY: DAY });
    running = { load, server, size };
    readings = [];
    await makeBucket(load, server, "/bench");
    await makeBucket(load, server, "/sentinel");
    const objects = OBJECTS[size];
    const due = objects / DUE_SHARE;
    const put = (pathPrefix: string, count: number) =>
      measure(load, server, {
        ...{ method: "PUT", pathPrefix, count, bodyBytes: 0 },
        connections: LOADING_CONNECTIONS,
      });
    await put("/bench0/kept-", objects - due);
    await put("/bench0/due-", due);
    await putRules(server, "/sentinel0", rule("", PAST));
    await putRules(server, "/bench0", rule("", NEVER));
    readings.push(...(await watchClients({ load, server, size })));
    return [
      {
        name: `${objects} objects`,
        unit: "op/s",
        rounds: 1,
        cases: [
          {
            name: "looked at for a CPU second, nothing due",
            work: objects,
            run: () => costOfPass(server, IDLE_MS[size]),
          },
          {
            name: "expired for a CPU second",
            work: due,
            async run() {
              await untilPassEnds(server);
              await putRules(server, "/bench0", rule("due-", PAST));
              return costOfPass(server, IDLE_MS[size]);
            },
          },
        ],
      },
    ];
  },
  async readings() {
    return readings;
  },
  async close() {
    running?.load.stop();
    await running?.server.stop();
  },
};

const PAST = "<Date>2020-01-01T00:00:00Z</Date>";
const NEVER = "<Days>100000</Days>";

function rule(prefix: string, when: string): string {
  const filter = `<Filter><Prefix>${prefix}</Prefix></Filter>`;
  const fields = `<ID>r</ID><Status>Enabled</Status>${filter}<Expiration>${when}</Expiration>`;
  return `<LifecycleConfiguration><Rule>${fields}</Rule></LifecycleConfiguration>`;
}

/** What clients notice of a pass: the same GETs between passes and during one. */
async function watchClients({ load, server, size }: Running): Promise<BenchReading[]> {
  const gets = () =>
    measure(load, server, {
      ...{ method: "GET", pathPrefix: "/bench0/kept-", count: GETS[size], bodyBytes: 0 },
      connections: CLIENTS,
    });
  await gets();
  await putRules(server, "/bench0", undefined);
  await untilPassEnds(server);
  const without = await gets();
  await putRules(server, "/bench0", rule("", NEVER));
  await untilPassEnds(server);
  const during = await gets();
  const ratio = during.p99 / without.p99;
  return [
    { name: "GET p99 without rules", unit: "ms", value: without.p99 },
    { name: "GET p99 with rules being looked at", unit: "ms", value: during.p99 },
    { name: "p99 with over p99 without", unit: "×", value: ratio, goal: 1.5 },
  ];
}

/** Processor time of one whole pass, without that of a server that idles as long. */
async function costOfPass(server: ServerUnderTest, idleMs: number): Promise<{ seconds: number }> {
  const idleFrom = cpuSeconds(server.pid);
  await pause(idleMs);
  const idleShare = ((cpuSeconds(server.pid) - idleFrom) * 1000) / idleMs;
  await untilPassEnds(server);
  const from = cpuSeconds(server.pid);
  const start = performance.now();
  await untilPassEnds(server);
  const idle = (idleShare * (performance.now() - start)) / 1000;
  // The kernel counts in hundredths of a second.
  return { seconds: Math.max(0.01, cpuSeconds(server.pid) - from - idle) };
}

/** Puts the sentinel and waits until a pass has taken it away. */
async function untilPassEnds(server: ServerUnderTest): Promise<void> {
  const path = "/sentinel0/k";
  await ask(server, { method: "PUT", path });
  while ((await ask(server, { method: "HEAD", path })).failures === 0) await pause(POLL_MS);
}

async function putRules(
  server: ServerUnderTest,
  path: string,
  rules: string | undefined,
): Promise<void> {
  const spec = { path, query: "lifecycle=" };
  const result = await (rules === undefined
    ? ask(server, { ...spec, method: "DELETE" })
    : ask(server, { ...spec, method: "PUT", body: Buffer.from(rules) }));
  if (result.failures > 0) throw new Error(result.firstFailure);
}

function ask({ port }: ServerUnderTest, spec: RequestSpec): Promise<LoadResult> {
  const sign = createSigner(`${HOST}:${port}`, CREDENTIALS);
  return runLoad({ host: HOST, port, connections: 1, requests: [sign(spec)] });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
