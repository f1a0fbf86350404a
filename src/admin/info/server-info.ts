/**
 * The state of the deployment as `mc admin info` and the tools that read its JSON expect it: one pool,
 * whose drives are counted in sets as wide as an object is spread.
 *
 * A node knows of the others whether they answer and how full their drives are; how long they run and
 * with what version it does not know, and leaves it out.
 */
import type {
  ClusterStatus,
  NodeMemberStatus,
} from "../../object/cluster/cluster-administration.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import type { CountedUsage } from "../usage-routes.ts";
import type { NodeFacts } from "./node-facts.ts";

const NOT_COUNTED = { error: "objects are being counted; ask again in a while" };

interface ShownDrive {
  readonly endpoint: string;
  readonly path?: string;
  readonly uuid: string;
  readonly online: boolean;
  readonly local: boolean;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

interface ShownServer {
  readonly endpoint: string;
  readonly online: boolean;
  readonly self: boolean;
  readonly drives: readonly ShownDrive[];
}

export async function serverInfo(context: AdminContext): Promise<AdminAnswer> {
  const { node, cluster, clock, secure } = context;
  const [usage, status] = await Promise.all([
    context.usage.read(),
    cluster?.administration.status(),
  ]);
  const counted = (figure: keyof CountedUsage, name: "count" | "size") =>
    usage === undefined ? NOT_COUNTED : { [name]: usage[figure] };
  const servers = status === undefined ? [aloneServer(node)] : memberServers(status, node);
  const placed = placeDrives(servers, node.stripeDrives());
  const drives = placed.flatMap((server) => server.drives);
  const online = drives.filter(({ state }) => state === "ok").length;
  const { parityStandard, parityRrs } = node.health();
  const network = Object.fromEntries(
    servers.map((server) => [server.endpoint, server.online ? "online" : "offline"]),
  );
  const value = {
    mode: "online",
    ...(node.region === undefined ? {} : { region: node.region }),
    sqsARN: node.targets,
    deploymentID: node.deploymentId,
    buckets: counted("bucketsCount", "count"),
    objects: counted("objectsCount", "count"),
    versions: counted("versionsCount", "count"),
    deletemarkers: counted("deleteMarkersCount", "count"),
    usage: counted("objectsTotalSize", "size"),
    services: {},
    backend: {
      backendType: "Erasure",
      onlineDisks: online,
      offlineDisks: drives.length - online,
      standardSCParity: parityStandard,
      rrSCParity: parityRrs,
      totalSets: [setsOf(drives.length, node.stripeDrives())],
      totalDrivesPerSet: [node.stripeDrives()],
    },
    servers: placed.map((server) => ({
      state: server.online ? "online" : "offline",
      endpoint: server.endpoint,
      scheme: secure ? "https" : "http",
      ...(server.self ? ownState(node, clock.nowMs()) : {}),
      network,
      drives: server.drives,
      poolNumber: 1,
      poolNumbers: [1],
      mem_stats: {},
      edition: "Ringfort",
      is_leader: false,
      ilm_expiry_in_progress: false,
    })),
  };
  return { kind: "json", value };
}

function ownState({ version, startedMs }: NodeFacts, nowMs: number) {
  return { version, uptime: Math.max(0, Math.floor((nowMs - startedMs) / 1000)) };
}

function aloneServer(node: NodeFacts): ShownServer {
  const drives = node.drives().map(({ id, path, ...state }) => ({
    endpoint: path,
    path,
    uuid: id,
    local: true,
    ...state,
  }));
  return { endpoint: node.endpoint, online: true, self: true, drives };
}

/** Members that are gone for good are no part of the deployment. */
function memberServers({ nodes }: ClusterStatus, node: NodeFacts): readonly ShownServer[] {
  const paths = new Map(node.drives().map(({ id, path }) => [id, path]));
  return nodes
    .filter(({ state }) => state !== "removed")
    .map((member) => memberServer(member, paths));
}

function memberServer(
  { self, online, addresses, nodeId, drives }: NodeMemberStatus,
  paths: ReadonlyMap<string, string>,
): ShownServer {
  const endpoint = addresses[0] ?? nodeId;
  const shown = drives
    .filter(({ state }) => state !== "removed")
    .map(({ driveId, number, online, totalBytes, freeBytes }) => {
      const path = paths.get(driveId);
      return {
        endpoint: `${endpoint}/${path?.replace(/^\//, "") ?? number}`,
        ...(path === undefined ? {} : { path }),
        uuid: driveId,
        online,
        local: self,
        totalBytes,
        freeBytes,
      };
    });
  return { endpoint, online, self, drives: shown };
}

/** Drives in the order of their servers, counted off into sets. */
function placeDrives(servers: readonly ShownServer[], width: number) {
  let count = 0;
  return servers.map((server) => ({
    ...server,
    drives: server.drives.map(({ online, totalBytes, freeBytes, ...known }) => {
      const place = count++;
      return {
        ...known,
        state: online ? "ok" : "offline",
        totalspace: totalBytes,
        usedspace: totalBytes - freeBytes,
        availspace: freeBytes,
        major: 0,
        minor: 0,
        used_inodes: 0,
        pool_index: 0,
        set_index: Math.floor(place / width),
        disk_index: place % width,
      };
    }),
  }));
}

function setsOf(drives: number, width: number): number {
  return Math.max(1, Math.ceil(drives / width));
}
