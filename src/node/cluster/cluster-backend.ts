/**
 * A node of a cluster, once it knows which: builds drives, peer network and registers over all of
 * them.
 */
import { FormDesk } from "../../../cluster/forming/form-desk.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type { Settings } from "../../../config/schema.ts";
import type { Arena } from "../../actors/arena.ts";
import { KIB } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { ClusterAdministration } from "../../object/cluster/cluster-administration.ts";
import { ClusterMap } from "../../object/cluster/cluster-map.ts";
import { ClusterReplicas } from "../../object/cluster/cluster-replicas.ts";
import { DriveHost } from "../../object/cluster/drive-host.ts";
import { PeerBuffers } from "../../object/cluster/peer-buffers.ts";
import { PeerDrives } from "../../object/cluster/peer-drives.ts";
import { ReplicaGuard } from "../../object/cluster/replica-guard.ts";
import type { Store } from "../../store/store.ts";
import { peerDrivesOf, peerMembersOf } from "./cluster-members.ts";
import { openNetwork } from "./cluster-network.ts";
import { formingKey } from "./form-cluster.ts";
import { JoinDesks } from "./join-desks.ts";
import type { ClusterPlace } from "./node-place.ts";
import type { NodeList } from "./own-drives.ts";
import type { PeerCard } from "./peer-card.ts";

export interface ClusterModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface OpenedCluster {
  readonly replicas: ClusterReplicas;
  readonly peers: PeerDrives;
  readonly map: ClusterMap;
  readonly card: PeerCard;
  readonly network: PeerNetwork;
  readonly desks: JoinDesks;
  /** Changes of the members while the cluster runs. */
  readonly administration?: ClusterAdministration;
  close(): Promise<void>;
}

const PIECE_BYTES = 256 * KIB;
/** Of the arena, for each direction of the traffic with peers. */
const PEER_SHARE = 1 / 8;
/** The registers and drives of the cluster, over the store of this node. */
export async function openCluster(
  settings: Settings,
  place: ClusterPlace,
  parts: ClusterModules & {
    readonly arena: Arena;
    readonly store: Store;
    readonly version: string;
  },
): Promise<OpenedCluster> {
  const { arena, store, clock, random, log, version } = parts;
  const { identity, known, list, member } = place;
  const { record } = known;
  const map = new ClusterMap(record, known.layouts);
  const network = await openNetwork(
    { settings, identity, clusterId: record.clusterId, version },
    arena.memory.buffer,
    log,
    clock,
  );
  const own = store.drives.map((drive) => ({ drive, guard: new ReplicaGuard(drive) }));
  const stripes = Math.max(1, Math.floor(arena.stripeCount * PEER_SHARE));
  const buffers = new PeerBuffers(arena, { pieceBytes: PIECE_BYTES, stripes });
  new DriveHost({ drives: () => own, buffers }).serve(network);
  const peers = new PeerDrives({ network, clock });
  peers.take(peerDrivesOf(map, identity.id));
  const desks = new JoinDesks(list && (await listDesk(settings, list, { ...parts, network, map })));
  network.serveJoin(desks.answer);
  network.setMembers(peerMembersOf(record));
  peers.start();
  const replicas = new ClusterReplicas(
    map,
    { proposer: member.proposer, incarnation: store.incarnation },
    {
      own,
      peers,
      onOutdatedLayout: (newer) => log.warn("the cluster has a newer layout", { version: newer }),
      clock,
      random,
      log,
    },
  );
  const card = { peer: identity.id, ports: network.ports };
  return { replicas, peers, map, card, network, desks, close: () => network.close() };
}

/** For nodes that come late to the forming of a cluster from a list of URLs. */
async function listDesk(
  settings: Settings,
  list: NodeList,
  { network, map, clock, log }: ClusterModules & { network: PeerNetwork; map: ClusterMap },
): Promise<FormDesk> {
  const key = await formingKey({ settings, list });
  return new FormDesk(
    { self: network.self, list: list.nodes, key },
    { record: () => map.record, clock, log },
  );
}
