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
import { StoreError } from "../../base/store-error.ts";
import type { ClusterAdministration } from "../../object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";
import { ClusterReplicas } from "../../object/cluster/cluster-replicas.ts";
import { ClusterRing } from "../../object/cluster/cluster-ring.ts";
import { DriveHost } from "../../object/cluster/drive-host.ts";
import { PeerBuffers } from "../../object/cluster/peer-buffers.ts";
import { PeerDrives } from "../../object/cluster/peer-drives.ts";
import { RingKnowledge, type StoredRing } from "../../object/cluster/ring-knowledge.ts";
import type { Drive } from "../../store/drive.ts";
import type { Store } from "../../store/store.ts";
import { peerDrivesOf, peerMembersOf } from "./cluster-members.ts";
import { openNetwork } from "./cluster-network.ts";
import { formingKey } from "./form-cluster.ts";
import { JoinDesks } from "./join-desks.ts";
import { saveKnownCluster } from "./node-files.ts";
import type { ClusterPlace } from "./node-place.ts";
import type { NodeList } from "./own-drives.ts";
import type { PeerCard } from "./peer-card.ts";
import { ServedDrives } from "./served-drives.ts";

export interface ClusterModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface OpenedCluster {
  readonly replicas: ClusterReplicas;
  readonly peers: PeerDrives;
  readonly ring: ClusterRing;
  /** What this node goes by now. */
  readonly map: ClusterMap;
  readonly card: PeerCard;
  readonly network: PeerNetwork;
  readonly desks: JoinDesks;
  /** Changes of the members while the cluster runs. */
  readonly administration: ClusterAdministration;
  /** A drive that was made while the node runs serves from now on. */
  addDrive(drive: Drive): void;
  onDriveAdded(listener: (drive: Drive) => void): void;
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
  const network = await openNetwork(
    { settings, identity, clusterId: known.record.clusterId, version },
    arena.memory.buffer,
    log,
    clock,
  );
  const save = (stored: StoredRing) => saveOnDrives(place.own.paths, store, stored);
  const knowledge = new RingKnowledge(known, { network, save, random, log });
  let ring: ClusterRing | undefined;
  const learn = async (epoch: number) => (await ring?.learn(epoch)) ?? false;
  const served = new ServedDrives(store, { known: () => knowledge.epoch, learn });
  const own = served.list;
  const stripes = Math.max(1, Math.floor(arena.stripeCount * PEER_SHARE));
  const buffers = new PeerBuffers(arena, { pieceBytes: PIECE_BYTES, stripes });
  new DriveHost({ drives: () => own, buffers }).serve(network);
  const peers = new PeerDrives({ network, clock });
  peers.take(peerDrivesOf(knowledge.map, identity.id));
  const mapNow = () => knowledge.map;
  const desks = new JoinDesks(
    list && (await listDesk(settings, list, { ...parts, network, mapNow })),
  );
  network.serveJoin(desks.answer);
  network.setMembers(peerMembersOf(known.record));
  peers.start();
  const replicas = new ClusterReplicas(
    knowledge.map,
    { proposer: member.proposer, incarnation: store.incarnation },
    {
      own,
      peers,
      onOutdatedLayout: (epoch) => void learn(epoch),
      clock,
      random,
      log,
    },
  );
  knowledge.onAdopted((map) => {
    network.setMembers(peerMembersOf(map.record));
    peers.take(peerDrivesOf(map, identity.id));
    replicas.adopt(map);
    served.dropGone(map, replicas);
  });
  ring = new ClusterRing({
    knowledge,
    network,
    registers: replicas,
    own,
    driveOf: (id) => replicas.driveOf(id),
    statusOf: (id) => replicas.statusOf(id),
    clock,
    random,
    log,
  });
  ring.serve();
  ring.start();
  const card = { peer: identity.id, ports: network.ports };
  const close = async () => {
    await ring.stop();
    await network.close();
  };
  const { administration } = ring;
  return {
    addDrive: (drive) => served.add(drive, replicas),
    onDriveAdded: (listener) => served.onAdded(listener),
    replicas,
    peers,
    ring,
    get map() {
      return knowledge.map;
    },
    card,
    network,
    desks,
    administration,
    close,
  };
}

/** On every drive of the node that is there; one that is away is told when it is back. */
async function saveOnDrives(
  paths: readonly string[],
  store: Pick<Store, "drives">,
  stored: StoredRing,
): Promise<void> {
  const failed = await saveKnownCluster(paths, stored);
  const online = store.drives.filter((drive) => drive.status().state === "online");
  const lacking = online.filter((drive) => failed.includes(drive.status().path));
  if (lacking.length === 0 && failed.length < paths.length) return;
  throw new StoreError({
    code: "data-unavailable",
    message: `the state of the ring cannot be stored on ${failed.join(", ")}`,
  });
}

/** For nodes that come late to the forming of a cluster from a list of URLs. */
async function listDesk(
  settings: Settings,
  list: NodeList,
  {
    network,
    mapNow,
    clock,
    log,
  }: ClusterModules & {
    network: PeerNetwork;
    mapNow: () => ClusterMap;
  },
): Promise<FormDesk> {
  const key = await formingKey({ settings, list });
  return new FormDesk(
    { self: network.self, list: list.nodes, key },
    { record: () => mapNow().record, clock, log },
  );
}
