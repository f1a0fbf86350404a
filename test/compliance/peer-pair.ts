/** Two peer networks that know each other, of the kind under test. */
import type { Test } from "tap";
import type { PeerId } from "../../cluster/peers/peer-id.ts";
import type { PeerMember, PeerNetwork, PeerResult } from "../../cluster/peers/peer-network.ts";

export interface NodeUnderTest {
  readonly network: PeerNetwork;
  readonly memory: SharedArrayBuffer;
}

export interface NetworkUnderTest {
  readonly name: string;
  /** Opens a node with an identity of its own for each `seed`. */
  open(seed: number, options?: { readonly clusterId?: string }): Promise<NodeUnderTest>;
}

export const LONG = { deadlineMs: 120_000 };

export interface Pair {
  readonly a: NodeUnderTest;
  readonly b: NodeUnderTest;
  readonly members: readonly PeerMember[];
}

export function memberOf(network: PeerNetwork): PeerMember {
  return { id: network.self, host: "127.0.0.1", ports: network.ports };
}

export function reached(network: PeerNetwork, peer: PeerId, state: string): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (network.statusOf(peer).state !== state) return;
      stop();
      resolve();
    };
    const stop = network.onStatus(look);
    look();
  });
}

export async function openPair(under: NetworkUnderTest, t: Test): Promise<Pair> {
  const [a, b] = await Promise.all([under.open(1), under.open(2)]);
  t.teardown(() => Promise.all([a.network.close(), b.network.close()]));
  const members = [memberOf(a.network), memberOf(b.network)];
  a.network.setMembers(members);
  b.network.setMembers(members);
  await Promise.all([
    reached(a.network, b.network.self, "up"),
    reached(b.network, a.network.self, "up"),
  ]);
  return { a, b, members };
}

export function textOf(result: PeerResult): string {
  return result.ok ? Buffer.from(result.payload).toString() : JSON.stringify(result.error);
}
