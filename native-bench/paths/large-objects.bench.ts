/**
 * 64 MiB objects over 8 connections, four drives, against yardsticks of the same run.
 *
 * GET: a bare uWebSockets.js sender. Goal ≥ 0.5 of it.
 * PUT: what the cores allow from the separately measured costs of its parts: sending and receiving,
 * the copy into the arena, MD5, parity, block checksums, and synced writes. The CPU parts share the
 * cores, the writes run beside them; allowed seconds per byte = max(CPU parts / cores, synced
 * writes). Goal ≥ 0.6 of it. The yardstick's "run" returns that computed time.
 */
import { createHash } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Bench, type BenchSize, fillSeeded } from "../harness.ts";
import { measureCodecParts } from "../kernels/codec-parts.ts";
import { type LoadProcess, startLoadProcess } from "../load/load-process.ts";
import { makeBucket, measure } from "../load/measure.ts";
import {
  cpuSeconds,
  type ServerUnderTest,
  startRingfort,
  startYardstick,
} from "../load/server-under-test.ts";

const MIB = 1024 * 1024;
const SIZES: Readonly<Record<BenchSize, { objectBytes: number; objects: number }>> = {
  tiny: { objectBytes: 3 * MIB, objects: 4 },
  full: { objectBytes: 64 * MIB, objects: 24 },
};
const ROUNDS = 5;
const CONNECTIONS = 8;

let running: { load: LoadProcess; servers: ServerUnderTest[] } | undefined;

export const bench: Bench = {
  name: "large objects",
  async prepare(size) {
    const { objectBytes, objects } = SIZES[size];
    const load = startLoadProcess();
    const sender = await startYardstick("bare-sender", [String(objectBytes)]);
    const ringfort = await startRingfort(4);
    running = { load, servers: [sender, ringfort] };
    await makeBucket(load, ringfort, "/bench");
    const work = objects * objectBytes;
    const transfer = (server: ServerUnderTest, method: "PUT" | "GET", prefix: string) =>
      measure(load, server, {
        method,
        pathPrefix: prefix,
        count: objects,
        bodyBytes: objectBytes,
        connections: CONNECTIONS,
        unsignedPayload: true,
      });
    let round = 0;
    const put = () => transfer(ringfort, "PUT", `/bench0/r${round++ % 2}-`);
    const allowed = async () => ({
      seconds: work * (await allowedSecondsPerByte(sender, transfer, work)),
    });
    return [
      {
        name: "PUT 64 MiB",
        unit: "MB/s",
        rounds: ROUNDS,
        cases: [
          { name: "allowed by the parts", yardstick: true, work, run: allowed },
          { name: "Ringfort", work, run: put },
        ],
      },
      {
        name: "GET 64 MiB",
        unit: "MB/s",
        rounds: ROUNDS,
        cases: [
          { name: "bare sender", yardstick: true, work, run: () => transfer(sender, "GET", "/x") },
          { name: "Ringfort", work, run: () => transfer(ringfort, "GET", "/bench0/r0-") },
        ],
      },
    ];
  },
  async close() {
    running?.load.stop();
    for (const server of running?.servers ?? []) await server.stop();
  },
};

type Transfer = (
  server: ServerUnderTest,
  method: "PUT",
  prefix: string,
) => Promise<{ readonly seconds: number }>;

/** What one byte of a PUT costs at least on this machine, load generator included. */
async function allowedSecondsPerByte(
  sink: ServerUnderTest,
  transfer: Transfer,
  work: number,
): Promise<number> {
  const before = cpuSeconds(sink.pid);
  const { seconds } = await transfer(sink, "PUT", "/x");
  // The load generator keeps one core busy all the while; the sink's CPU time is counted.
  const sockets = (seconds + cpuSeconds(sink.pid) - before) / work;
  const parts = measureCodecParts();
  const source = Buffer.alloc(16 * MIB);
  fillSeeded(source, 7);
  const target = Buffer.from(new SharedArrayBuffer(source.length));
  const copy = secondsPerByte(source.length, () => target.set(source));
  const md5 = secondsPerByte(source.length, () => createHash("md5").update(source).digest());
  const writes = secondsPerByte(source.length, () => writeSynced(source));
  const cpu = sockets + copy + Math.min(md5, parts.md5) + parts.parity + parts.checksum;
  return Math.max(cpu / availableParallelism(), writes);
}

function secondsPerByte(bytes: number, work: () => void): number {
  const times: number[] = [];
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    work();
    times.push((performance.now() - start) / 1000 / bytes);
  }
  times.sort((left, right) => left - right);
  return times[2] ?? 0;
}

/** The bytes twice (2+2), over four files, fdatasynced. */
function writeSynced(bytes: Buffer): void {
  const folder = mkdtempSync(
    join(process.env["RINGFORT_BENCH_DIR"] ?? tmpdir(), "ringfort-write-"),
  );
  const half = bytes.subarray(0, bytes.length / 2);
  for (let slot = 0; slot < 4; slot++) {
    const file = openSync(join(folder, String(slot)), "wx");
    for (let offset = 0; offset < half.length; offset += MIB / 2) {
      writeSync(file, half, offset, Math.min(MIB / 2, half.length - offset));
    }
    fdatasyncSync(file);
    closeSync(file);
  }
  rmSync(folder, { recursive: true });
}
