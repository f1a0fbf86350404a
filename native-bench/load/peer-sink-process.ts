/**
 * The far side of the peer-link bench, in a process of its own so that its processor time can be
 * told apart: a node that takes bulk writes and echoes calls, and a bare socket that drops bytes.
 */
import { createServer } from "node:net";
import { openPeerNetwork } from "../../cluster/peers/open-peer-network.ts";
import { type PeerId, readPeerIdentity } from "../../cluster/peers/peer-id.ts";
import { DEFAULT_PEER_LIMITS } from "../../cluster/peers/peer-limits.ts";
import type { BulkReceiver, PeerNetwork } from "../../cluster/peers/peer-network.ts";
import { silentLogger } from "../../src/base/log.ts";
import { systemClock } from "../../src/node/system-clock.ts";

/** Bytes of one `send` and of one `receive`. */
export const PIECE_BYTES: number = 256 * 1024;
const PIECES = 16;
export const LINK_MEMORY_BYTES: number = PIECES * PIECE_BYTES;

export interface SinkReady {
  readonly id: PeerId;
  readonly ports: readonly number[];
  readonly barePort: number;
}

export type SinkQuestion =
  | { readonly ask: "members"; readonly id: PeerId; readonly ports: readonly number[] }
  | { readonly ask: "cpu" };

export async function openLinkEnd(seed: number): Promise<{
  readonly network: PeerNetwork;
  readonly memory: SharedArrayBuffer;
}> {
  const memory = new SharedArrayBuffer(LINK_MEMORY_BYTES);
  const network = await openPeerNetwork(
    {
      identity: readPeerIdentity(Buffer.alloc(32, seed)),
      clusterId: "bench",
      softwareVersion: "0",
      memory,
      listen: { host: "127.0.0.1", ports: [0] },
      limits: DEFAULT_PEER_LIMITS,
    },
    {
      clock: systemClock,
      logger: silentLogger,
      onFatal: (reason) => {
        throw new Error(reason);
      },
    },
  );
  return { network, memory };
}

/** Receives to the end, a few pieces ahead. */
export async function drain(receiver: BulkReceiver): Promise<number> {
  let total = 0;
  const ahead: ReturnType<BulkReceiver["receive"]>[] = [];
  for (let piece = 0; ; piece++) {
    ahead.push(receiver.receive({ offset: (piece % PIECES) * PIECE_BYTES, length: PIECE_BYTES }));
    if (ahead.length < PIECES / 2) continue;
    const receipt = await ahead.shift();
    if (receipt === undefined || !receipt.ok) throw new Error(JSON.stringify(receipt));
    total += receipt.length;
    if (receipt.length < PIECE_BYTES) return total;
  }
}

async function main(): Promise<void> {
  const { network } = await openLinkEnd(2);
  network.serve("echo", (payload) => payload);
  network.serveBulk({
    write: async (_, receiver) => Buffer.from(`${await drain(receiver)}`),
    read: () => Buffer.alloc(0),
  });
  const bare = createServer((socket) => {
    let wanted = 0;
    let got = 0;
    socket.on("error", () => socket.destroy());
    // The first eight bytes say how many follow; one byte answers when all are here.
    socket.on("data", (bytes) => {
      if (wanted === 0) wanted = Number(bytes.readBigUInt64LE(0)) + 8;
      got += bytes.length;
      if (got >= wanted) socket.end("x");
    });
  });
  await new Promise<void>((resolve) => bare.listen(0, "127.0.0.1", resolve));
  const address = bare.address();
  const barePort = typeof address === "object" && address !== null ? address.port : 0;
  process.on("message", (question: SinkQuestion) => {
    if (question.ask === "cpu") process.send?.({ cpu: process.cpuUsage() });
    else {
      const { id, ports } = question;
      network.setMembers([{ id, host: "127.0.0.1", ports }]);
      process.send?.({ cpu: process.cpuUsage() });
    }
  });
  const ready: SinkReady = { id: network.self, ports: network.ports, barePort };
  process.send?.(ready);
}

if (process.argv[2] === "peer-sink") await main();
