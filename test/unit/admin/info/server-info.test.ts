import { test } from "tap";
import type { AdminContext } from "../../../../src/admin/admin-context.ts";
import type { NodeFacts } from "../../../../src/admin/info/node-facts.ts";
import { serverInfo } from "../../../../src/admin/info/server-info.ts";
import { exampleStatus } from "../../../support/cluster-status.ts";

const STARTED_MS = 1_000_000;
const status = exampleStatus();
const own = status.nodes[0]?.drives ?? [];

const node: NodeFacts = {
  version: "1.2.3",
  startedMs: STARTED_MS,
  deploymentId: status.clusterId,
  region: undefined,
  endpoint: "10.0.0.1:9000",
  targets: ["arn:minio:sqs::here:webhook"],
  stripeDrives: () => 4,
  drives: () =>
    own.map(({ driveId, totalBytes, freeBytes }, index) => ({
      id: driveId,
      path: `/mnt/drive${index}`,
      online: true,
      totalBytes,
      freeBytes,
    })),
  health: () => ({ parityStandard: 2, parityRrs: 1 }) as ReturnType<NodeFacts["health"]>, // all it reads
};

const COUNTED = {
  bucketsCount: 2,
  objectsCount: 30,
  versionsCount: 40,
  deleteMarkersCount: 5,
  objectsTotalSize: 6000,
};

async function infoOf(changes: { counted?: object | undefined; alone?: boolean }) {
  const { counted = COUNTED, alone = false } = changes;
  const modules = {
    node,
    cluster: alone ? undefined : { administration: { status: () => Promise.resolve(status) } },
    usage: { read: () => Promise.resolve("counted" in changes ? changes.counted : counted) },
    clock: { nowMs: () => STARTED_MS + 90_500 },
    secure: true,
  };
  const answer = await serverInfo(modules as unknown as AdminContext); // all that it looks at
  if (answer.kind !== "json") throw new Error(answer.kind);
  return JSON.parse(JSON.stringify(answer.value));
}

test("serverInfo: a cluster is one pool, with every node and drive as it is known here", async (t) => {
  const info = await infoOf({});
  t.match(info, {
    mode: "online",
    sqsARN: node.targets,
    deploymentID: status.clusterId,
    buckets: { count: 2 },
    objects: { count: 30 },
    versions: { count: 40 },
    deletemarkers: { count: 5 },
    usage: { size: 6000 },
    backend: {
      backendType: "Erasure",
      onlineDisks: 5,
      offlineDisks: 1,
      standardSCParity: 2,
      rrSCParity: 1,
      totalSets: [2],
      totalDrivesPerSet: [4],
    },
  });
  t.equal("region" in info, false, "any is accepted");
  const [self, other, last] = info.servers;
  t.match(self, { state: "online", scheme: "https", version: "1.2.3", uptime: 90 });
  t.match(self.drives[0], { path: "/mnt/drive0", state: "ok", local: true });
  t.equal("version" in other, false, "what is not known is left out");
  t.equal("path" in other.drives[0], false);
  t.match(last.drives[1], { state: "offline", set_index: 1, disk_index: 1, pool_index: 0 });
  const { totalspace, usedspace, availspace } = last.drives[0];
  t.equal(totalspace, usedspace + availspace);
});

test("serverInfo: what was not counted in time is said, and everything else is there", async (t) => {
  const { objects, usage, servers } = await infoOf({ counted: undefined });
  t.match(objects, { error: /ask again/ });
  t.match(usage, { error: /ask again/ });
  t.equal(servers.length, 3);
});

test("serverInfo: a node alone is its only server", async (t) => {
  const { servers, backend } = await infoOf({ alone: true });
  t.equal(servers.length, 1);
  t.match(servers[0], { endpoint: node.endpoint, network: { [node.endpoint]: "online" } });
  t.match(backend, { onlineDisks: 2, totalSets: [1] });
});
