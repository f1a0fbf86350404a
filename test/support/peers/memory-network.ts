/**
 * The twin of the real peer network for simulations: the same front and lanes, on wires in memory
 * and in one thread. Everything it does follows from the clock and the randomness of its wires.
 *
 * `openThreadlessNetwork` does the same on any transport, for tests of the real one that need not
 * wait for threads to start.
 */
import type { LaneHandle } from "../../../cluster/peers/lane-client.ts";
import type { LaneStart } from "../../../cluster/peers/lane-messages.ts";
import { NetworkFront } from "../../../cluster/peers/network-front.ts";
import { NetworkLane } from "../../../cluster/peers/network-lane.ts";
import type { PeerIdentity } from "../../../cluster/peers/peer-id.ts";
import {
  DEFAULT_PEER_LIMITS,
  type PeerLimits,
  PROTOCOL_VERSIONS,
} from "../../../cluster/peers/peer-limits.ts";
import type { PeerNetwork, VersionRange } from "../../../cluster/peers/peer-network.ts";
import type { PeerTransport, TransportListener } from "../../../cluster/peers/peer-transport.ts";
import type { Clock } from "../../../src/base/clock.ts";
import { type Logger, silentLogger } from "../../../src/base/log.ts";
import type { Random } from "../../../src/base/random.ts";
import type { MemoryWires } from "./memory-transport.ts";

export interface MemoryNodeOptions {
  readonly identity: PeerIdentity;
  readonly clusterId: string;
  readonly softwareVersion: string;
  readonly memory: SharedArrayBuffer;
  readonly limits?: PeerLimits;
  readonly versions?: VersionRange;
  readonly lanes?: number;
  /** Of this node, where it goes wrong; otherwise that of the wires. */
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Opens a node on the wires. */
export function openMemoryNetwork(
  wires: MemoryWires,
  options: MemoryNodeOptions,
): Promise<PeerNetwork> {
  const { id } = options.identity;
  return openThreadlessNetwork(options, {
    clock: options.clock ?? wires.options.clock,
    random: wires.options.random,
    afterTurn: queueMicrotask,
    startTransport: async (_, listener) => wires.attach(id, listener),
  });
}

export interface ThreadlessModules {
  readonly clock: Clock;
  readonly random: Random;
  afterTurn(callback: () => void): void;
  startTransport(start: LaneStart, listener: TransportListener): Promise<PeerTransport>;
}

/** Opens a node whose lanes are in this thread. */
export function openThreadlessNetwork(
  options: MemoryNodeOptions,
  modules: ThreadlessModules,
): Promise<PeerNetwork> {
  const { identity, memory, limits = DEFAULT_PEER_LIMITS } = options;
  const lanes = Array.from({ length: options.lanes ?? 1 }, (_, lane) => {
    const { clusterId, softwareVersion, versions = PROTOCOL_VERSIONS } = options;
    const { secret } = identity;
    const listen = { host: "127.0.0.1", port: 0 };
    const common = { clusterId, softwareVersion, versions, limits, memory, secret };
    return startLane({ ...common, lane, listen }, identity, modules);
  });
  return NetworkFront.open(
    { self: identity.id, limits, memoryBytes: memory.byteLength },
    {
      clock: modules.clock,
      logger: options.logger ?? silentLogger,
      lanes,
      afterTurn: (callback) => modules.afterTurn(callback),
      onFatal: (reason) => {
        throw new Error(reason);
      },
    },
  );
}

function startLane(
  start: LaneStart,
  identity: PeerIdentity,
  modules: ThreadlessModules,
): LaneHandle {
  const toLane = new Mailbox();
  const toFront = new Mailbox();
  const opening = NetworkLane.open(start, {
    clock: modules.clock,
    random: modules.random,
    self: identity.id,
    afterTurn: (callback) => modules.afterTurn(callback),
    port: {
      post: (items) => toFront.post(items),
      onMessage: (callback) => toLane.open(callback),
    },
    startTransport: (listener) => modules.startTransport(start, listener),
  });
  opening.catch((error: unknown) => toFront.post([{ kind: "failed", message: String(error) }]));
  return {
    port: {
      post: (items) => toLane.post(items),
      onMessage: (callback) => toFront.open(callback),
    },
    onEnd: () => {},
    terminate: async () => {},
  };
}

/** A message port within a thread: in order, and never before the sender has returned. */
class Mailbox {
  #waiting: (readonly unknown[])[] = [];
  #callback: ((items: readonly unknown[]) => void) | undefined;

  post(items: readonly unknown[]): void {
    this.#waiting.push(items);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#deliver());
  }

  open(callback: (items: readonly unknown[]) => void): void {
    this.#callback = callback;
    queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    const callback = this.#callback;
    if (callback === undefined) return;
    const messages = this.#waiting;
    this.#waiting = [];
    for (const items of messages) callback(items);
  }
}
