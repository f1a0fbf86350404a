/** What this node tells of itself in `mc admin info`. */
import { hostname } from "node:os";
import type { Settings } from "../../config/schema.ts";
import type { HealthState } from "../admin/health.ts";
import type { NodeFacts } from "../admin/info/node-facts.ts";
import type { Clock } from "../base/clock.ts";
import { formatTargetArn } from "../events/target-arn.ts";
import type { Store } from "../store/store.ts";
import type { OpenedCluster } from "./cluster/cluster-backend.ts";

export interface NodeFactsModules {
  readonly store: Pick<Store, "clusterId" | "drives">;
  /** Undefined: this node is alone. */
  readonly opened: Pick<OpenedCluster, "map"> | undefined;
  readonly health: (busy: boolean) => HealthState;
  readonly clock: Pick<Clock, "nowMs">;
  readonly version: string;
}

/** Of a node that starts now. */
export function nodeFacts({ cluster, node }: Settings, modules: NodeFactsModules): NodeFacts {
  const { store, opened, health, clock, version } = modules;
  const { region } = cluster;
  const { host, port } = node.address;
  return {
    version,
    startedMs: clock.nowMs(),
    deploymentId: store.clusterId,
    region,
    endpoint: `${host === "" ? hostname() : host}:${port}`,
    targets: cluster.notifyWebhooks.map(({ id }) =>
      formatTargetArn({ region: region ?? "", id, type: "webhook" }),
    ),
    stripeDrives: () => opened?.map.slots ?? node.drives.length,
    drives: () =>
      store.drives.map((drive) => {
        const { id, path, state, totalBytes, freeBytes } = drive.status();
        return { id, path, online: state === "online", totalBytes, freeBytes };
      }),
    health: () => health(false),
  };
}
