/**
 * MinIO's environment variables that Ringfort knows but does not act on yet, so that an operator who
 * moves a deployment reads once what is missing instead of finding out later. Variables that act are
 * named at their setting in config/schema.ts.
 */

export type VariableStanding =
  /** Known, without effect yet. */
  | "no-effect"
  /** Known, without effect yet, and something was protected by it. */
  | "not-in-force"
  /** Set by Kubernetes for a service called minio or ringfort. */
  | "service-link"
  | "unknown";

/** Encryption, access control and audit: leaving these out silently would be a breach of trust. */
const PROTECTIVE = [
  /^MINIO_KMS_/,
  /^MINIO_IDENTITY_/,
  /^MINIO_POLICY_/,
  /^MINIO_AUDIT_/,
  /^MINIO_API_ROOT_ACCESS$/,
  /^MINIO_API_CORS_ALLOW_ORIGIN$/,
];

const SUB_SYSTEMS =
  /^MINIO_(API|BATCH|BROWSER|CACHE|CALLHOME|COMPRESS|COMPRESSION|DRIVE|ETCD|HEAL|ILM|LAMBDA_WEBHOOK|LOGGER_WEBHOOK|NOTIFY|PROMETHEUS|SCANNER|SITE|STORAGE_CLASS|SUBNET)_[A-Z0-9_]+$/;

const SINGLE = new Set(
  `MINIO_BROWSER MINIO_CI_CD MINIO_COMPRESS MINIO_CONN_USER_TIMEOUT MINIO_CONSOLE_DEBUG_LOGLEVEL
  MINIO_CONSOLE_DEVELOPMENT MINIO_CROSSDOMAIN_XML MINIO_DEBUG_REMOTE_SERVER MINIO_DNS_CACHE_TTL
  MINIO_DNS_WEBHOOK_ENDPOINT MINIO_DNS_WEBHOOK_TOKEN MINIO_ERASURE_SET_DRIVE_COUNT MINIO_FS_OSYNC
  MINIO_GROUPNAME MINIO_INTERFACE MINIO_LOG_DIR MINIO_LOG_QUERY_AUTH_TOKEN MINIO_LOG_QUERY_URL
  MINIO_LOG_SIZE MINIO_MAX_IDLE_CONNS_PER_HOST MINIO_MEMLIMIT MINIO_NTP_SERVER MINIO_OPERATOR_VERSION
  MINIO_PUBLIC_IPS MINIO_READ_HEADER_TIMEOUT MINIO_RECV_BUF_SIZE MINIO_ROOTDRIVE_THRESHOLD_SIZE
  MINIO_ROOTDISK_THRESHOLD_SIZE MINIO_SEND_BUF_SIZE MINIO_SERVER_URL MINIO_STS_DURATION MINIO_UID
  MINIO_UPDATE MINIO_UPDATE_MINISIGN_PUBKEY MINIO_USERNAME MINIO_GID MINIO_WORM MINIO_HTTP_TRACE
  MINIO_DISABLE_API_FREEZE_ON_BOOT MINIO_ENABLE_NO_STDERR_LOG`.split(/\s+/),
);

/** MC_HOST-like variables of the client that often stand in the same file. */
const CLIENT = /^MINIO_(ALIAS|ENDPOINT|HOST|URL)$/;

/** NAME_SERVICE_HOST, NAME_PORT_9000_TCP_ADDR … for any service whose name starts with the prefix. */
const SERVICE_LINK =
  /^(MINIO|RINGFORT)_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

export function isServiceLink(name: string): boolean {
  return SERVICE_LINK.test(name);
}

/** What to think of a MINIO_ variable that is no setting. */
export function standingOf(name: string): VariableStanding {
  if (PROTECTIVE.some((pattern) => pattern.test(name))) return "not-in-force";
  if (name.startsWith("_MINIO_") || SINGLE.has(name)) return "no-effect";
  if (SUB_SYSTEMS.test(name) || CLIENT.test(name)) return "no-effect";
  return isServiceLink(name) ? "service-link" : "unknown";
}
