/**
 * MinIO's health endpoints as a pure function: what probes, charts and load balancers ask for under
 * `/minio/health/`, answered from a snapshot of the node's state. No authentication, no body.
 */

export type HealthPhase =
  /** Serving. */
  | "ready"
  /** Drives are not open yet. */
  | "starting"
  /** Drives are open, bucket metadata or accounts are not loaded yet. */
  | "loading-buckets"
  | "loading-iam"
  /** Asked to stop: begun requests finish, probes must send new ones elsewhere. */
  | "stopping";

export interface DriveHealth {
  readonly online: boolean;
  /** Being rebuilt: it takes writes, but does not count for reads yet. */
  readonly healing: boolean;
  /** On the node that answers. */
  readonly local: boolean;
}

export interface HealthState {
  readonly phase: HealthPhase;
  /** The request limit is reached: another request would be refused. */
  readonly busy: boolean;
  readonly drives: readonly DriveHealth[];
  /** Drives needed to write an object of the standard class, and to read one. */
  readonly writeQuorum: number;
  readonly readQuorum: number;
  /** Parity of the two storage classes, for the header that names them. */
  readonly parityStandard: number;
  readonly parityRrs: number;
}

export interface HealthAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

const PREFIX = "/minio/health/";
const STATUS_HEADER = "x-minio-server-status";

export function isHealthPath(path: string): boolean {
  return path.startsWith(PREFIX);
}

/** The answer, or undefined when the path (without query) is none of the health endpoints. */
export function answerHealth(
  request: { readonly method: string; readonly path: string; readonly query: string },
  state: HealthState,
): HealthAnswer | undefined {
  const answer = answerPath(request, state);
  if (answer === undefined || request.method === "GET" || request.method === "HEAD") return answer;
  return { status: 405, headers: { allow: "GET, HEAD" } };
}

function answerPath(
  { path, query }: { readonly path: string; readonly query: string },
  state: HealthState,
): HealthAnswer | undefined {
  const maintenance = new URLSearchParams(query).get("maintenance") === "true";
  switch (path.replace(/\/$/, "")) {
    case `${PREFIX}live`:
      return live(state);
    case `${PREFIX}ready`:
      return ready(state);
    case `${PREFIX}cluster`:
      return cluster(state, { kind: "write", maintenance });
    case `${PREFIX}cluster/read`:
      return cluster(state, { kind: "read", maintenance });
    default:
      return undefined;
  }
}

/** Alive even while it starts or stops: restarting it would not help. */
function live(state: HealthState): HealthAnswer {
  if (state.busy) return { status: 503, headers: { "retry-after": "1" } };
  return { status: 200, headers: offlineHeaders(state) };
}

/** Stricter than MinIO while starting and stopping, where it says 200: no traffic should come yet. */
function ready(state: HealthState): HealthAnswer {
  if (state.phase !== "ready") return { status: 503, headers: offlineHeaders(state) };
  return live(state);
}

function offlineHeaders(state: HealthState): Record<string, string> {
  return state.phase === "ready" ? {} : { [STATUS_HEADER]: "offline" };
}

const STARTING_STATUS: Readonly<Record<Exclude<HealthPhase, "ready">, string>> = {
  starting: "offline",
  "loading-buckets": "bucket-metadata-offline",
  "loading-iam": "iam-offline",
  stopping: "offline",
};

function cluster(
  state: HealthState,
  question: { readonly kind: "read" | "write"; readonly maintenance: boolean },
): HealthAnswer {
  if (state.phase !== "ready") {
    return { status: 503, headers: { [STATUS_HEADER]: STARTING_STATUS[state.phase] } };
  }
  const { kind, maintenance } = question;
  const needed = kind === "read" ? state.readQuorum : state.writeQuorum;
  const usable = state.drives.filter(
    (drive) => drive.online && !(kind === "read" && drive.healing),
  );
  const headers = quorumHeaders(state, kind);
  if (usable.length < needed) return { status: 503, headers };
  // Would the others manage if this node were taken away?
  const without = usable.filter((drive) => !drive.local).length;
  return { status: maintenance && without < needed ? 412 : 200, headers };
}

function quorumHeaders(state: HealthState, kind: "read" | "write"): Record<string, string> {
  if (kind === "read") return { "x-minio-read-quorum": String(state.readQuorum) };
  const healing = state.drives.filter((drive) => drive.healing).length;
  return {
    "x-minio-write-quorum": String(state.writeQuorum),
    "x-minio-storage-class-defaults": `STANDARD=EC:${state.parityStandard},REDUCED_REDUNDANCY=EC:${state.parityRrs}`,
    ...(healing > 0 ? { "x-minio-healing-drives": String(healing) } : {}),
  };
}
