/**
 * What authorisation takes from signed GETs of 4 KiB over HTTP: a user whose policy has twenty
 * statements that all have to be looked into, against the root account, which is asked nothing. Goal:
 * ≥ 0.9 of it.
 */
import { type AdminCall, callAdmin } from "../../src/node/admin-client.ts";
import type { Bench, BenchCase, BenchSize } from "../harness.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import {
  CREDENTIALS,
  HOST,
  type ServerUnderTest,
  startRingfort,
} from "../load/server-under-test.ts";
import { twentyStatements } from "./authorise.bench.ts";

const OBJECTS: Readonly<Record<BenchSize, number>> = { tiny: 100, full: 20_000 };
const ROUNDS = 7;
const BODY_BYTES = 4096;
const USER = { accessKey: "alice", secretKey: "secret-of-alice" };

let running: { load: LoadProcess; server: ServerUnderTest } | undefined;

export const bench: Bench = {
  name: "authorised gets",
  async prepare(size) {
    const load = startLoadProcess();
    const server = await startRingfort(4);
    running = { load, server };
    await makeBucket(load, server, "/bench");
    const round = { pathPrefix: "/bench0/k", count: OBJECTS[size], bodyBytes: BODY_BYTES };
    await measure(load, server, { ...round, method: "PUT" });
    await makeUser(server);
    const gets = (name: string, credentials: typeof USER, yardstick: boolean): BenchCase => ({
      ...{ name, yardstick, work: round.count },
      run: () => measure(load, server, { ...round, method: "GET", credentials }),
    });
    const cases = [
      gets("the root account", CREDENTIALS, true),
      gets("a user with 20 statements", USER, false),
    ];
    return [{ name: "signed GET 4 KiB", unit: "op/s", rounds: ROUNDS, cases }];
  },
  async close() {
    running?.load.stop();
    await running?.server.stop();
  },
};

async function makeUser({ port }: ServerUnderTest): Promise<void> {
  const target = { url: `http://${HOST}:${port}`, ...CREDENTIALS };
  const call = async (one: Pick<AdminCall, "path" | "query" | "body" | "sealed">) => {
    const { status, text } = await callAdmin({ method: "PUT", ...one }, target);
    if (status >= 300) throw new Error(text);
  };
  // Whoever asks comes from this machine.
  const Statement = twentyStatements("bench0", "127.0.0.0/8");
  const policy = { Version: "2012-10-17", Statement };
  await call({ path: "add-canned-policy", query: { name: "bench" }, body: policy, sealed: false });
  const user = { secretKey: USER.secretKey, policy: "bench" };
  const query = { accessKey: USER.accessKey };
  await call({ path: "add-user", query, body: user, sealed: true });
}
