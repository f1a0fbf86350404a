import { test } from "tap";
import type { MemberNode } from "../../../../cluster/layout/members.ts";
import { newPeerIdentity, type PeerId } from "../../../../cluster/peers/peer-id.ts";
import type { PeerResult } from "../../../../cluster/peers/peer-network.ts";
import { NodeRemovedError, RemovalWatch } from "../../../../src/node/cluster/removal-watch.ts";
import type { ClusterMap } from "../../../../src/object/cluster/cluster-map.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const OK: PeerResult = { ok: true, payload: new Uint8Array(0) };
const STRANGER: PeerResult = {
  ok: false,
  error: { code: "refused", applied: "no", reason: { kind: "not-a-member" } },
};
const AWAY: PeerResult = { ok: false, error: { code: "unreachable", applied: "no", message: "" } };

/** Whether a node of four takes itself for removed after so many looks at these answers. */
async function verdict(
  state: MemberNode["state"],
  replies: readonly PeerResult[],
  looks: number,
): Promise<boolean> {
  const random = new SeededRandom(5);
  const peers: PeerId[] = [];
  for (let count = 0; count < 4; count++) peers.push(newPeerIdentity(random).id);
  const nodes = peers.map((peerId, at) => ({ peerId, state: at === 0 ? state : "active" }));
  const watch = new RemovalWatch({
    // What is looked at, of a map.
    map: () => ({ record: { members: { nodes } } }) as unknown as ClusterMap,
    network: {
      self: peers[0] as PeerId, // there are four
      call: (peer) => Promise.resolve(replies[peers.indexOf(peer) - 1] ?? AWAY),
    },
    clock: new ManualClock(),
  });
  let removed: Error | undefined;
  void watch.removed.then((error) => {
    removed = error;
  });
  for (let look = 0; look < looks; look++) await watch.look();
  await Promise.resolve();
  return removed instanceof NodeRemovedError;
}

test("RemovalWatch: a node that most others do not know is out, a drained one sooner", async (t) => {
  t.ok(await verdict("draining", [STRANGER, STRANGER, AWAY], 2));
  t.notOk(await verdict("draining", [STRANGER, STRANGER, STRANGER], 1), "once is not enough");
  t.notOk(await verdict("active", [STRANGER, STRANGER, STRANGER], 11), "it may have just come");
  t.ok(await verdict("active", [STRANGER, STRANGER, STRANGER], 12));
});

test("RemovalWatch: a node that anybody knows, or that is merely cut off, stays", async (t) => {
  t.notOk(await verdict("draining", [STRANGER, STRANGER, OK], 100));
  t.notOk(await verdict("draining", [STRANGER, AWAY, AWAY], 100));
  t.notOk(await verdict("active", [AWAY, AWAY, AWAY], 100));
});
