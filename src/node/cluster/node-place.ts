/**
 * Which cluster this process belongs to, and who it is there: found out from drive URLs, from a token,
 * or from what lies on its drives.
 */
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { memberOfPeer } from "../../../cluster/forming/cluster-record.ts";
import type { JoinToken } from "../../../cluster/forming/join-token.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import type { PeerIdentity } from "../../../cluster/peers/peer-id.ts";
import { readRemoteDrives } from "../../../config/drive-list.ts";
import type { Settings } from "../../../config/schema.ts";
import { assert } from "../../base/assert.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { FORMING_MEMORY_BYTES, NO_CLUSTER, openNetwork } from "./cluster-network.ts";
import { formCluster } from "./form-cluster.ts";
import { checkSameCluster, checkUnused, joinCluster, tokenOf } from "./join-cluster.ts";
import { type KnownCluster, loadIdentity, loadKnownCluster } from "./node-files.ts";
import { findOwnNode, groupByNode, type NodeList, type OwnNode } from "./own-drives.ts";
import type { StartingHandler } from "./starting-handler.ts";

/** Who this node is in its cluster. */
export interface ClusterPlace {
  /** Undefined: it joined by a token. */
  readonly list: NodeList | undefined;
  readonly own: OwnNode;
  readonly identity: PeerIdentity;
  readonly known: KnownCluster;
  readonly member: MemberNode;
}

export interface PlaceModules {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly version: string;
  readonly starting: StartingHandler;
}

/** Where this process belongs, as far as its settings and folders say. */
export interface FoundPlace {
  /** Undefined: it comes, or came, with a token. */
  readonly list: NodeList | undefined;
  readonly own: OwnNode;
}

const NO_POSITION = -1;

/** Undefined when this process serves its folders alone. */
export async function findPlace(
  { node }: Settings,
  modules: Pick<PlaceModules, "clock" | "log">,
): Promise<FoundPlace | undefined> {
  const remote = readRemoteDrives(node.drives);
  if (remote === undefined) {
    const known = await loadKnownCluster(node.drives);
    if (known === undefined && node.join === undefined) {
      await checkAlone(node);
      return undefined;
    }
    const own = { position: NO_POSITION, host: node.address.host, paths: node.drives };
    return { list: undefined, own };
  }
  const list = groupByNode(remote);
  const own = await findOwnNode(list, node.address, { ...modules, resolve, ownAddresses });
  return { list, own };
}

/**
 * Rejects where a node of a cluster that has lost all of its drives would begin as a new, empty store,
 * and its clients with it: settings that only such a node has are there, and nothing else is.
 */
export async function checkAlone({
  drives,
  zone,
  peerAdvertise,
}: Pick<Settings["node"], "drives" | "zone" | "peerAdvertise">): Promise<void> {
  const telling = zone !== undefined ? "zone" : peerAdvertise && "peer-advertise";
  if (telling === undefined || !(await areUnused(drives))) return;
  throw new Error(
    `all drives are empty, and ${telling} says that this is a node of a cluster: to let it in, or ` +
      "in again after its drives were lost, start it with --join and a token (ringfort cluster " +
      `token, with --replaces NODE for a lost one); for a new store of its own leave ${telling} out`,
  );
}

async function areUnused(paths: readonly string[]): Promise<boolean> {
  try {
    await checkUnused(paths);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when this node knows its cluster, which may take until all the others are there. */
export async function takePlace(
  settings: Settings,
  found: FoundPlace,
  modules: PlaceModules,
): Promise<ClusterPlace> {
  const { list, own } = found;
  const token = list === undefined ? tokenOf(settings) : undefined;
  const stored = await loadKnownCluster(own.paths);
  if (token !== undefined && stored === undefined) await checkUnused(own.paths);
  if (token !== undefined && stored !== undefined) checkSameCluster(stored, token);
  const identity = await loadIdentity(own.paths, modules.random);
  const known = stored ?? (await learn({ settings, found, identity, token }, modules));
  const member = memberOfPeer(known.record, identity.id);
  if (member === undefined) {
    throw new Error(
      "the drives belong to a node that is not, or no longer, a member of its cluster: it was " +
        "removed, or its drives were replaced one and all. Nothing was changed; empty them and let " +
        "the node in with a token (ringfort cluster token, with --replaces NODE for a lost one)",
    );
  }
  return { list, own, identity, known, member };
}

interface Learning {
  readonly settings: Settings;
  readonly found: FoundPlace;
  readonly identity: PeerIdentity;
  readonly token: JoinToken | undefined;
}

/** On a network that knows of no cluster yet. */
async function learn(
  { settings, found, identity, token }: Learning,
  modules: PlaceModules,
): Promise<KnownCluster> {
  const { log, clock, version, starting } = modules;
  const network = await openNetwork(
    { settings, identity, clusterId: NO_CLUSTER, version },
    new SharedArrayBuffer(FORMING_MEMORY_BYTES),
    log,
    clock,
  );
  starting.card = { peer: identity.id, ports: network.ports };
  const { list, own } = found;
  try {
    if (list !== undefined) {
      return await formCluster({ settings, list, own, identity }, { ...modules, network });
    }
    assert(token !== undefined, "without a list and a cluster there is a token");
    const plan = { settings, paths: own.paths, identity, token, version };
    return await joinCluster(plan, { ...modules, network });
  } finally {
    starting.card = undefined;
    await network.close();
  }
}

async function resolve(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list?.map((it) => it.address) ?? []);
}
