/** Entry of a network thread: one lane on libp2p, the real clock and real randomness. */
import "./with-resolvers.ts";
import { randomBytes, randomInt } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../src/base/assert.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { Random } from "../../src/base/random.ts";
import type { LanePort, LaneStart } from "./lane-messages.ts";
import { startLibp2pHost } from "./libp2p-host.ts";
import { NetworkLane } from "./network-lane.ts";
import { readPeerIdentity } from "./peer-id.ts";

/** Beyond this a timer would fire at once; no exchange lasts so long. */
const TIMER_MS_LONGEST = 2 ** 31 - 1;

const clock: Clock = {
  // biome-ignore lint/style/noRestrictedGlobals: the entry of a thread makes its own collaborators
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    // biome-ignore lint/style/noRestrictedGlobals: the entry of a thread makes its own collaborators
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_MS_LONGEST));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

const random: Random = {
  bytes: (count) => randomBytes(count),
  below: (bound) => randomInt(bound),
};

async function run(start: LaneStart, port: LanePort): Promise<void> {
  const { secret, listen, limits } = start;
  try {
    const { id: self } = readPeerIdentity(secret);
    await NetworkLane.open(start, {
      clock,
      random,
      port,
      self,
      afterTurn: (callback) => void setImmediate(callback),
      startTransport: (listener) => startLibp2pHost({ secret, listen, limits }, listener),
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.post([{ kind: "failed", message }], []);
  }
}

const parent = parentPort;
assert(parent !== null, "runs as a worker thread");
// Written by `openPeerNetwork`, which gives exactly this.
await run(workerData as LaneStart, {
  post: (items, transfer) => parent.postMessage(items, transfer),
  onMessage: (callback) => void parent.on("message", callback),
});
