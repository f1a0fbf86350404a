/** Opens the real peer network: a thread for each lane, and the front's end of them here. */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { Clock } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import type { LaneHandle } from "./lane-client.ts";
import type { LaneStart } from "./lane-messages.ts";
import { NetworkFront } from "./network-front.ts";
import type { PeerIdentity } from "./peer-id.ts";
import { type PeerLimits, PROTOCOL_VERSIONS } from "./peer-limits.ts";
import type { PeerNetwork, VersionRange } from "./peer-network.ts";

export interface PeerNetworkOptions {
  readonly identity: PeerIdentity;
  readonly clusterId: string;
  readonly softwareVersion: string;
  /** One port, 0 for any, for each lane; so many threads are started. */
  readonly listen: { readonly host: string; readonly ports: readonly number[] };
  /** What bulk streams read and write; places are offsets in it. */
  readonly memory: SharedArrayBuffer;
  readonly limits: PeerLimits;
  /** Of another release, for tests of upgrades. */
  readonly versions?: VersionRange;
}

export interface PeerNetworkModules {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A network thread has ended by itself: this node cannot be reached any more. */
  onFatal(reason: string): void;
}

/**
 * A thread's young objects live here: frames and their pieces die young, and there are many. Less serves
 * calls as well, but bytes of bulk streams then outlive their scavenges.
 */
const YOUNG_GENERATION_MB = 32;
/**
 * How much a heap may grow between full collections. Frames and pieces lie outside of the heap and count
 * as growth, dead or not, and V8 lets a heap of 15 MB grow by 8: a network thread made a full collection
 * every few hundred calls. The flag is one for all threads, and is looked at after each collection.
 */
const HEAP_GROWTH = "--heap-growing-percent=200";

export async function openPeerNetwork(
  options: PeerNetworkOptions,
  modules: PeerNetworkModules,
): Promise<PeerNetwork> {
  setFlagsFromString(HEAP_GROWTH);
  const { identity, listen, limits, memory } = options;
  const lanes = listen.ports.map((port, lane) => {
    const { clusterId, softwareVersion, versions = PROTOCOL_VERSIONS } = options;
    const { host } = listen;
    const { secret } = identity;
    const common = { clusterId, softwareVersion, versions, limits, memory, secret };
    return startLane({ ...common, lane, listen: { host, port } });
  });
  return NetworkFront.open(
    { self: identity.id, limits, memoryBytes: memory.byteLength },
    {
      clock: modules.clock,
      logger: modules.logger,
      onFatal: (reason) => modules.onFatal(reason),
      lanes,
      afterTurn: (callback) => void setImmediate(callback),
    },
  );
}

function startLane(start: LaneStart): LaneHandle {
  const worker = new Worker(new URL("./network-worker.js", import.meta.url), {
    workerData: start,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  let failure: string | undefined;
  worker.on("error", (error) => {
    failure = error.message;
  });
  return {
    port: {
      post: (items, transfer) => worker.postMessage(items, transfer),
      onMessage: (callback) => void worker.on("message", callback),
    },
    onEnd(callback) {
      worker.on("exit", (code) => callback(`network thread ended: ${failure ?? `code ${code}`}`));
    },
    terminate: async () => void (await worker.terminate()),
  };
}
