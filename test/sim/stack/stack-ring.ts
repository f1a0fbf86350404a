/**
 * What a simulated process knows of the ring, and its part in it: put together as
 * src/node/cluster/cluster-backend.ts does. What it knows lies on its machine, whole or as it was.
 */
import type { Layout } from "../../../cluster/layout/layout.ts";
import type { Clock } from "../../../src/base/clock.ts";
import type { Logger } from "../../../src/base/log.ts";
import type { Random } from "../../../src/base/random.ts";
import { peerDrivesOf, peerMembersOf } from "../../../src/node/cluster/cluster-members.ts";
import { ClusterMap } from "../../../src/object/cluster/cluster-map.ts";
import { ClusterReplicas } from "../../../src/object/cluster/cluster-replicas.ts";
import { ClusterRing } from "../../../src/object/cluster/cluster-ring.ts";
import { PeerDrives } from "../../../src/object/cluster/peer-drives.ts";
import { ReplicaGuard } from "../../../src/object/cluster/replica-guard.ts";
import { RingKnowledge, type StoredRing } from "../../../src/object/cluster/ring-knowledge.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import { neverSynced } from "./hazardous.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { StackHazards } from "./stack-options.ts";

export interface RingOptions {
  readonly known: StoredRing;
  readonly proposer: number;
  readonly incarnation: number;
  readonly hazards: StackHazards;
}

export interface RingModules {
  readonly network: SimNetwork;
  readonly drive: DriveClient;
  save(ring: StoredRing): Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface BuiltRing {
  readonly knowledge: RingKnowledge;
  readonly own: readonly { readonly drive: DriveClient; readonly guard: ReplicaGuard }[];
  readonly peers: PeerDrives;
  readonly replicas: ClusterReplicas;
  readonly ring: ClusterRing;
}

export function buildRing(options: RingOptions, modules: RingModules): BuiltRing {
  const { known, hazards } = options;
  const { network, drive, save, clock, random, log } = modules;
  const knowledge = new RingKnowledge(known, { network, save, random, log });
  let ring: ClusterRing | undefined;
  const learn = async (epoch: number) => (await ring?.learn(epoch)) ?? false;
  const node = { known: () => knowledge.epoch, learn };
  const own = [{ drive, guard: new ReplicaGuard(drive, hazards.guard, node) }];
  const peers = new PeerDrives({ network, clock });
  const take = (map: ClusterMap): void => {
    network.setMembers(peerMembersOf(map.record));
    peers.take(peerDrivesOf(map, network.self));
  };
  take(knowledge.map);
  peers.start();
  const replicas = new ClusterReplicas(knowledge.map, options, {
    own,
    peers,
    onOutdatedLayout: (epoch) => void learn(epoch),
    clock,
    random,
    log,
  });
  knowledge.onAdopted((map) => {
    take(map);
    replicas.adopt(map);
  });
  ring = new ClusterRing({
    knowledge,
    network,
    registers: hazards.emptyReplicas === true ? neverSynced(replicas) : replicas,
    own,
    driveOf: (id) => replicas.driveOf(id),
    statusOf: (id) => replicas.statusOf(id),
    clock,
    random,
    log,
  });
  return { knowledge, own, peers, replicas, ring };
}

/** What the newest of several machines knows. */
export function newestOf(all: readonly StoredRing[]): StoredRing | undefined {
  const [first, ...others] = all;
  if (first === undefined) return undefined;
  return others.reduce(
    (newest, each) => (each.record.ring.epoch > newest.record.ring.epoch ? each : newest),
    first,
  );
}

export function mapOf({ record, layouts }: StoredRing): ClusterMap {
  const named = [record.ring.current, ...(record.ring.next ? [record.ring.next] : [])];
  const used: Layout[] = layouts.filter(({ version }) =>
    named.some((ref) => ref.version === version),
  );
  return new ClusterMap(record, used);
}
