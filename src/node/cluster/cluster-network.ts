/** The peer network of a node: as many threads as its processors allow, and what it may take. */
import { availableParallelism } from "node:os";
import { openPeerNetwork } from "../../../cluster/peers/open-peer-network.ts";
import type { PeerIdentity } from "../../../cluster/peers/peer-id.ts";
import { DEFAULT_PEER_LIMITS } from "../../../cluster/peers/peer-limits.ts";
import type { PeerNetwork } from "../../../cluster/peers/peer-network.ts";
import type { Settings } from "../../../config/schema.ts";
import { KIB } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** Memory that forming and joining need: they send no bulk. */
export const FORMING_MEMORY_BYTES: number = 64 * KIB;
/** Nobody's cluster: only joining is possible. */
export const NO_CLUSTER: string = "0".repeat(32);
/** A network thread for every so many processors. */
const PROCESSORS_PER_LANE = 4;
const LANES_MAX = 4;
/** As many uploads may be under way through one other node. */
const BULK_STREAMS_MAX = 2048;

export interface NetworkWanted {
  readonly settings: Settings;
  readonly identity: PeerIdentity;
  readonly clusterId: string;
  readonly version: string;
}

export function openNetwork(
  { settings, identity, clusterId, version }: NetworkWanted,
  memory: SharedArrayBuffer,
  log: Logger,
  clock: Clock,
): Promise<PeerNetwork> {
  const { host, port } = settings.node.peerAddress;
  const lanes = Math.min(LANES_MAX, Math.ceil(availableParallelism() / PROCESSORS_PER_LANE));
  return openPeerNetwork(
    {
      identity,
      clusterId,
      softwareVersion: version,
      listen: {
        host: host === "" ? "0.0.0.0" : host,
        ports: Array.from({ length: lanes }, (_, lane) => (port === 0 ? 0 : port + lane)),
      },
      memory,
      limits: {
        ...DEFAULT_PEER_LIMITS,
        bulkStreamsMax: BULK_STREAMS_MAX,
        joinEveryMs: 50,
        joinBurst: 64,
      },
    },
    {
      clock,
      logger: log,
      onFatal: (reason) => {
        log.error("this node cannot be reached by its peers any more", { reason });
        process.kill(process.pid, "SIGTERM");
      },
    },
  );
}
