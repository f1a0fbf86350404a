/**
 * What a node of a cluster keeps in the folders of its drives before and beside the drives: its
 * identity, and the newest cluster record and layouts that it knows. Each is on every drive; any one
 * will do. Written by temporary file and rename, with both fsyncs.
 *
 * Formats: docs/FORMATS.md "Node files".
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  type ClusterRecord,
  decodeClusterRecord,
  encodeClusterRecord,
} from "../../../cluster/forming/cluster-record.ts";
import type { Layout } from "../../../cluster/layout/layout.ts";
import { decodeLayout, encodeLayout } from "../../../cluster/layout/layout-codec.ts";
import {
  newPeerIdentity,
  type PeerIdentity,
  readPeerIdentity,
} from "../../../cluster/peers/peer-id.ts";
import type { Random } from "../../base/random.ts";
import { xxh3 } from "../../codec/xxh3.ts";
import { CLUSTER_FILE, NODE_IDENTITY_FILE } from "../../store/drive-inspection.ts";

/** What a node knows of its cluster. */
export interface KnownCluster {
  readonly record: ClusterRecord;
  /** Those that the record names. */
  readonly layouts: readonly Layout[];
}

const IDENTITY_MAGIC = "RFNODEID";
const CLUSTER_MAGIC = "RFKNOWN1";
const MAGIC_BYTES = 8;
const CHECKSUM_BYTES = 16;
/** Nobody else on the machine reads the secret. */
const SECRET_MODE = 0o600;

/** The identity found on the drives, or a new one; on every drive afterwards. */
export async function loadIdentity(
  paths: readonly string[],
  random: Random,
): Promise<PeerIdentity> {
  const found: PeerIdentity[] = [];
  const without: string[] = [];
  for (const path of paths) {
    const content = await readChecked(join(path, NODE_IDENTITY_FILE), IDENTITY_MAGIC);
    if (content === undefined) without.push(path);
    else found.push(readPeerIdentity(content));
  }
  const identity = found[0] ?? newPeerIdentity(random);
  const stranger = found.find(({ id }) => id !== identity.id);
  if (stranger !== undefined) {
    throw new Error(
      `the drives ${paths.join(", ")} hold the identities of two nodes ` +
        `(${identity.id}, ${stranger.id}); give each node its own drives`,
    );
  }
  for (const path of without) {
    // A drive that is away gets it when it is back.
    await writeChecked(join(path, NODE_IDENTITY_FILE), IDENTITY_MAGIC, identity.secret).catch(
      (error: unknown) => {
        if (found.length === 0) throw error;
      },
    );
  }
  return identity;
}

/** Into a folder that is about to become a drive of the node. */
export async function saveIdentity(path: string, { secret }: PeerIdentity): Promise<void> {
  await writeChecked(join(path, NODE_IDENTITY_FILE), IDENTITY_MAGIC, secret);
}

/** The newest that any drive knows; undefined when none knows of a cluster. */
export async function loadKnownCluster(
  paths: readonly string[],
): Promise<KnownCluster | undefined> {
  let newest: KnownCluster | undefined;
  for (const path of paths) {
    const content = await readChecked(join(path, CLUSTER_FILE), CLUSTER_MAGIC);
    const known = content === undefined ? undefined : decodeKnown(content);
    if (known === undefined) continue;
    if (known.record.ring.epoch >= (newest?.record.ring.epoch ?? 0)) newest = known;
  }
  return newest;
}

/** Resolves with the folders that could not be written. */
export async function saveKnownCluster(
  paths: readonly string[],
  known: KnownCluster,
): Promise<string[]> {
  const content = encodeKnown(known);
  const failed = await Promise.all(
    paths.map(async (path) => {
      try {
        await writeChecked(join(path, CLUSTER_FILE), CLUSTER_MAGIC, content);
        return [];
      } catch {
        return [path];
      }
    }),
  );
  return failed.flat();
}

/** Also what a node that joins is told. */
export function encodeKnown({ record, layouts }: KnownCluster): Uint8Array {
  const parts = [encodeClusterRecord(record), ...layouts.map(encodeLayout)];
  const lengths = Buffer.alloc(4 + 4 * parts.length);
  lengths.writeUInt32LE(parts.length, 0);
  for (const [index, part] of parts.entries()) lengths.writeUInt32LE(part.length, 4 + 4 * index);
  return Buffer.concat([lengths, ...parts]);
}

/** Throws when it is not what `encodeKnown` makes. */
export function decodeKnown(content: Buffer): KnownCluster {
  const count = content.readUInt32LE(0);
  let offset = 4 + 4 * count;
  const parts = Array.from({ length: count }, (_, index) => {
    const start = offset;
    offset += content.readUInt32LE(4 + 4 * index);
    return content.subarray(start, offset);
  });
  const [record, ...layouts] = parts;
  if (record === undefined) throw new Error(`${CLUSTER_FILE} is empty`);
  return { record: decodeClusterRecord(record), layouts: layouts.map(decodeLayout) };
}

/** The content; undefined when there is no such file. A damaged one counts as absent. */
async function readChecked(path: string, magic: string): Promise<Buffer | undefined> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch {
    return undefined;
  }
  const content = bytes.subarray(MAGIC_BYTES, -CHECKSUM_BYTES);
  const whole = bytes.length >= MAGIC_BYTES + CHECKSUM_BYTES;
  if (!whole || bytes.toString("latin1", 0, MAGIC_BYTES) !== magic) return undefined;
  return xxh3(content).equals(bytes.subarray(-CHECKSUM_BYTES)) ? content : undefined;
}

async function writeChecked(path: string, magic: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", SECRET_MODE);
  try {
    await file.writeFile(Buffer.concat([Buffer.from(magic, "latin1"), content, xxh3(content)]));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
