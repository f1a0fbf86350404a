/**
 * One link between two nodes, each a process with one network thread: bytes of a bulk stream and
 * calls, against a bare socket and against the cipher alone, with the processor time of each side.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createCipheriv } from "node:crypto";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import type { PeerId } from "../../cluster/peers/peer-id.ts";
import type { PeerNetwork } from "../../cluster/peers/peer-network.ts";
import type { Bench, BenchGroup, BenchReading, BenchSize } from "../harness.ts";
import {
  LINK_MEMORY_BYTES,
  openLinkEnd,
  PIECE_BYTES,
  type SinkQuestion,
  type SinkReady,
} from "../load/peer-sink-process.ts";

const BULK_BYTES: Record<BenchSize, number> = { tiny: 4 * PIECE_BYTES, full: 2048 * PIECE_BYTES };
const CALLS: Record<BenchSize, number> = { tiny: 100, full: 20_000 };
const CONCURRENT = 64;
const CALL_BYTES = 200;
const FRAME_BYTES = 65_519;
const DEADLINE = { deadlineMs: 600_000 };

interface Link {
  readonly network: PeerNetwork;
  readonly peer: PeerId;
  readonly child: ChildProcess;
  readonly barePort: number;
}

interface Costs {
  bytes: number;
  seconds: number;
  sendSeconds: number;
  receiveSeconds: number;
}

let link: Link | undefined;
const costs: Record<"peer" | "bare", Costs> = { peer: noCosts(), bare: noCosts() };
let delaysMs: Record<"alone" | "together", number[]> = { alone: [], together: [] };

export const bench: Bench = {
  name: "peer-link",
  async prepare(size): Promise<BenchGroup[]> {
    const opened = await openLink();
    link = opened;
    delaysMs = { alone: [], together: [] };
    const bytes = BULK_BYTES[size];
    const calls = CALLS[size];
    return [
      {
        name: "one stream",
        unit: "MB/s",
        rounds: 5,
        cases: [
          { name: "bulk write", work: bytes, run: () => metered(opened, "peer", bytes, writeBulk) },
          {
            name: "bare node:net",
            work: bytes,
            yardstick: true,
            run: () => metered(opened, "bare", bytes, writeBare),
          },
          { name: "ChaCha20-Poly1305, 64 KiB frames", work: bytes, run: () => encipher(bytes) },
        ],
      },
      {
        name: "calls of 200 bytes",
        unit: "op/s",
        rounds: 5,
        cases: [
          {
            name: "64 at a time",
            work: calls,
            run: () => call(opened, calls, CONCURRENT, delaysMs.together),
          },
          {
            name: "one at a time",
            work: calls / 10,
            run: () => call(opened, calls / 10, 1, delaysMs.alone),
          },
        ],
      },
    ];
  },
  async readings(): Promise<readonly BenchReading[]> {
    const perGigabyte = (seconds: number, { bytes }: Costs) => (seconds / bytes) * 1e9;
    const { peer, bare } = costs;
    const goal = 1.5;
    return [
      { name: "sender", unit: "s/GB", value: perGigabyte(peer.sendSeconds, peer), goal },
      { name: "receiver", unit: "s/GB", value: perGigabyte(peer.receiveSeconds, peer), goal },
      { name: "bare sender", unit: "s/GB", value: perGigabyte(bare.sendSeconds, bare), goal },
      { name: "bare receiver", unit: "s/GB", value: perGigabyte(bare.receiveSeconds, bare), goal },
      { name: "call, 64 at a time, p50", unit: "ms", value: median(delaysMs.together), goal: 5 },
      { name: "call, one at a time, p50", unit: "ms", value: median(delaysMs.alone), goal: 0.5 },
    ];
  },
  async close() {
    const opened = link;
    link = undefined;
    if (opened === undefined) return;
    opened.child.kill();
    await opened.network.close();
  },
};

async function openLink(): Promise<Link> {
  const program = fileURLToPath(new URL("../load/peer-sink-process.js", import.meta.url));
  const child = fork(program, ["peer-sink"]);
  const ready = new Promise<SinkReady>((resolve, reject) => {
    child.once("message", (message: SinkReady) => resolve(message));
    child.once("exit", () => reject(new Error("the far side did not start")));
  });
  const [{ network }, { id, ports, barePort }] = await Promise.all([openLinkEnd(1), ready]);
  await ask(child, { ask: "members", id: network.self, ports: network.ports });
  const up = new Promise<void>((resolve) => {
    network.onStatus(({ state }) => {
      if (state === "up") resolve();
    });
  });
  network.setMembers([{ id, host: "127.0.0.1", ports }]);
  await up;
  return { network, peer: id, child, barePort };
}

function ask(child: ChildProcess, question: SinkQuestion): Promise<NodeJS.CpuUsage> {
  return new Promise((resolve) => {
    child.once("message", ({ cpu }: { cpu: NodeJS.CpuUsage }) => resolve(cpu));
    child.send(question);
  });
}

async function metered(
  opened: Link,
  name: "peer" | "bare",
  bytes: number,
  run: (opened: Link, bytes: number) => Promise<void>,
): Promise<void> {
  const far = await ask(opened.child, { ask: "cpu" });
  const near = process.cpuUsage();
  const startMs = performance.now();
  await run(opened, bytes);
  const cost = costs[name];
  cost.seconds += (performance.now() - startMs) / 1000;
  cost.sendSeconds += secondsOf(process.cpuUsage(near));
  cost.receiveSeconds += secondsOf(await ask(opened.child, { ask: "cpu" })) - secondsOf(far);
  cost.bytes += bytes;
}

function secondsOf({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1e6;
}

async function writeBulk({ network, peer }: Link, bytes: number): Promise<void> {
  const writer = network.openBulkWrite(peer, Buffer.alloc(0), DEADLINE);
  const ahead: Promise<unknown>[] = [];
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    ahead.push(writer.send({ offset: at % LINK_MEMORY_BYTES, length: PIECE_BYTES }));
    if (ahead.length < LINK_MEMORY_BYTES / PIECE_BYTES / 2) continue;
    const error = await ahead.shift();
    if (error !== undefined) throw new Error(JSON.stringify(error));
  }
  const reply = await writer.finish();
  if (!reply.ok || Buffer.from(reply.payload).toString() !== `${bytes}`) {
    throw new Error(`not all bytes arrived: ${JSON.stringify(reply)}`);
  }
}

function writeBare({ barePort }: Link, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const piece = new Uint8Array(new SharedArrayBuffer(PIECE_BYTES));
    const socket = connect(barePort, "127.0.0.1");
    let sent = 0;
    const header = Buffer.alloc(8);
    header.writeBigUInt64LE(BigInt(bytes));
    const pump = () => {
      while (sent < bytes) {
        sent += PIECE_BYTES;
        if (!socket.write(piece)) return;
      }
    };
    socket.on("error", reject);
    socket.on("drain", pump);
    socket.on("data", () => socket.end());
    socket.on("close", () => resolve());
    socket.on("connect", () => {
      socket.write(header);
      pump();
    });
  });
}

function encipher(bytes: number): void {
  const key = Buffer.alloc(32, 1);
  const nonce = Buffer.alloc(12);
  const frame = new Uint8Array(FRAME_BYTES);
  for (let at = 0; at < bytes; at += FRAME_BYTES) {
    nonce.writeUInt32LE(at / FRAME_BYTES, 4);
    const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: 16 });
    cipher.update(frame);
    cipher.final();
    cipher.getAuthTag();
  }
}

async function call(
  { network, peer }: Link,
  count: number,
  concurrent: number,
  delays: number[],
): Promise<void> {
  const payload = Buffer.alloc(CALL_BYTES);
  let left = count;
  await Promise.all(
    Array.from({ length: concurrent }, async () => {
      while (left-- > 0) {
        const startMs = performance.now();
        const result = await network.call(peer, "echo", payload, DEADLINE);
        delays.push(performance.now() - startMs);
        if (!result.ok) throw new Error(JSON.stringify(result.error));
      }
    }),
  );
}

function noCosts(): Costs {
  return { bytes: 0, seconds: 0, sendSeconds: 0, receiveSeconds: 0 };
}

function median(values: number[]): number {
  return values.sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}
