/**
 * The events of a node: queues among its own records, webhooks as the settings name them.
 */
import type { Settings } from "../../config/schema.ts";
import type { WebhookTarget } from "../../config/webhook-targets.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { EventHub } from "../events/event-hub.ts";
import type { EventName } from "../events/event-names.ts";
import { WebhookClient } from "../http/webhook-client.ts";
import type { RunningObjectStore } from "../object/upkeep/create-object-store.ts";
import type { Expired, ExpiredVersion } from "../object/upkeep/expired-versions.ts";
import { bucketOwnerOf } from "../s3/access-lists.ts";
import { formatIsoDate } from "../s3/dates.ts";
import { notificationRulesOf } from "../s3/documents/notification.ts";
import type { Store } from "../store/store.ts";
import type { OpenedCluster } from "./cluster/cluster-backend.ts";
import { sharePeerEvents } from "./peer-events.ts";

export interface NodeEventsModules {
  /** Whose events they are. */
  readonly store: Pick<Store, "clusterId" | "nodeId">;
  readonly version: string;
  /** Undefined: this node is alone. */
  readonly opened: Pick<OpenedCluster, "network" | "map"> | undefined;
  readonly random: Random;
  readonly objects: Pick<RunningObjectStore, "records" | "onExpired">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** For one event to be taken by a webhook. */
export const WEBHOOK_MS_MAX = 10_000;

/** What an earlier process left is delivered first. */
export function startEvents(
  { cluster }: Pick<Settings, "cluster">,
  modules: NodeEventsModules,
): { readonly hub: EventHub; stop(): Promise<void> } {
  const { store, version, objects, opened } = modules;
  const userAgent = `Ringfort/${version}`;
  const clients = cluster.notifyWebhooks.map((target) => ({
    target,
    client: createClient(target, userAgent, modules.clock),
  }));
  const hub = new EventHub(
    {
      region: cluster.region,
      deploymentId: store.clusterId,
      node: store.nodeId,
      targets: clients.map(({ target, client }) => ({
        id: target.id,
        queueLimit: target.queueLimit,
        target: client,
      })),
    },
    {
      ...modules,
      records: objects.records,
      ...(opened && { members: () => memberIds(opened) }),
      formatTime: formatIsoDate,
    },
  );
  objects.onExpired((expired) => tellExpired(hub, expired, cluster.region));
  const stopSharing = opened && sharePeerEvents({ ...modules, ...opened, hub });
  void hub.start();
  return {
    hub,
    async stop() {
      stopSharing?.();
      await hub.stop();
      for (const { client } of clients) client.close();
    },
  };
}

function memberIds({ map }: Pick<OpenedCluster, "map">): string[] {
  const { nodes } = map.record.members;
  return nodes.filter(({ state }) => state !== "removed").map(({ nodeId }) => nodeId);
}

/** MinIO names the source of these so. */
const EXPIRY_SOURCE = "Internal: [ILM-Expiry]";

async function tellExpired(
  hub: EventHub,
  { bucket, key, versions }: Expired,
  region: string | undefined,
): Promise<void> {
  const rules = notificationRulesOf(bucket);
  if (rules === undefined && !hub.hasListeners) return;
  const origin = {
    principal: "",
    region: region ?? "",
    sourceAddress: EXPIRY_SOURCE,
    userAgent: EXPIRY_SOURCE,
    requestId: "",
    hostId: "",
    endpoint: "",
  };
  for (const version of versions) {
    const versionId = bucket.versioning === "unversioned" ? undefined : version.versionId;
    const happening = {
      names: expiryNames(version),
      bucket: bucket.name,
      bucketOwner: bucketOwnerOf(bucket),
      key,
      object: { versionId },
      origin,
    };
    await hub.publish(happening, rules);
  }
}

/** AWS's name first, then those that rules written for MinIO have. */
function expiryNames({ kind, deleteMarker }: ExpiredVersion): readonly EventName[] {
  if (kind === "hidden") {
    return ["s3:LifecycleExpiration:DeleteMarkerCreated", "s3:ObjectRemoved:DeleteMarkerCreated"];
  }
  const marker = deleteMarker ? (["s3:LifecycleDelMarkerExpiration:Delete"] as const) : [];
  return ["s3:LifecycleExpiration:Delete", ...marker, "s3:ObjectRemoved:Delete"];
}

function createClient(target: WebhookTarget, userAgent: string, clock: Clock): WebhookClient {
  const { endpoint, clientCert, clientKey } = target;
  return new WebhookClient(
    {
      endpoint,
      authorization: authorizationOf(target.authToken?.reveal()),
      clientCert,
      clientKey,
      userAgent,
      deadlineMs: WEBHOOK_MS_MAX,
    },
    clock,
  );
}

/** As in MinIO: a single word is a bearer token, anything else is sent as it is. */
function authorizationOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  return token.trim().split(/\s+/).length === 1 ? `Bearer ${token.trim()}` : token;
}
