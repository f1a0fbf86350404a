/**
 * The real peer network over sockets of this machine: by the compliance suite without threads, which
 * take long to start, and then in threads as in production.
 */
import { t, test } from "tap";
import { startLibp2pHost } from "../../../../cluster/peers/libp2p-host.ts";
import { openPeerNetwork } from "../../../../cluster/peers/open-peer-network.ts";
import { readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { DEFAULT_PEER_LIMITS } from "../../../../cluster/peers/peer-limits.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { systemClock } from "../../../../src/node/system-clock.ts";
import { systemRandom } from "../../../../src/node/system-random.ts";
import { testPeerNetwork } from "../../../compliance/peer-network.ts";
import { memberOf, reached } from "../../../compliance/peer-pair.ts";
import { openThreadlessNetwork } from "../../../support/peers/memory-network.ts";

// The clock's timers do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

async function openInThread(seed: number, ports: readonly number[] = [0]) {
  const memory = new SharedArrayBuffer(4 * 1024 * 1024);
  const identity = readPeerIdentity(Buffer.alloc(32, seed));
  const softwareVersion = `0.0.${seed}`;
  const network = await openPeerNetwork(
    {
      identity,
      clusterId: "test",
      softwareVersion,
      memory,
      listen: { host: "127.0.0.1", ports },
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

testPeerNetwork({
  name: "libp2p network",
  async open(seed, { clusterId = "test" } = {}) {
    const memory = new SharedArrayBuffer(4 * 1024 * 1024);
    const identity = readPeerIdentity(Buffer.alloc(32, seed));
    const network = await openThreadlessNetwork(
      { identity, clusterId, softwareVersion: `0.0.${seed}`, memory },
      {
        clock: systemClock,
        random: systemRandom,
        afterTurn: (callback) => void setImmediate(callback),
        startTransport: ({ secret, listen, limits }, listener) =>
          startLibp2pHost({ secret, listen, limits }, listener),
      },
    );
    return { network, memory };
  },
});

test("libp2p network: works in threads; a port that is taken is an error at start", async (t) => {
  const [a, b] = await Promise.all([openInThread(1), openInThread(2)]);
  t.teardown(() => Promise.all([a.network.close(), b.network.close()]));
  const members = [memberOf(a.network), memberOf(b.network)];
  a.network.setMembers(members);
  b.network.setMembers(members);
  await reached(a.network, b.network.self, "up");
  b.network.serve("echo", (payload) => payload);
  b.network.serveBulk({
    write: async (_, receiver) => {
      const receipt = await receiver.receive({ offset: 0, length: 4096 });
      return Buffer.from(receipt.ok ? `${receipt.length}` : receipt.error.code);
    },
    read: () => Buffer.alloc(0),
  });
  const deadlineMs = 60_000;
  t.ok((await a.network.call(b.network.self, "echo", Buffer.alloc(9), { deadlineMs })).ok);
  Buffer.from(a.memory).fill("shard");
  const writer = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), { deadlineMs });
  t.equal(await writer.send({ offset: 0, length: 1000 }), undefined);
  const reply = await writer.finish();
  t.equal(reply.ok && Buffer.from(reply.payload).toString(), "1000");
  t.equal(Buffer.from(b.memory).toString("latin1", 0, 1000), "shard".repeat(200));
  await t.rejects(openInThread(3, a.network.ports), /EADDRINUSE|listen/);
});
