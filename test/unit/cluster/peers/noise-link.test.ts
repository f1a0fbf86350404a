/** Our way through a Noise connection against the library's own at the other end, byte for byte. */
import "../../../../cluster/peers/with-resolvers.ts";
import type { MessageStream } from "@libp2p/interface";
import { defaultLogger } from "@libp2p/logger";
import { noise } from "@libp2p/noise";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { test } from "tap";
import { Uint8ArrayList } from "uint8arraylist";
import { batchedNoise } from "../../../../cluster/peers/batched-noise.ts";
import { privateKeyOf } from "../../../../cluster/peers/libp2p-key.ts";
import {
  NOISE_PLAIN_BYTES_MAX,
  type NoiseLink,
  noiseLinkOf,
  takeOver,
} from "../../../../cluster/peers/noise-link.ts";

/** Around every bound at which another way is taken. */
const LENGTHS = [1, 2, 15, 1183, 1184, 1200, 4096, 16_383, 16_384, 32_768, 65_519, 65_520, 600_001];

async function secure() {
  const [near, far] = multiaddrConnectionPair();
  const encrypterOf = async (make: typeof noise, seed: number) => {
    const privateKey = await privateKeyOf(Buffer.alloc(32, seed));
    const peerId = peerIdFromPrivateKey(privateKey);
    const upgrader = { getStreamMuxers: () => new Map(), getConnectionEncrypters: () => new Map() };
    const components = { privateKey, peerId, upgrader, logger: defaultLogger() };
    // The parts of a node that the handshake looks at.
    return make()(components as unknown as Parameters<ReturnType<typeof noise>>[0]);
  };
  const [ours, theirs] = await Promise.all([encrypterOf(batchedNoise, 1), encrypterOf(noise, 2)]);
  const [nearEnd, farEnd] = await Promise.all([
    ours.secureOutbound(near, {}),
    theirs.secureInbound(far, {}),
  ]);
  const link = noiseLinkOf(nearEnd.connection);
  if (link === undefined) throw new Error("the connection was not taken over");
  return { link, near: nearEnd.connection, far: farEnd.connection };
}

function bytesOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at % 251));
}

/** Resolves with so many bytes as they came. */
function collect(length: number, on: (take: (piece: Uint8Array) => void) => void): Promise<Buffer> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let left = length;
    on((piece) => {
      pieces.push(Buffer.from(piece));
      left -= piece.length;
      if (left <= 0) resolve(Buffer.concat(pieces));
    });
  });
}

function fromEvents(stream: MessageStream) {
  return (take: (piece: Uint8Array) => void) =>
    stream.addEventListener("message", ({ data }) => take(data.subarray()));
}

const fromLink = (link: NoiseLink) => (take: (piece: Uint8Array) => void) => link.listen(take);

test("NoiseLink: the library reads what is written, and memory may change at once", async (t) => {
  const { link, far } = await secure();
  const all = Buffer.concat(LENGTHS.map(bytesOf));
  const received = collect(all.length, fromEvents(far));
  for (const length of LENGTHS) {
    const piece = bytesOf(length);
    link.write(piece);
    piece.fill(0xff);
  }
  t.ok(all.equals(await received));
  t.equal(link.queuedBytes, 0);
});

test("NoiseLink: reads what the library writes", async (t) => {
  const { link, far } = await secure();
  const all = Buffer.concat(LENGTHS.map(bytesOf));
  const received = collect(all.length, fromLink(link));
  for (const length of LENGTHS) far.send(new Uint8ArrayList(bytesOf(length)));
  t.ok(all.equals(await received));
});

test("NoiseLink: what is written in one run of code is one message", async (t) => {
  const { link, far } = await secure();
  let messages = 0;
  far.addEventListener("message", () => void messages++);
  const received = collect(3000, fromEvents(far));
  for (let count = 0; count < 30; count++) link.write(bytesOf(100));
  await received;
  t.equal(messages, 1);
  t.ok(NOISE_PLAIN_BYTES_MAX > 3000);
});

test("NoiseLink: a message that was tampered with ends the connection", async (t) => {
  const { near, far } = await secure();
  const end = new Promise((resolve) => near.addEventListener("close", resolve));
  const raw = (far as unknown as { stream: MessageStream }).stream; // the library keeps it to itself
  raw.send(Buffer.concat([Buffer.from([0, 40]), Buffer.alloc(40, 1)]));
  await end;
  t.not(near.status, "open");
});

test("takeOver: a connection of an unknown make is refused", async (t) => {
  const [near] = multiaddrConnectionPair();
  t.throws(() => takeOver(near), /the library's that this was written for/);
});
