/** The first cluster record, made once by one node when all the others have offered themselves. */
import { assert } from "../../src/base/assert.ts";
import { newDriveId, newNodeId } from "../../src/base/ids.ts";
import type { Random } from "../../src/base/random.ts";
import type { Layout } from "../layout/layout.ts";
import { encodeLayout, layoutRefOf } from "../layout/layout-codec.ts";
import type { ClusterMembers, MemberNode } from "../layout/members.ts";
import { firstRing } from "../layout/ring-state.ts";
import type { PeerId } from "../peers/peer-id.ts";
import type { ClusterRecord } from "./cluster-record.ts";
import type { ListedNode, NodeOffer } from "./form-messages.ts";

export interface OfferedNode {
  readonly peer: PeerId;
  readonly offer: NodeOffer;
}

export interface Foundation {
  readonly record: ClusterRecord;
  readonly layout: Layout;
}

const ID_BYTES = 16;

/** `offers[i]` is that of `list[i]`. */
export function foundCluster(
  list: readonly ListedNode[],
  offers: readonly OfferedNode[],
  random: Random,
  buildLayout: (members: ClusterMembers) => Layout,
): Foundation {
  const nodes = list.map((listed, position): MemberNode => {
    const offered = offers[position];
    assert(offered !== undefined, "every node of the list has offered itself");
    return memberOf(listed, offered, random);
  });
  const members = { revision: 1, nodes };
  const layout = buildLayout(members);
  const clusterId = random.bytes(ID_BYTES).toString("hex");
  const ring = firstRing(layoutRefOf(encodeLayout(layout)));
  return { record: { clusterId, members, ring, membersBefore: undefined }, layout };
}

function memberOf(listed: ListedNode, { peer, offer }: OfferedNode, random: Random): MemberNode {
  const host = offer.peerHost.includes(":") ? `[${offer.peerHost}]` : offer.peerHost;
  return {
    nodeId: newNodeId(random),
    proposer: offer.position + 1,
    peerId: peer,
    addresses: offer.peerPorts.map((port) => `${host}:${port}`),
    zone: offer.zone,
    state: "active",
    drives: listed.drives.map((number, at) => ({
      driveId: newDriveId(random),
      number,
      capacityBytes: Math.max(1, offer.capacities[at] ?? 1),
      weight: undefined,
      state: "active",
    })),
  };
}
