/**
 * The composition root: builds everything in order, starts it, and stops it in reverse. Each part
 * gets plain values and the collaborators it names; nothing else reads settings.
 *
 *   arena → drives → codec threads and object layer → S3 → HTTP
 */
import { createHash } from "node:crypto";
import { hostname, networkInterfaces } from "node:os";
import { formatBytesText } from "../../config/bytes-text.ts";
import { STRIPES_MIN, stripeMemoryBytes } from "../../config/relations.ts";
import type { Settings } from "../../config/schema.ts";
import type { Arena } from "../actors/arena.ts";
import { TRAFFIC } from "../admin/cluster/cluster-control.ts";
import type { HealthState } from "../admin/health.ts";
import type { Logger } from "../base/log.ts";
import type { EventHub } from "../events/event-hub.ts";
import type { HttpHandler } from "../http/request.ts";
import type { KeyStore } from "../iam/keys/key-store.ts";
import type { WorkerStatus } from "../object/contract/background-worker.ts";
import { SharedBudget } from "../object/data/background-budget.ts";
import { createDataArena, DATA_LIMITS } from "../object/data/data-path.ts";
import type { RunningObjectStore } from "../object/upkeep/create-object-store.ts";
import type { AccessLog } from "../s3/access-log/access-log.ts";
import { createS3Handler } from "../s3/dispatch.ts";
import { createIamHandler } from "../s3/iam/iam-handler.ts";
import { sendBusy } from "../s3/respond.ts";
import { createStsHandler } from "../s3/sts/sts-handler.ts";
import { findStripeDataBytesMax, openStore, STORE_LIMITS, type Store } from "../store/store.ts";
import { startAccessLog } from "./access-logs.ts";
import { createAdminFront } from "./admin-front.ts";
import { endpointUrls } from "./banner.ts";
import { type OpenedCluster, openCluster } from "./cluster/cluster-backend.ts";
import { NodeControl } from "./cluster/node-control.ts";
import { type ClusterPlace, findPlace, takePlace } from "./cluster/node-place.ts";
import { RemovalWatch } from "./cluster/removal-watch.ts";
import { replaceDrives } from "./cluster/replace-drives.ts";
import { StartingHandler } from "./cluster/starting-handler.ts";
import { startEvents } from "./events.ts";
import { ForegroundLoad } from "./foreground-load.ts";
import { createFront } from "./front.ts";
import { type HttpFront, startHttpFront } from "./http-front.ts";
import { NodeIdentities } from "./identities.ts";
import { automaticEncryption, startKeyStore } from "./key-store.ts";
import { startLoopMonitor } from "./loop-monitor.ts";
import { nodeFacts } from "./node-facts.ts";
import { healthOf } from "./node-health.ts";
import { createObjectNode } from "./object-node.ts";
import type { NodeOptions, RunningNode } from "./serve.ts";
import { systemClock } from "./system-clock.ts";
import { systemRandom } from "./system-random.ts";

const clock = systemClock;
const random = systemRandom;

/** Load balancers ask about once a second. */
const CLUSTER_SHUTDOWN_DELAY_MS = 2_000;

export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { settings, log, version, locks } = options;
  const { node } = settings;
  const closers: Array<() => Promise<void> | void> = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const found = await findPlace(settings, { clock, log });
    const starting = new StartingHandler();
    // The others ask who this node is before there is anything to serve.
    const early = found && (await listen(settings, starting.handle, log));
    let serving = false;
    closers.push(() => (serving ? undefined : early?.stop(0)));
    const joining = { clock, random, log, version, starting };
    const place = found && (await takePlace(settings, found, joining));
    const arena = await prepareArena(settings, place?.own.paths ?? node.drives);
    const store = await openDrives(settings, { place, arena, log });
    closers.push(() => store.close());
    const parts = { arena, store, clock, random, log, version };
    const opened = place && (await openCluster(settings, place, parts));
    closers.push(() => opened?.close());
    starting.card = opened?.card;
    const load = followLoad(opened);
    const used = { ...parts, budget: createBudget(settings, load), cluster: opened };
    const { objects, dataPath, keys } = createObjectNode(settings, used);
    closers.push(() => dataPath.close());
    closers.push(() => objects.stop());
    log.info("drives opened", describeDrives(store));
    const removal = await startWatched(objects, opened, closers);
    const identities = createIdentities(settings, { objects, opened, log });
    closers.push(() => identities.stop());
    await identities.start();
    const events = startEvents(settings, { ...parts, objects, opened });
    closers.push(() => events.stop());
    await startKeyStore(keys, log);
    const control = opened && createControl(settings, { ...used, opened, objects });
    closers.push(() => control?.stop());
    const replacement =
      opened && place && replaceDrives(settings, { ...parts, opened, place, locks });
    closers.push(() => replacement?.stop());
    const phase: Phase = { name: "ready" };
    const logs = startAccessLogs(settings, { objects, identities, store, log });
    closers.push(() => logs.stop());
    const handler = createHandler(settings, {
      ...parts,
      objects,
      accessLog: logs.accessLog,
      identities,
      events: events.hub,
      keys,
      opened,
      control,
      phase,
      load,
      digester: dataPath.codec,
    });
    starting.handOver(handler);
    serving = true;
    const front = early ?? (await listen(settings, handler, log));
    const monitor = startLoopMonitor({ clock, log });
    closers.push(() => monitor.stop());
    closers.push(async () => {
      phase.name = "stopping";
      events.hub.endListeners();
      await front.stop(node.shutdownGrace, shutdownDelay(settings, opened !== undefined));
    });
    return {
      endpoints: endpointsOf(settings, front),
      reload: () => front.reload(),
      ...(removal && { ended: removal.removed }),
      stop: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

export async function ownPaths(settings: Settings, log: Logger): Promise<readonly string[]> {
  const place = await findPlace(settings, { clock, log });
  return place?.own.paths ?? settings.node.drives;
}

/** Others can take a cluster's requests, once they know that this node will not. */
function shutdownDelay({ node }: Settings, inCluster: boolean): number {
  return node.shutdownDelay ?? (inCluster ? CLUSTER_SHUTDOWN_DELAY_MS : 0);
}

function openDrives(
  { cluster, node }: Settings,
  {
    place,
    arena,
    log,
  }: { place: ClusterPlace | undefined; readonly arena: Arena; readonly log: Logger },
): Promise<Store> {
  return openStore(
    {
      paths: place?.own.paths ?? node.drives,
      ...(place && identityOf(place)),
      memory: arena.memory.buffer,
      threads: node.driveThreads,
      stripeDataBytes: cluster.stripeDataBytes,
      limits: storeLimits(node.freeSpaceReserve),
    },
    { clock, random, log },
  );
}

/** What the drives of a node of a cluster must be, or are to be made. */
function identityOf({ known, member }: ClusterPlace) {
  return {
    clusterId: known.record.clusterId,
    nodeId: member.nodeId,
    assigned: member.drives
      .filter(({ state }) => state !== "removed")
      .map(({ driveId, number }) => ({ id: driveId, index: number })),
  };
}

/** A removed node would wait for ever for others that do not know it. */
async function startWatched(
  objects: RunningObjectStore,
  opened: OpenedCluster | undefined,
  closers: (() => void)[],
): Promise<RemovalWatch | undefined> {
  const started = objects.start().then(() => undefined);
  if (opened === undefined) return started;
  const watch = new RemovalWatch({ map: () => opened.map, network: opened.network, clock });
  watch.start();
  closers.push(() => watch.stop());
  const removed = await Promise.race([started, watch.removed]);
  if (removed !== undefined) throw removed;
  return watch;
}

function followLoad(opened: OpenedCluster | undefined): ForegroundLoad {
  const load = new ForegroundLoad(clock);
  if (opened !== undefined) load.follow({ map: () => opened.map, network: opened.network });
  return load;
}

function createBudget({ node }: Settings, load: ForegroundLoad): SharedBudget {
  return new SharedBudget(
    { bytesPerSecond: node.repairRate },
    { clock, isBusy: () => load.isBusy() },
  );
}

interface Phase {
  name: HealthState["phase"];
}

interface FrontParts {
  readonly objects: RunningObjectStore;
  readonly accessLog: AccessLog;
  readonly identities: NodeIdentities;
  readonly events: EventHub;
  readonly keys: KeyStore;
  readonly store: Store;
  readonly opened: OpenedCluster | undefined;
  readonly control: NodeControl | undefined;
  readonly phase: Phase;
  readonly load: ForegroundLoad;
  readonly digester: Parameters<typeof createS3Handler>[1]["digester"];
  readonly version: string;
  readonly log: Logger;
}

function listen(settings: Settings, handler: HttpHandler, log: Logger): Promise<HttpFront> {
  return startHttpFront(settings, { handler, clock, random, log });
}

function createHandler(settings: Settings, parts: FrontParts): HttpHandler {
  const { cluster, node } = settings;
  const { objects, identities, keys, events, digester, log } = parts;
  const hostId = hostIdOf();
  const health = (busy: boolean) => healthOf(settings, { ...parts, phase: parts.phase.name }, busy);
  const s3 = createS3Handler(
    {
      region: cluster.region,
      domains: cluster.domains,
      websiteDomains: cluster.websiteDomains,
      hostId,
      customerKeys: cluster.customerKeys,
      signatureVersionTwo: cluster.signatureV2,
      automaticEncryption: automaticEncryption(cluster),
    },
    {
      store: objects.store,
      events,
      digester,
      credentials: identities,
      accounts: identities,
      accessLog: parts.accessLog,
      clock,
      log,
    },
  );
  return createFront(
    { requestsMax: node.requestsMax },
    {
      s3,
      sts: createStsHandler(
        { region: cluster.region, hostId },
        { credentials: identities, sessions: identities.store, clock, log },
      ),
      iam: createIamHandler(
        { region: cluster.region, hostId },
        { credentials: identities, identities: identities.store, clock, random, log },
      ),
      admin: createAdminFront(
        { region: cluster.region },
        {
          identities,
          keys,
          buckets: objects.store,
          cluster: parts.control,
          node: nodeFacts(settings, { ...parts, health, clock }),
          clock,
          random,
          log,
        },
      ),
      refuse: (request, response) => sendBusy(request, response, hostId),
      load: parts.load,
      health,
      peerCard: parts.opened?.card,
    },
  );
}

/** Once the node serves: what operators ask of its cluster, and letting others in. */
function createControl(
  settings: Settings,
  {
    opened,
    objects,
    budget,
    log,
  }: { opened: OpenedCluster; budget: SharedBudget } & Pick<FrontParts, "objects" | "log">,
): NodeControl | undefined {
  const { administration, network, desks } = opened;
  if (administration === undefined) return undefined;
  const map = () => opened.map;
  const parts = { map, administration, network, desks, clock, random, log };
  const control = new NodeControl(settings, parts);
  const workers = () => [...objects.status().workers, trafficOf(budget)];
  control.begin({ records: objects.records, workers });
  return control;
}

function trafficOf({ counts }: SharedBudget): WorkerStatus {
  const { bytes: done } = counts;
  return { name: TRAFFIC, done, failed: 0 };
}

function createIdentities(
  settings: Settings,
  { objects, opened, log }: Pick<FrontParts, "objects" | "opened" | "log">,
): NodeIdentities {
  const { records } = objects;
  const shared = opened !== undefined;
  return new NodeIdentities(settings, { records, shared, clock, random, log });
}

/** Names this machine in answers. */
function hostIdOf(): string {
  return createHash("sha256").update(hostname()).digest("hex");
}

function startAccessLogs(
  { cluster }: Settings,
  { objects, identities, store, log }: Pick<FrontParts, "objects" | "identities" | "store" | "log">,
) {
  return startAccessLog(
    {
      nodeId: store.nodeId,
      intervalMs: cluster.accessLogInterval,
      region: cluster.region,
      hostId: hostIdOf(),
    },
    { store: objects.store, records: objects.records, accounts: identities, clock, random, log },
  );
}

async function prepareArena(settings: Settings, paths: readonly string[]): Promise<Arena> {
  const stripesOnDrives = await findStripeDataBytesMax(paths, { clock });
  checkMemory(settings, stripesOnDrives);
  return createArena(settings, stripesOnDrives);
}

function createArena({ cluster, node }: Settings, stripesOnDrives: number): Arena {
  return createDataArena({
    memoryBytes: node.memory,
    // Data keeps the stripes that it was written with, and reading it takes buffers as large.
    stripeDataBytes: Math.max(cluster.stripeDataBytes, stripesOnDrives),
    codecThreads: node.codecThreads,
    limits: DATA_LIMITS,
  });
}

/** The settings alone were checked before anybody knew what is on the drives. */
function checkMemory({ cluster, node }: Settings, stripesOnDrives: number): void {
  const needed = stripeMemoryBytes(stripesOnDrives, node.drives.length) * STRIPES_MIN;
  if (stripesOnDrives <= cluster.stripeDataBytes || node.memory >= needed) return;
  const stripe = formatBytesText(stripesOnDrives);
  const memory = formatBytesText(node.memory);
  throw new Error(
    `data on the drives was written with stripe-data-bytes ${stripe}, and memory (${memory}) is too ` +
      `small to read it: set memory to ${formatBytesText(needed)} or more`,
  );
}

function storeLimits(freeSpaceReserve: number) {
  const reserve = { ...STORE_LIMITS.reserve, reserveBytesMin: freeSpaceReserve };
  return { ...STORE_LIMITS, reserve };
}

function describeDrives(store: Store) {
  return {
    cluster: store.clusterId,
    node: store.nodeId,
    drives: store.drives.map(({ path }) => path),
    fresh: store.fresh.map(({ drive }) => drive.path),
    missing: store.missing.length,
  };
}

function endpointsOf({ node }: Settings, front: HttpFront): string[] {
  const scheme = front.secure ? "https" : "http";
  const { host } = node.address;
  return front.server.addresses.flatMap(({ port }) =>
    endpointUrls({ scheme, host, port }, networkInterfaces()),
  );
}
