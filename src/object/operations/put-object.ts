/** PUT and COPY: bytes become durable data, then one commit makes the object. */

import type { PreparedKey } from "../../../cluster/register/base.ts";
import { TIB } from "../../base/bytes.ts";
import type { ChecksumAlgorithm, PayloadSource } from "../../base/payload.ts";
import type { ReadConditions } from "../contract/conditions.ts";
import type { Data, StorageClass } from "../contract/data.ts";
import type {
  Bucket,
  CopyObjectInput,
  CopyObjectResult,
  EncryptionRequest,
  PutObjectInput,
  PutObjectResult,
  SourceFacts,
  StoredHeaders,
} from "../contract/object-store.ts";
import { objectKey } from "../contract/register-keys.ts";
import { admit } from "./admit.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { quotaOf } from "./bucket-quota.ts";
import { type Moment, momentOf } from "./commit-limit.ts";
import { commitVersion, writtenChecksum } from "./commit-version.ts";
import type { ObjectCore } from "./object-core.ts";
import { sourceOf } from "./object-source.ts";
import { readVersion } from "./open-object.ts";
import type { QuotaHold } from "./quota-account.ts";
import { isRotation, rotateKey } from "./rotate-key.ts";

/** As in S3. */
export const OBJECT_BYTES_MAX = 5 * TIB;

export interface ObjectWrite {
  readonly bucket: Bucket;
  readonly key: string;
  readonly source: PayloadSource;
  readonly headers: StoredHeaders;
  readonly storageClass: StorageClass;
  readonly conditions: ReadConditions;
  readonly algorithm: ChecksumAlgorithm | undefined;
  /** Never left out by accident: what a client asked to be encrypted must be. */
  readonly encryption: EncryptionRequest | undefined;
  readonly facts: SourceFacts | undefined;
}

export function putObject(core: ObjectCore, input: PutObjectInput): Promise<PutObjectResult> {
  const { bucket, key, source, headers, storageClass, conditions, encryption, facts } = input;
  const algorithm = declaredChecksum(source) ?? input.checksumAlgorithm;
  const content = { source, algorithm, encryption, facts };
  return writeObject(core, { bucket, key, headers, storageClass, conditions, ...content });
}

/**
 * The bytes always move to data of their own: one data item belongs to one record for ever (I3).
 * The copy has a checksum of its own over the whole object, of the source's algorithm.
 */
export async function copyObject(
  core: ObjectCore,
  input: CopyObjectInput,
): Promise<CopyObjectResult> {
  const { source, target } = input;
  const found = await readVersion(core, source);
  const { version } = found;
  if (isRotation(found, input)) return rotateKey(core, found, input);
  const meta = version.meta();
  const result = await writeObject(core, {
    ...target,
    source: sourceOf(core.reader, found, undefined),
    headers: input.headers(meta.headers),
    storageClass: input.storageClass ?? version.storageClass,
    algorithm: input.checksumAlgorithm ?? meta.checksum?.algorithm ?? "crc64nvme",
    encryption: input.encryption,
    facts: input.facts,
  });
  const versioned = found.bucket.versioning !== "unversioned";
  return { ...result, sourceVersionId: versioned ? version.versionId : undefined };
}

/** What the client declares up front or in a trailer: verified, so it is worth keeping. */
export function declaredChecksum(source: PayloadSource): ChecksumAlgorithm | undefined {
  return source.expectations.checksum?.algorithm ?? source.trailingChecksum;
}

export async function writeObject(core: ObjectCore, write: ObjectWrite): Promise<PutObjectResult> {
  const { source } = write;
  const bucket = await core.buckets.current(write.bucket);
  const registerKey = objectKey(bucket, write.key);
  // Most buckets have no quota: nothing is asked, and nothing waited for.
  if (quotaOf(bucket) === undefined) {
    return writeAdmitted(core, write, { bucket, registerKey, admitted: undefined });
  }
  const admitted = await admit(core, bucket, { registerKey, length: source.length });
  try {
    return await writeAdmitted(core, write, { bucket, registerKey, admitted });
  } finally {
    admitted?.release();
  }
}

interface Admitted {
  readonly bucket: BucketEntry;
  readonly registerKey: Uint8Array;
  readonly admitted: QuotaHold | undefined;
}

async function writeAdmitted(
  core: ObjectCore,
  write: ObjectWrite,
  { bucket, registerKey, admitted }: Admitted,
): Promise<PutObjectResult> {
  const { source, algorithm, headers, storageClass, conditions, facts } = write;
  let prepared: PreparedKey | undefined;
  let since: Moment | undefined;
  const place = { bucket: bucket.name, key: write.key };
  const encrypted = write.encryption && (await core.encryption.create(write.encryption, place));
  const keys = encrypted?.keys;
  const written = await core.writer.write({
    source,
    ownerKey: registerKey,
    storageClass,
    bytesMax: OBJECT_BYTES_MAX,
    inlineBytesMax: core.options.inlineBytesMax,
    checksums: algorithm === undefined ? [] : [algorithm],
    onVerified: () => {
      since = momentOf(core.clock);
      prepared = core.registers.prepareAhead(registerKey, actingUnder(bucket));
    },
    sealKey: keys?.dataKey(undefined),
  });
  const checksum = writtenChecksum(written, algorithm);
  return commitVersion(core, {
    bucket,
    registerKey,
    conditions,
    prepared,
    since,
    written: written.data,
    checksum,
    admitted,
    draft: {
      headers,
      checksum: checksum && keys ? keys.sealChecksum(checksum, undefined, core.random) : checksum,
      content: written.data,
      storageClass,
      bytes: written.bytes,
      etag: facts?.etag ?? keys?.etag(written.digests.md5) ?? written.digests.md5,
      mtimeMs: facts?.mtimeMs,
      degraded: isDegraded(core, written.data, storageClass),
      encryption: encrypted?.stored,
    },
  });
}

function isDegraded(core: ObjectCore, data: Data, storageClass: StorageClass): boolean {
  return data.kind === "shards" && core.geometry.isDegraded(data, storageClass);
}
