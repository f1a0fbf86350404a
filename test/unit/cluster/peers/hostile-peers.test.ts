/**
 * Peers that misbehave, over real sockets: each loses its own stream or connection, nothing piles
 * up, and a well-behaved peer goes on meanwhile. The hostile side runs libp2p's own Noise and yamux,
 * which also shows that ours are the same on the wire.
 */
import "../../../../cluster/peers/with-resolvers.ts";
import { connect } from "node:net";
import type { Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { type Test, t, test } from "tap";
import {
  encodeFrame,
  type Frame,
  FrameReader,
  NO_DEADLINE,
} from "../../../../cluster/peers/frame.ts";
import { encodeHello } from "../../../../cluster/peers/hello.ts";
import { startLibp2pHost } from "../../../../cluster/peers/libp2p-host.ts";
import { privateKeyOf } from "../../../../cluster/peers/libp2p-key.ts";
import { readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import {
  DEFAULT_PEER_LIMITS,
  FRAME_BYTES_MAX,
  type PeerLimits,
} from "../../../../cluster/peers/peer-limits.ts";
import type { PeerNetwork } from "../../../../cluster/peers/peer-network.ts";
import { STREAM_PROTOCOLS } from "../../../../cluster/peers/peer-transport.ts";
import { systemClock } from "../../../../src/node/system-clock.ts";
import { systemRandom } from "../../../../src/node/system-random.ts";
import { memberOf, reached } from "../../../compliance/peer-pair.ts";
import { openThreadlessNetwork } from "../../../support/peers/memory-network.ts";

// The clock's timers do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

const LONG = { deadlineMs: 60_000 };
const NOTHING = Buffer.alloc(0);

async function openNode(seed: number, limits: Partial<PeerLimits> = {}): Promise<PeerNetwork> {
  return openThreadlessNetwork(
    {
      identity: readPeerIdentity(Buffer.alloc(32, seed)),
      clusterId: "test",
      softwareVersion: "1",
      memory: new SharedArrayBuffer(64 * 1024),
      limits: { ...DEFAULT_PEER_LIMITS, ...limits },
    },
    {
      clock: systemClock,
      random: systemRandom,
      afterTurn: (callback) => void setImmediate(callback),
      startTransport: ({ secret, listen, limits: its }, listener) =>
        startLibp2pHost({ secret, listen, limits: its }, listener),
    },
  );
}

interface Scene {
  readonly victim: PeerNetwork;
  readonly friend: PeerNetwork;
  readonly hostile: Libp2p;
  /** The well-behaved peer is still served. */
  friendIsServed(): Promise<void>;
}

async function openScene(t: Test, limits: Partial<PeerLimits> = {}): Promise<Scene> {
  const [victim, friend, hostile] = await Promise.all([
    openNode(1, limits),
    openNode(2),
    privateKeyOf(Buffer.alloc(32, 3)).then((privateKey) =>
      createLibp2p({
        privateKey,
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionMonitor: { enabled: false },
        connectionGater: { denyDialMultiaddr: () => false },
      }),
    ),
  ]);
  t.teardown(() => Promise.all([victim.close(), friend.close(), hostile.stop()]));
  const { id } = readPeerIdentity(Buffer.alloc(32, 3));
  victim.serve("echo", (payload) => payload);
  victim.setMembers([memberOf(friend), { id, host: "127.0.0.1", ports: [9] }]);
  friend.setMembers([memberOf(victim)]);
  await reached(friend, victim.self, "up");
  const friendIsServed = async () => {
    const reply = await friend.call(victim.self, "echo", Buffer.from("still"), LONG);
    t.ok(reply.ok, "a friend is served all the same");
  };
  return { victim, friend, hostile, friendIsServed };
}

function openStream({ victim, hostile }: Scene, protocol: string): Promise<Stream> {
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${victim.ports[0]}/p2p/${victim.self}`);
  return hostile.dialProtocol(address, protocol, { maxOutboundStreams: 1000 });
}

function frame(kind: Frame["kind"], id: number, method: string, payload: Uint8Array): Buffer {
  const version = kind === "hello" ? 0 : 1;
  return encodeFrame({ version, kind, id, deadlineMs: NO_DEADLINE, method, payload });
}

async function greeting(): Promise<Buffer> {
  const { id: nodeId } = readPeerIdentity(Buffer.alloc(32, 3));
  const versions = { oldest: 1, newest: 1 };
  const hello = { versions, clusterId: "test", nodeId, softwareVersion: "1", lane: 0 };
  return frame("hello", 0, "", encodeHello({ ...hello, nowMs: systemClock.nowMs() }));
}

function ended(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.status !== "open") resolve();
    stream.addEventListener("close", () => resolve());
    stream.addEventListener("remoteCloseWrite", () => resolve());
  });
}

/** The frames that come back. */
function collect(stream: Stream): {
  readonly frames: Frame[];
  until(count: number): Promise<void>;
} {
  const frames: Frame[] = [];
  const reader = new FrameReader(FRAME_BYTES_MAX);
  let look = () => {};
  stream.addEventListener("message", ({ data }) => {
    for (const piece of data instanceof Uint8Array ? [data] : data) {
      reader.push(Uint8Array.from(piece), (one) => frames.push(one));
    }
    look();
  });
  return {
    frames,
    until: (count) =>
      new Promise((resolve) => {
        look = () => {
          if (frames.length >= count) resolve();
        };
        look();
      }),
  };
}

test("hostile peers: libp2p's own Noise and yamux speak with ours", async (t) => {
  const scene = await openScene(t);
  const stream = await openStream(scene, STREAM_PROTOCOLS.rpc);
  const { frames, until } = collect(stream);
  stream.send(await greeting());
  await until(1);
  t.equal(frames[0]?.kind, "hello");
  const payload = Buffer.alloc(300_000, "interoperable");
  stream.send(frame("request", 7, "echo", payload));
  await until(2);
  t.equal(frames[1]?.kind, "reply");
  t.equal(frames[1]?.id, 7);
  t.equal(Buffer.compare(frames[1]?.payload ?? NOTHING, payload), 0);
});

test("hostile peers: garbage, wrong order and lying lengths end the stream, and only it", async (t) => {
  const scene = await openScene(t);
  const lie = Buffer.alloc(16);
  lie.writeUInt32LE(0xfffffff0, 0);
  const hello = await greeting();
  const wrong: [string, Buffer[]][] = [
    ["garbage", [Buffer.alloc(5000, 0x5a)]],
    ["a lying length", [lie]],
    ["a request before the hello", [frame("request", 1, "echo", NOTHING)]],
    ["an oversized hello", [frame("hello", 0, "", Buffer.alloc(5000))]],
    ["an oversized frame", [hello, lie]],
    ["a second hello", [hello, hello]],
    ["an answer that nobody asked for", [hello, frame("reply", 1, "", NOTHING)]],
    [
      "one id twice",
      [
        Buffer.concat([
          hello,
          frame("request", 1, "hang", NOTHING),
          frame("request", 1, "hang", NOTHING),
        ]),
      ],
    ],
  ];
  scene.victim.serve("hang", () => new Promise(() => {}));
  for (const [what, bytes] of wrong) {
    const stream = await openStream(scene, STREAM_PROTOCOLS.rpc);
    const end = ended(stream);
    stream.addEventListener("message", () => {});
    for (const piece of bytes) if (stream.status === "open") stream.send(piece);
    await end;
    t.pass(what);
  }
  const bulk = await openStream(scene, STREAM_PROTOCOLS.bulk);
  // Without a hello it may be gone already.
  if (bulk.status === "open") bulk.send(Buffer.alloc(64, 0xff));
  await ended(bulk);
  await scene.friendIsServed();
});

test("hostile peers: who says nothing is cut off, on a stream and on a socket", async (t) => {
  const scene = await openScene(t, { connectMs: 1500 });
  const silent = await openStream(scene, STREAM_PROTOCOLS.rpc);
  const sockets = Array.from({ length: 20 }, () => {
    const socket = connect(scene.victim.ports[0] ?? 0, "127.0.0.1");
    socket.on("error", () => socket.destroy());
    return new Promise((resolve) => socket.on("close", resolve));
  });
  await scene.friendIsServed();
  await Promise.all([ended(silent), ...sockets]);
  await scene.friendIsServed();
});

test("hostile peers: a flood of calls is told busy beyond its bound", async (t) => {
  const scene = await openScene(t, { servedInFlightMax: 50 });
  let called = 0;
  scene.victim.serve("hang", () => {
    called += 1;
    return new Promise(() => {});
  });
  const stream = await openStream(scene, STREAM_PROTOCOLS.rpc);
  const { frames, until } = collect(stream);
  stream.send(await greeting());
  const flood = Array.from({ length: 2000 }, (_, index) =>
    frame("request", index, "hang", NOTHING),
  );
  stream.send(Buffer.concat(flood));
  await until(1 + 1950);
  t.equal(frames.filter(({ kind }) => kind === "failure").length, 1950);
  await scene.friendIsServed();
  t.equal(called, 50);
});

test("hostile peers: who does not read answers is no longer asked for questions", async (t) => {
  const scene = await openScene(t, { queuedBytesMax: 1024 * 1024 });
  const answer = Buffer.alloc(256 * 1024);
  let answered = 0;
  const large = () => {
    answered += 1;
    return answer;
  };
  scene.victim.serve("large", large, { inFlightMax: 8 });
  const stream = await openStream(scene, STREAM_PROTOCOLS.rpc);
  const { until } = collect(stream);
  stream.send(await greeting());
  await until(1);
  stream.pause();
  for (let round = 0; round < 100 && stream.status === "open"; round++) {
    const ids = Array.from({ length: 8 }, (_, index) => 8 * round + index);
    stream.send(Buffer.concat(ids.map((id) => frame("request", id, "large", NOTHING))));
    await scene.friendIsServed();
  }
  t.ok(answered >= 8 && answered < 200, `${answered} answers were made for 800 questions`);
});
