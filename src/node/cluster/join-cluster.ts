/**
 * The first start of a node with `--join TOKEN`: it makes sure that its folders are nobody's, asks the
 * members that the token names, and stores what it is told before it goes on.
 */
import { createSocket } from "node:dgram";
import { memberOfPeer } from "../../../cluster/forming/cluster-record.ts";
import { decodeJoinToken, type JoinToken } from "../../../cluster/forming/join-token.ts";
import { joinByToken } from "../../../cluster/forming/token-client.ts";
import type { PeerIdentity } from "../../../cluster/peers/peer-id.ts";
import { PROTOCOL_VERSIONS } from "../../../cluster/peers/peer-limits.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type { Settings } from "../../../config/schema.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import { createNodeDisk } from "../../store/disk-node.ts";
import { inspectFolder } from "../../store/drive-inspection.ts";
import { advertisedPorts, askMember, capacityOf } from "./form-cluster.ts";
import { decodeKnown, type KnownCluster, saveKnownCluster } from "./node-files.ts";
import { sharedSettings } from "./shared-settings.ts";

export interface JoiningPlan {
  readonly settings: Settings;
  readonly paths: readonly string[];
  readonly identity: PeerIdentity;
  readonly token: JoinToken;
  readonly version: string;
}

export interface JoiningModules {
  /** Opened for joining only. */
  readonly network: PeerNetwork;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The token of the settings. Throws with what is wrong with it, or undefined when there is none. */
export function tokenOf({ node }: Settings): JoinToken | undefined {
  return node.join === undefined
    ? undefined
    : forPeople(() => decodeJoinToken(node.join?.reveal() ?? ""));
}

/** Rejects unless all folders are empty: what belongs to somebody is not taken over. */
export async function checkUnused(paths: readonly string[]): Promise<void> {
  const disk = createNodeDisk();
  const problems: string[] = [];
  for (const path of paths) {
    const { finding } = await inspectFolder(disk, path);
    if (finding.kind === "drive") {
      const { cluster, node } = finding.format;
      problems.push(`${path} is a drive of node ${node} in cluster ${cluster}`);
    } else if (finding.kind === "foreign" || finding.kind === "unreadable") {
      problems.push(`${path}: ${finding.message}`);
    }
  }
  if (problems.length === 0) return;
  throw new Error(`a new node needs empty folders: ${problems.join("; ")}`);
}

/** Why drives that know a cluster cannot join by this token. */
export function checkSameCluster(known: KnownCluster, token: JoinToken): void {
  const { clusterId } = known.record;
  if (clusterId === token.clusterId) return;
  throw new Error(
    `the drives belong to cluster ${clusterId}, and the token is for cluster ${token.clusterId}; ` +
      "empty them, or give other folders",
  );
}

/** Resolves with what this node now has on its drives. */
export async function joinCluster(
  plan: JoiningPlan,
  { network, clock, log }: JoiningModules,
): Promise<KnownCluster> {
  const { settings, paths, identity, token, version } = plan;
  const { rootUser, rootPassword } = settings.cluster;
  const host = await ownHost(settings, token);
  const joined = joinByToken(
    {
      token,
      root: { user: rootUser, password: rootPassword.reveal() },
      node: {
        versions: PROTOCOL_VERSIONS,
        softwareVersion: version,
        addresses: advertisedPorts(settings, network.ports).map((port) => `${host}:${port}`),
        zone: settings.node.zone ?? "",
        capacities: await Promise.all(paths.map(capacityOf)),
        settings: sharedSettings(settings),
      },
    },
    {
      self: identity.id,
      ask: (member, payload) => askMember(network, member, payload),
      clock,
      log,
    },
  );
  const known = decodeKnown(await forPeopleLater(joined));
  if (memberOfPeer(known.record, identity.id) === undefined) {
    throw new Error("the cluster says that this node was let in, and does not name it");
  }
  const failed = await saveKnownCluster(paths, known);
  if (failed.length > 0) throw new Error(`the cluster cannot be stored on ${failed.join(", ")}`);
  log.info("this node was let into the cluster", { cluster: known.record.clusterId });
  return known;
}

/** Where the others find this node: as its settings say, or the address that it reaches them from. */
async function ownHost({ node }: Settings, token: JoinToken): Promise<string> {
  const { address, peerAddress, peerAdvertise } = node;
  const set = peerAdvertise?.host || peerAddress.host || address.host;
  const host = set === "" || set === "0.0.0.0" || set === "::" ? await addressTowards(token) : set;
  return host.includes(":") ? `[${host}]` : host;
}

/** Nothing is sent: connecting a datagram socket only chooses the way. */
async function addressTowards({ members }: JoinToken): Promise<string> {
  for (const { host, ports } of members) {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const address = await new Promise<string | undefined>((resolve) => {
      socket.once("error", () => resolve(undefined));
      socket.connect(ports[0] ?? 1, host, () => resolve(socket.address().address));
    });
    socket.close();
    if (address !== undefined) return address;
  }
  throw new Error("no way leads to the members that the token names; set --peer-address HOST:PORT");
}

function forPeople<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw plainly(error);
  }
}

async function forPeopleLater<Result>(promise: Promise<Result>): Promise<Result> {
  try {
    return await promise;
  } catch (error) {
    throw plainly(error);
  }
}

/** The sentence itself: what an operator reads when the start fails. */
function plainly(error: unknown): unknown {
  const said = error instanceof StoreError && error.data.code === "invalid-argument";
  return said ? new Error(error.data.message, { cause: error }) : error;
}
