/**
 * Every setting of Ringfort: its kind, limits, default and one line of documentation, in two halves:
 * `cluster` must be equal on every node of a deployment, `node` belongs to one process.
 *
 * Names follow one rule: `inlineBytesMax` here is `inline-bytes-max` in the YAML file and
 * `RINGFORT_INLINE_BYTES_MAX` in the environment. docs/CONFIGURATION.md is generated from this file.
 * Settings without a literal default get theirs from config/defaults.ts.
 */
import { z } from "zod";
import { GIB, KIB, MIB, TIB } from "../src/base/bytes.ts";
import { DRIVES_MAX } from "./drive-list.ts";
import type { RawValue } from "./findings.ts";
import {
  accessKeyKind,
  addressKind,
  bytesKind,
  choiceKind,
  countKind,
  domainsKind,
  drivesKind,
  durationKind,
  identitiesKind,
  namedKeyKind,
  nodeZonesKind,
  passwordKind,
  pathKind,
  regionKind,
  storageClassKind,
  switchKind,
  webhooksKind,
  zoneKind,
} from "./setting-kinds.ts";

/** What people read about a setting, and where else its value may come from. */
export interface SettingNotes {
  readonly doc: string;
  /** The literal default, as one would write it. */
  readonly default?: RawValue;
  /** How the default is found when it is not literal; config/defaults.ts does it. */
  readonly computed?: string;
  /** Words that ask for the computed default. */
  readonly automatic?: readonly string[];
  readonly example: string;
  /** MinIO's variables that mean the same, the preferred one first. */
  readonly minio?: readonly string[];
  readonly flag?: string;
  /** `X_FILE` names a file that holds the value. */
  readonly fromFile?: true;
  readonly secret?: true;
  /** Understood and checked, but nothing happens yet; reported once at start. */
  readonly noEffectYet?: true;
}

export const settingNotes = z.registry<SettingNotes>();

/** MinIO's built-in credentials, which everybody knows. */
export const DEFAULT_ROOT_USER = "minioadmin";
export const DEFAULT_ROOT_PASSWORD = "minioadmin";
/** The pages of one WebAssembly memory end here. */
const ARENA_BYTES_MAX = 4 * GIB;
const HOUR_MS = 3_600_000;

export const clusterSchema = z.strictObject({
  rootUser: accessKeyKind(3).register(settingNotes, {
    doc: "Access key of the root account, at least 3 characters.",
    default: DEFAULT_ROOT_USER,
    example: "admin",
    minio: ["MINIO_ROOT_USER", "MINIO_ACCESS_KEY"],
    fromFile: true,
  }),
  rootPassword: passwordKind(8).register(settingNotes, {
    doc: "Secret key of the root account, at least 8 characters.",
    default: DEFAULT_ROOT_PASSWORD,
    example: "a-long-random-secret",
    minio: ["MINIO_ROOT_PASSWORD", "MINIO_SECRET_KEY"],
    fromFile: true,
    secret: true,
  }),
  rootPasswordPrevious: passwordKind(8)
    .optional()
    .register(settingNotes, {
      doc: "The root password before the present one, for the first start after changing it.",
      example: "the-secret-of-before",
      minio: ["MINIO_ROOT_PASSWORD_OLD"],
      fromFile: true,
      secret: true,
    }),
  identities: identitiesKind().optional().register(settingNotes, {
    doc: "Users, groups, policies and access keys made at the first start; a section of the file.",
    example: '{"users":[{"name":"alice","secret":"a-long-secret","policies":["readwrite"]}]}',
    fromFile: true,
    secret: true,
  }),
  kmsSecretKey: namedKeyKind()
    .optional()
    .register(settingNotes, {
      doc: "NAME:KEY, the default key of the key store, which also seals the keys made at run time; 32 bytes in base64. Without it they are sealed under the root password.",
      example: "my-key:bXktc2VjcmV0LWtleS1vZi0zMi1ieXRlcy1sb25nISE=",
      minio: ["MINIO_KMS_SECRET_KEY"],
      fromFile: true,
      secret: true,
    }),
  autoEncryption: switchKind().register(settingNotes, {
    doc: "Encrypts what is written to buckets without a default encryption: SSE-KMS with the default key, or SSE-S3 where there is none.",
    default: "off",
    example: "on",
    minio: ["MINIO_KMS_AUTO_ENCRYPTION"],
  }),
  customerKeys: choiceKind(["tls", "local", "any"]).register(settingNotes, {
    doc: "From where keys of customers (SSE-C) are taken: over TLS only, over TLS and from this machine, where a proxy may have ended it, or from anywhere, in the clear.",
    default: "local",
    example: "tls",
  }),
  signatureV2: switchKind().register(settingNotes, {
    doc: "Takes Signature Version 2 beside Version 4. boto3 and older clients still presign with it; it covers less of a request, so turn it off where nobody needs it.",
    default: "on",
    example: "off",
  }),
  region: regionKind()
    .optional()
    .register(settingNotes, {
      doc: "Region that requests must be signed for; without it every region is accepted.",
      example: "us-east-1",
      minio: ["MINIO_SITE_REGION", "MINIO_REGION", "MINIO_REGION_NAME"],
    }),
  domains: domainsKind().register(settingNotes, {
    doc: "Host names below which a bucket is a host name of its own (bucket.DOMAIN).",
    default: [],
    example: "s3.example.com,s3.internal",
    minio: ["MINIO_DOMAIN"],
  }),
  websiteDomains: domainsKind().register(settingNotes, {
    doc: "Host names below which a bucket is served as a website (bucket.DOMAIN), without keys.",
    default: [],
    example: "s3-website.example.com",
  }),
  notifyWebhooks: webhooksKind().register(settingNotes, {
    doc: "Webhooks that bucket notifications may name; or MINIO_NOTIFY_WEBHOOK_ENDPOINT_ID and so on.",
    default: "{}",
    example: '{"PRIMARY":{"endpoint":"https://hooks.example.com/s3","auth-token":"a-secret"}}',
    fromFile: true,
    secret: true,
  }),
  storageClassStandard: storageClassKind().register(settingNotes, {
    doc: "Parity drives of an object in the STANDARD storage class, at most half of the drives.",
    computed: "1 drive EC:0, 2–3 EC:1, 4–5 EC:2, 6–7 EC:3, 8 or more EC:4",
    automatic: ["auto"],
    example: "EC:2",
    minio: ["MINIO_STORAGE_CLASS_STANDARD"],
  }),
  storageClassRrs: storageClassKind().register(settingNotes, {
    doc: "Parity drives of an object in the REDUCED_REDUNDANCY storage class.",
    computed: "1 drive EC:0, otherwise EC:1",
    automatic: ["auto"],
    example: "EC:1",
    minio: ["MINIO_STORAGE_CLASS_RRS"],
  }),
  inlineBytesMax: bytesKind({ bytesMin: 0, bytesMax: 256 * KIB }).register(settingNotes, {
    doc: "Objects and parts up to this size live in the metadata record, without files of their own.",
    default: "32KiB",
    example: "32KiB",
  }),
  stripeDataBytes: bytesKind({
    bytesMin: 64 * KIB,
    bytesMax: 16 * MIB,
    powerOfTwo: true,
  }).register(settingNotes, {
    doc: "Bytes of an object that are hashed and erasure-coded together.",
    default: "1MiB",
    example: "1MiB",
  }),
  bucketShards: countKind({ min: 1, max: 256, powerOfTwo: true }).register(settingNotes, {
    doc: "Hash shards of the listing of a new bucket; a power of two. Existing buckets keep theirs.",
    default: 16,
    example: "16",
  }),
  lifecycleDay: durationKind({ msMin: 1000, msMax: 24 * HOUR_MS }).register(settingNotes, {
    doc: "What lifecycle rules take for a day; shorter than 24h only to try rules out.",
    default: "24h",
    example: "24h",
  }),
  accessLogInterval: durationKind({ msMin: 1000, msMax: 24 * HOUR_MS }).register(settingNotes, {
    doc: "How long a node collects lines of a bucket's access log before they become an object.",
    default: "5m",
    example: "5m",
  }),
});

export const nodeSchema = z.strictObject({
  drives: drivesKind().register(settingNotes, {
    doc: "Drive folders, or URLs of all drives of a cluster; {1...4} is expanded. The DIR words.",
    example: "/mnt/drive{1...4}",
    minio: ["MINIO_VOLUMES", "MINIO_ARGS", "MINIO_ENDPOINTS"],
  }),
  join: passwordKind(1).optional().register(settingNotes, {
    doc: "A token that lets this node into a cluster, once; ringfort cluster token makes it.",
    example: "rfjoin_...",
    fromFile: true,
    secret: true,
    flag: "--join",
  }),
  zone: zoneKind().optional().register(settingNotes, {
    doc: "Rack, room or site of this node: copies are spread over zones when there are several.",
    example: "rack-1",
    flag: "--zone",
  }),
  zones: nodeZonesKind().register(settingNotes, {
    doc: "The same for each node of a list of URLs, in one list that all of them share. In the YAML file, the zone of an entry of nodes says it as well.",
    default: "",
    example: "http://node{1...2}:9000=rack-1",
  }),
  address: addressKind().register(settingNotes, {
    doc: "Where S3, the admin API, metrics and health checks listen.",
    default: ":9000",
    example: ":9000",
    minio: ["MINIO_ADDRESS"],
    flag: "--address",
  }),
  consoleAddress: addressKind().register(settingNotes, {
    doc: "Where the web console will listen.",
    computed: "the port after the one of the address, so :9001",
    example: ":9001",
    minio: ["MINIO_CONSOLE_ADDRESS"],
    flag: "--console-address",
    noEffectYet: true,
  }),
  peerAddress: addressKind().register(settingNotes, {
    doc: "Where the other nodes of the cluster connect; every node must be able to reach it.",
    computed: "the port of the address and 10000, so :19000",
    example: ":19000",
    flag: "--peer-address",
  }),
  peerAdvertise: addressKind().optional().register(settingNotes, {
    doc: "Where the others find this node if not where it listens; told when it is let in.",
    example: "node1.example.com:19000",
  }),
  certsDir: pathKind().register(settingNotes, {
    doc: "Folder of public.crt and private.key; with both there, the address speaks HTTPS.",
    computed: "~/.ringfort/certs; ~/.minio/certs where only that exists",
    example: "/etc/ringfort/certs",
    flag: "--certs-dir",
  }),
  certPassword: passwordKind(1)
    .optional()
    .register(settingNotes, {
      doc: "Password of the private key in the certificate folder, where that is encrypted.",
      example: "a-long-random-secret",
      minio: ["MINIO_CERT_PASSWD"],
      fromFile: true,
      secret: true,
    }),
  memory: bytesKind({ bytesMin: 32 * MIB, bytesMax: ARENA_BYTES_MAX }).register(settingNotes, {
    doc: "Memory for object data in flight. When it is used up, clients wait; it never grows.",
    computed: "a quarter of the memory of the machine or container, at most 1GiB, at least 64MiB",
    automatic: ["auto"],
    example: "512MiB",
  }),
  recordCache: bytesKind({ bytesMin: 0, bytesMax: 64 * GIB }).register(settingNotes, {
    doc: "Memory for records, small objects with them, that were read before; 0B keeps none.",
    default: "64MiB",
    example: "256MiB",
  }),
  codecThreads: countKind({ min: 1, max: 256 }).register(settingNotes, {
    doc: "Threads that hash, encrypt and erasure-code.",
    computed: "one fewer than the processors, at least 1, at most 16",
    automatic: ["auto"],
    example: "3",
  }),
  driveThreads: countKind({ min: 1, max: DRIVES_MAX }).register(settingNotes, {
    doc: "Threads that read and write the drives, at most one for each drive.",
    computed: "one for each drive, at most half the processors and at least 1",
    automatic: ["auto"],
    example: "4",
  }),
  freeSpaceReserve: bytesKind({ bytesMin: 0, bytesMax: TIB }).register(settingNotes, {
    doc: "Kept free on each drive for deletes and metadata: this or 1 %, but at most 5 % of it.",
    default: "1GiB",
    example: "10GiB",
  }),
  acceptMissingDrives: switchKind().register(settingNotes, {
    doc: "Start writing with half of the drives, giving up what only the missing ones hold.",
    default: "off",
    example: "on",
  }),
  repairRate: bytesKind({ bytesMin: 0, bytesMax: TIB }).register(settingNotes, {
    doc: "Bytes a second that a node repairs, moves and verifies while clients are served; without them there is no limit. 0B: none at all.",
    default: "32MiB",
    example: "100MiB",
  }),
  replaceEmptyDrives: switchKind().register(settingNotes, {
    doc: "In a cluster: a disk that was replaced by an empty one fills itself; off waits for ringfort cluster replace.",
    default: "on",
    example: "off",
  }),
  replaceEmptyDrivesAfter: durationKind({ msMin: 0, msMax: 24 * HOUR_MS }).register(settingNotes, {
    doc: "How long the folder of a lost drive has to be there and empty before it counts as a new disk.",
    default: "30s",
    example: "10m",
  }),
  requestsMax: countKind({ min: 1, max: 1_000_000 }).register(settingNotes, {
    doc: "Requests served at a time; more are answered 503 SlowDown at once.",
    computed: "one for each 128KiB of memory, between 256 and 16384",
    automatic: ["auto", "0"],
    example: "4096",
    minio: ["MINIO_API_REQUESTS_MAX"],
  }),
  http: choiceKind(["auto", "uws", "net", "node"]).register(settingNotes, {
    doc: "HTTP server: uws (uWebSockets.js, fastest), net (Ringfort's own, on node:net), node (node:http), or auto: uws where its build reads every request, which needs Node 22 or newer and glibc 2.38 or newer, else net.",
    default: "auto",
    example: "auto",
  }),
  headerBytesMax: bytesKind({ bytesMin: 4 * KIB, bytesMax: 256 * KIB }).register(settingNotes, {
    doc: "Names and values of all headers of a request; a request with more is refused.",
    default: "64KiB",
    example: "64KiB",
  }),
  idleTimeout: durationKind({ msMin: 1000, msMax: 24 * HOUR_MS }).register(settingNotes, {
    doc: "An upload or download that stands still this long because of the client is ended.",
    default: "60s",
    example: "60s",
    minio: ["MINIO_IDLE_TIMEOUT"],
    flag: "--idle-timeout",
  }),
  shutdownGrace: durationKind({ msMin: 0, msMax: HOUR_MS }).register(settingNotes, {
    doc: "How long a stopping server waits for the requests it has begun.",
    default: "25s",
    example: "25s",
    minio: ["MINIO_SHUTDOWN_TIMEOUT"],
    flag: "--shutdown-timeout",
  }),
  shutdownDelay: durationKind({ msMin: 0, msMax: HOUR_MS }).optional().register(settingNotes, {
    doc: "How long a stopping server goes on after it says not ready; 2s in a cluster if not set.",
    example: "10s",
    flag: "--shutdown-delay",
  }),
  logLevel: choiceKind(["debug", "info", "warn", "error"]).register(settingNotes, {
    doc: "The least important message that is logged.",
    default: "info",
    example: "info",
  }),
  logFormat: choiceKind(["auto", "json", "pretty"]).register(settingNotes, {
    doc: "Log form: json (one object a line), pretty, or auto (pretty on a terminal, otherwise json).",
    default: "auto",
    example: "json",
    flag: "--json",
  }),
  quiet: switchKind().register(settingNotes, {
    doc: "Leaves out the start-up text and messages below warn.",
    default: "off",
    example: "on",
    flag: "--quiet",
  }),
  anonymous: switchKind().register(settingNotes, {
    doc: "Leaves bucket names, object names and addresses of clients out of the log.",
    default: "off",
    example: "on",
    flag: "--anonymous",
  }),
});

export const settingsSchema = z.strictObject({ cluster: clusterSchema, node: nodeSchema });

export type ClusterSettings = Readonly<z.output<typeof clusterSchema>>;
export type NodeSettings = Readonly<z.output<typeof nodeSchema>>;
export interface Settings {
  readonly cluster: ClusterSettings;
  readonly node: NodeSettings;
}
