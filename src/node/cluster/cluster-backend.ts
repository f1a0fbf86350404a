/**
 * A node of a cluster: finds out which of the listed drives are its own and which cluster it belongs
 * to, then builds drives, peer network, registers and object layer over all of them.
 */
import { lookup } from "node:dns/promises";
import { availableParallelism, networkInterfaces } from "node:os";
import { memberOfPeer } from "../../../cluster/forming/cluster-record.ts";
import { FormDesk } from "../../../cluster/forming/form-desk.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import { openPeerNetwork } from "../../../cluster/peers/open-peer-network.ts";
import { type PeerId, type PeerIdentity, parsePeerId } from "../../../cluster/peers/peer-id.ts";
import { DEFAULT_PEER_LIMITS } from "../../../cluster/peers/peer-limits.ts";
import type { PeerMember, PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { readRemoteDrives } from "../../../config/drive-list.ts";
import type { Settings } from "../../../config/schema.ts";
import type { Arena } from "../../actors/arena.ts";
import { KIB } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { ClusterMap } from "../../object/cluster/cluster-map.ts";
import { ClusterReplicas } from "../../object/cluster/cluster-replicas.ts";
import { DriveHost } from "../../object/cluster/drive-host.ts";
import { PeerBuffers } from "../../object/cluster/peer-buffers.ts";
import { type PeerDriveMember, PeerDrives } from "../../object/cluster/peer-drives.ts";
import { ReplicaGuard } from "../../object/cluster/replica-guard.ts";
import type { Store } from "../../store/store.ts";
import { formCluster, formingKey } from "./form-cluster.ts";
import { type KnownCluster, loadIdentity, loadKnownCluster } from "./node-files.ts";
import { findOwnNode, groupByNode, type NodeList, type OwnNode } from "./own-drives.ts";
import type { PeerCard } from "./peer-card.ts";
import type { StartingHandler } from "./starting-handler.ts";

/** Who this node is in its cluster. */
export interface ClusterPlace {
  readonly list: NodeList;
  readonly own: OwnNode;
  readonly identity: PeerIdentity;
  readonly known: KnownCluster;
  readonly member: MemberNode;
}

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
  close(): Promise<void>;
}

/** Memory that forming needs: it sends no bulk. */
const FORMING_MEMORY_BYTES = 64 * KIB;
/** Nobody's cluster: only joining is possible. */
const NO_CLUSTER = "0".repeat(32);
const PIECE_BYTES = 256 * KIB;
/** Of the arena, for each direction of the traffic with peers. */
const PEER_SHARE = 1 / 8;
/** A network thread for every so many processors. */
const PROCESSORS_PER_LANE = 4;
const LANES_MAX = 4;
/** As many uploads may be under way through one other node. */
const BULK_STREAMS_MAX = 2048;

/** The node of the list that this process is; undefined when the settings name local drives. */
export async function findPlace(
  { node }: Settings,
  modules: Pick<ClusterModules, "clock" | "log">,
): Promise<{ list: NodeList; own: OwnNode } | undefined> {
  const remote = readRemoteDrives(node.drives);
  if (remote === undefined) return undefined;
  const list = groupByNode(remote);
  const own = await findOwnNode(list, node.address, { ...modules, resolve, ownAddresses });
  return { list, own };
}

/** Resolves when this node knows its cluster, which may take until all the others are there. */
export async function takePlace(
  settings: Settings,
  { list, own }: { list: NodeList; own: OwnNode },
  modules: ClusterModules & { readonly version: string; readonly starting: StartingHandler },
): Promise<ClusterPlace> {
  const { random, log, starting } = modules;
  const identity = await loadIdentity(own.paths, random);
  let known = await loadKnownCluster(own.paths);
  if (known === undefined) {
    const network = await openNetwork(
      { settings, identity, clusterId: NO_CLUSTER, version: modules.version },
      new SharedArrayBuffer(FORMING_MEMORY_BYTES),
      log,
      modules.clock,
    );
    starting.card = { peer: identity.id, ports: network.ports };
    try {
      known = await formCluster({ settings, list, own, identity }, { ...modules, network });
    } finally {
      starting.card = undefined;
      await network.close();
    }
  }
  const member = memberOfPeer(known.record, identity.id);
  if (member === undefined) {
    throw new Error(
      "the drives belong to a node that is not, or no longer, a member of its cluster; " +
        "empty them and let the node join again",
    );
  }
  return { list, own, identity, known, member };
}

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
  const key = await formingKey({ settings, list });
  const desk = new FormDesk(
    { self: identity.id, list: list.nodes, key },
    { record: () => map.record, clock, log },
  );
  network.serveJoin((payload, { peer }) => desk.answer(payload, peer));
  network.setMembers(membersOf(map));
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
  return { replicas, peers, map, card, close: () => network.close() };
}

interface NetworkWanted {
  readonly settings: Settings;
  readonly identity: PeerIdentity;
  readonly clusterId: string;
  readonly version: string;
}

function openNetwork(
  { settings, identity, clusterId, version }: NetworkWanted,
  memory: SharedArrayBuffer,
  log: Logger,
  clock: Clock,
): Promise<PeerNetwork> {
  const { host, port } = settings.node.peerAddress;
  const lanes = Math.min(LANES_MAX, Math.ceil(availableParallelism() / PROCESSORS_PER_LANE));
  return openPeerNetwork(
    {
      identity,
      clusterId,
      softwareVersion: version,
      listen: {
        host: host === "" ? "0.0.0.0" : host,
        ports: Array.from({ length: lanes }, (_, lane) => (port === 0 ? 0 : port + lane)),
      },
      memory,
      limits: {
        ...DEFAULT_PEER_LIMITS,
        bulkStreamsMax: BULK_STREAMS_MAX,
        joinEveryMs: 50,
        joinBurst: 64,
      },
    },
    {
      clock,
      logger: log,
      onFatal: (reason) => {
        log.error("this node cannot be reached by its peers any more", { reason });
        process.kill(process.pid, "SIGTERM");
      },
    },
  );
}

function membersOf(map: ClusterMap): PeerMember[] {
  return map.record.members.nodes.flatMap((node) => {
    const id = parsePeerId(node.peerId);
    if (id === undefined || node.state === "removed") return [];
    const places = node.addresses.map(splitAddress);
    return [{ id, host: places[0]?.host ?? "", ports: places.map(({ port }) => port) }];
  });
}

function peerDrivesOf(map: ClusterMap, self: PeerId): PeerDriveMember[] {
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

async function resolve(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list?.map((it) => it.address) ?? []);
}
