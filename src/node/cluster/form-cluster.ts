/**
 * The first start of a node that was given a list of URLs: it answers health checks and its peers,
 * and waits until it knows the cluster that it belongs to. The first node of the list founds it; what
 * a node learns is on its drives before it goes on.
 */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { ClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import {
  type FormNetwork,
  type FormReply,
  joinByList,
} from "../../../cluster/forming/form-client.ts";
import { FormDesk } from "../../../cluster/forming/form-desk.ts";
import { listText, type NodeOffer } from "../../../cluster/forming/form-messages.ts";
import { deriveFormingKey, type FormingKey } from "../../../cluster/forming/forming-seal.ts";
import { foundCluster } from "../../../cluster/forming/found-cluster.ts";
import { buildLayout } from "../../../cluster/layout/build-layout.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import { encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import type { ClusterMembers } from "../../../cluster/layout/members.ts";
import type { PeerIdentity } from "../../../cluster/peers/peer-id.ts";
import type { PeerMember, PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import { parseNodeZones, zoneOfNode } from "../../../config/node-zones.ts";
import type { Settings } from "../../../config/schema.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { type KnownCluster, saveKnownCluster } from "./node-files.ts";
import type { NodeList, OwnNode } from "./own-drives.ts";
import { findPeer } from "./peer-card.ts";

export interface FormingPlan {
  readonly settings: Settings;
  readonly list: NodeList;
  readonly own: OwnNode;
  readonly identity: PeerIdentity;
}

export interface FormingModules {
  /** Opened for forming only. */
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const FIRST_LAYOUT = 1;
const ASK_WITHIN_MS = 10_000;

export function formingKey({ settings, list }: Pick<FormingPlan, "settings" | "list">) {
  const { rootUser, rootPassword } = settings.cluster;
  const root = { user: rootUser, password: rootPassword.reveal() };
  return deriveFormingKey(root, listText(list.nodes));
}

/** Resolves with what this node now has on its drives. */
export async function formCluster(
  plan: FormingPlan,
  modules: FormingModules,
): Promise<KnownCluster> {
  const { list, own, identity } = plan;
  const { network, clock, log } = modules;
  const key = await formingKey(plan);
  const desk = new FormDesk(
    { self: identity.id, list: list.nodes, key },
    { record: () => undefined, clock, log },
  );
  network.serveJoin((payload, { peer }) => desk.answer(payload, peer));
  const offer = await makeOffer(plan, network.ports);
  const known = await learnCluster({ ...plan, key, offer, desk }, modules);
  const failed = await saveKnownCluster(own.paths, known);
  if (failed.length > 0) throw new Error(`the cluster cannot be stored on ${failed.join(", ")}`);
  log.info("the cluster is formed", { cluster: known.record.clusterId });
  return known;
}

/** The layout that a first record names: every node builds the same. */
export function firstLayout(record: Pick<ClusterRecord, "members" | "ring">): Layout {
  const layout = buildFirst(record.members);
  if (layoutRefOf(encodeLayout(layout)).hash !== record.ring.current.hash) {
    throw new Error(
      "this version builds another first layout than the node that founded the cluster; " +
        "form a cluster with the same version on all nodes",
    );
  }
  return layout;
}

interface Learning extends FormingPlan {
  readonly key: FormingKey;
  readonly offer: Omit<NodeOffer, "nonce">;
  readonly desk: FormDesk;
}

async function learnCluster(
  learning: Learning,
  { network, clock, random, log }: FormingModules,
): Promise<KnownCluster> {
  const { list, own, key, offer, desk } = learning;
  let done = false;
  const targets = list.nodes.filter((_, position) => position !== own.position);
  // Somebody may know the cluster already, whatever this node's place in the list is.
  const joined = joinByList(
    { key, targets, offer, stopped: () => done },
    { network: formNetwork(network), clock, random, log },
  ).then((record) => ({ record, layouts: [firstLayout(record)] }));
  const ways = [joined];
  if (own.position === 0) {
    const founded = desk.gather({ ...offer, nonce: "" }).then((offers) => {
      const { record, layout } = foundCluster(list.nodes, offers, random, buildFirst);
      return { record, layouts: [layout] };
    });
    ways.push(founded);
  }
  try {
    return await Promise.race(ways);
  } finally {
    done = true;
  }
}

function buildFirst(members: ClusterMembers): Layout {
  return buildLayout({ members, previous: undefined, version: FIRST_LAYOUT });
}

function formNetwork(network: PeerNetwork): FormNetwork {
  return {
    self: network.self,
    find: findPeer,
    ask: ({ peer, host, peerPorts }, payload) =>
      askMember(network, { id: peer, host, ports: peerPorts }, payload),
  };
}

/** Asks a node that this one is no fellow member of. */
export async function askMember(
  network: Pick<PeerNetwork, "join">,
  member: PeerMember,
  payload: Uint8Array,
): Promise<FormReply> {
  const result = await network.join(member, payload, { deadlineMs: ASK_WITHIN_MS });
  if (result.ok) return { ok: true, payload: result.payload };
  const { error } = result;
  if (error.code === "remote" && error.data.code === "invalid-argument") {
    return { ok: false, message: error.data.message };
  }
  return { ok: false, message: "message" in error ? error.message : error.code };
}

async function makeOffer(
  { own, settings }: FormingPlan,
  ports: readonly number[],
): Promise<Omit<NodeOffer, "nonce">> {
  const { peerAddress, peerAdvertise } = settings.node;
  const host = peerAdvertise?.host ?? peerAddress.host;
  const capacities = await Promise.all(own.paths.map(capacityOf));
  return {
    position: own.position,
    peerHost: host === "" ? own.host : host,
    peerPorts: advertisedPorts(settings, ports),
    capacities,
    zone: zoneOf(settings, own.host) ?? "",
  };
}

/** What is said of this node alone wins over the list of all. */
function zoneOf({ node }: Settings, host: string): string | undefined {
  if (node.zone !== undefined) return node.zone;
  const parsed = parseNodeZones(node.zones);
  return "problem" in parsed
    ? undefined
    : zoneOfNode(parsed.zones, { host, port: node.address.port });
}

/** Lane by lane, where others connect. */
export function advertisedPorts({ node }: Settings, ports: readonly number[]): readonly number[] {
  const first = node.peerAdvertise?.port;
  return first === undefined ? ports : ports.map((_, lane) => first + lane);
}

/** Bytes of the file system that holds a folder, or will. */
export async function capacityOf(path: string): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(path);
    return blocks * bsize;
  } catch (error) {
    const parent = dirname(path);
    if (parent === path) throw error;
    return capacityOf(parent);
  }
}
