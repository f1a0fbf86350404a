/** The members of a cluster as peers and drives of peers have them. */
import type { ClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import { type PeerId, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerMember } from "../../../cluster/peers/peer-network.ts";
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";
import type { PeerDriveMember } from "../../object/cluster/peer-drives.ts";

/** Every member as the peer network has it, this node too. */
export function peerMembersOf({ members }: Pick<ClusterRecord, "members">): PeerMember[] {
  return members.nodes.flatMap((node) => {
    const id = parsePeerId(node.peerId);
    if (id === undefined || node.state === "removed") return [];
    const places = node.addresses.map(splitAddress);
    return [{ id, host: places[0]?.host ?? "", ports: places.map(({ port }) => port) }];
  });
}

/** The drives of the other nodes. */
export function peerDrivesOf(map: ClusterMap, self: PeerId): PeerDriveMember[] {
  return [...map.drives.values()].flatMap(({ node, drive }) => {
    const peer = parsePeerId(node.peerId);
    if (peer === undefined || peer === self) return [];
    const path = `${node.addresses[0] ?? node.nodeId}/drive ${drive.number}`;
    return [{ id: drive.driveId, index: drive.number, peer, path }];
  });
}

function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return {
    host: address.slice(0, at).replace(/^\[|\]$/g, ""),
    port: Number(address.slice(at + 1)),
  };
}
