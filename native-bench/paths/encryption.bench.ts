/**
 * What encryption costs: 64 MiB objects, one and eight at a time, and 4 KiB objects, to a server that
 * encrypts everything it is given (SSE-S3) and to one that does not, in one run. Goal for 64 MiB:
 * PUT and GET ≥ 0.75 of plain. The readings are the CPU seconds of each server for a gigabyte.
 */
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Bench, BenchGroup, BenchReading, BenchSize } from "../harness.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import {
  CREDENTIALS,
  cpuSeconds,
  HOST,
  type ServerUnderTest,
  startRingfort,
} from "../load/server-under-test.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GB = 1e9;
const ROUNDS = 5;
const DRIVES = 4;

interface Load {
  readonly name: string;
  readonly objectBytes: number;
  readonly objects: number;
  readonly connections: number;
}

const LOADS: Readonly<Record<BenchSize, readonly Load[]>> = {
  tiny: [{ name: "300 KiB", objectBytes: 300 * KIB, objects: 4, connections: 2 }],
  full: [
    { name: "64 MiB, 8 connections", objectBytes: 64 * MIB, objects: 8, connections: 8 },
    { name: "64 MiB, 1 connection", objectBytes: 64 * MIB, objects: 4, connections: 1 },
    { name: "4 KiB, 32 connections", objectBytes: 4 * KIB, objects: 2000, connections: 32 },
  ],
};

interface Side {
  readonly name: string;
  readonly server: ServerUnderTest;
  /** CPU seconds and bytes, by what was done. */
  readonly spent: Map<string, { seconds: number; bytes: number }>;
}

let running: { load: LoadProcess; sides: readonly Side[] } | undefined;

export const bench: Bench = {
  name: "encryption",
  async prepare(size) {
    const load = startLoadProcess();
    const plain = await startRingfort(DRIVES);
    const sealed = await startRingfort(DRIVES, { RINGFORT_AUTO_ENCRYPTION: "on" });
    const sides = [
      { name: "plain", server: plain, spent: new Map() },
      { name: "SSE-S3", server: sealed, spent: new Map() },
    ];
    running = { load, sides };
    for (const { server } of sides) await makeBucket(load, server, "/bench");
    await checkSealed(sealed);
    return LOADS[size].flatMap((work) => [
      groupOf(load, sides, { ...work, method: "PUT" }),
      groupOf(load, sides, { ...work, method: "GET" }),
    ]);
  },
  readings() {
    const readings: BenchReading[] = (running?.sides ?? []).flatMap(({ name, spent }) =>
      [...spent].map(([what, { seconds, bytes }]) => ({
        name: `CPU of ${what}, ${name}`,
        unit: "s/GB" as const,
        value: (seconds / bytes) * GB,
      })),
    );
    return Promise.resolve(readings);
  },
  async close() {
    running?.load.stop();
    for (const { server } of running?.sides ?? []) await server.stop();
  },
};

/** A server that forgot to encrypt would be measured as a fast one. */
async function checkSealed({ port }: ServerUnderTest): Promise<void> {
  const { accessKey, secretKey } = CREDENTIALS;
  const s3 = new S3Client({
    endpoint: `http://${HOST}:${port}`,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  });
  const put = new PutObjectCommand({ Bucket: "bench0", Key: "check", Body: "x" });
  const { ServerSideEncryption } = await s3.send(put);
  if (ServerSideEncryption !== "AES256") throw new Error("the server does not encrypt");
}

function groupOf(
  load: LoadProcess,
  sides: readonly Side[],
  { name, objectBytes, objects, connections, method }: Load & { method: "PUT" | "GET" },
): BenchGroup {
  const what = `${method} ${name}`;
  const work = objects * objectBytes;
  const cases = sides.map((side) => ({
    name: side.name,
    yardstick: side.name === "plain",
    work,
    async run() {
      const { pid } = side.server;
      const before = cpuSeconds(pid);
      const result = await measure(load, side.server, {
        method,
        pathPrefix: `/bench0/${objectBytes}-${connections}-`,
        count: objects,
        bodyBytes: objectBytes,
        connections,
        unsignedPayload: true,
      });
      const spent = side.spent.get(what) ?? { seconds: 0, bytes: 0 };
      spent.seconds += cpuSeconds(pid) - before;
      spent.bytes += work;
      side.spent.set(what, spent);
      return result;
    },
  }));
  return { name: what, unit: "MB/s", rounds: ROUNDS, cases };
}
