/**
 * The events of a node: queues among its own records, webhooks as the settings name them.
 */
import type { Settings } from "../../config/schema.ts";
import type { WebhookTarget } from "../../config/webhook-targets.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import { EventHub } from "../events/event-hub.ts";
import type { RecordStore } from "../events/record-store.ts";
import { WebhookClient } from "../http/webhook-client.ts";
import { formatIsoDate } from "../s3/dates.ts";
import type { Store } from "../store/store.ts";

export interface NodeEventsModules {
  /** Whose events they are. */
  readonly store: Pick<Store, "clusterId" | "nodeId">;
  readonly version: string;
  readonly records: RecordStore;
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
  const { store, version } = modules;
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
    { ...modules, formatTime: formatIsoDate },
  );
  void hub.start();
  return {
    hub,
    async stop() {
      await hub.stop();
      for (const { client } of clients) client.close();
    },
  };
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
