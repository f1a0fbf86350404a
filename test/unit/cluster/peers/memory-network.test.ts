/** The twin in memory is a peer network. */
import { t } from "tap";
import { readPeerIdentity } from "../../../../cluster/peers/peer-id.ts";
import { systemClock } from "../../../../src/node/system-clock.ts";
import { testPeerNetwork } from "../../../compliance/peer-network.ts";
import { openMemoryNetwork } from "../../../support/peers/memory-network.ts";
import { MemoryWires } from "../../../support/peers/memory-transport.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const delayMs = { least: 0, most: 1 };
const wires = new MemoryWires({
  clock: systemClock,
  random: new SeededRandom(1),
  delayMs,
  breaksOneIn: 0,
});

// The clock's timers do not keep the process alive.
const alive = setInterval(() => {}, 1000);
t.teardown(() => clearInterval(alive));

testPeerNetwork({
  name: "memory network",
  async open(seed, { clusterId = "test" } = {}) {
    const memory = new SharedArrayBuffer(4 * 1024 * 1024);
    const identity = await readPeerIdentity(Buffer.alloc(32, seed));
    const softwareVersion = `0.0.${seed}`;
    const network = await openMemoryNetwork(wires, {
      identity,
      clusterId,
      softwareVersion,
      memory,
    });
    return { network, memory };
  },
});
