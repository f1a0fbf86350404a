/** The object layer as one object: each method is an operation of its own file. */
import { assert } from "../../base/assert.ts";
import type { DataId } from "../../base/ids.ts";
import { KeyedGate } from "../contract/keyed-gate.ts";
import type * as contract from "../contract/object-store.ts";
import { headsOf, SHARDS_MAX, UPLOAD_TAG } from "../contract/register-keys.ts";
import type { BucketUsage, UsageStore } from "../contract/usage.ts";
import type { KeyService } from "../encryption/key-service.ts";
import { ObjectEncryption } from "../encryption/object-encryption.ts";
import { scanAll, scanRows } from "../registers/row-scan.ts";
import { actingUnder, type BucketEntry } from "./bucket-entry.ts";
import { quotaOf } from "./bucket-quota.ts";
import { countBucket } from "./bucket-usage.ts";
import { Buckets } from "./buckets.ts";
import { abortInside, abortUpload, completeUpload } from "./complete-upload.ts";
import { deleteObject } from "./delete-object.ts";
import { listObjects } from "./list-objects.ts";
import { listUploads } from "./list-uploads.ts";
import { listVersions } from "./list-versions.ts";
import type { ObjectCore, ObjectOptions } from "./object-core.ts";
import { openObject } from "./open-object.ts";
import { copyObject, putObject } from "./put-object.ts";
import { Quotas } from "./quotas.ts";
import { renameObject } from "./rename-object.ts";
import { updateEncryption } from "./rotate-key.ts";
import { updateHeaders } from "./update-headers.ts";
import { copyPart, createUpload, findUpload, listParts, putPart } from "./uploads.ts";

export type ObjectLayerModules = Omit<
  ObjectCore,
  "options" | "buckets" | "quotas" | "uploadGate" | "committing" | "encryption"
> & {
  /** Without it only customers' keys encrypt. */
  readonly keyService?: KeyService;
};

export class ObjectLayer implements contract.ObjectStore, UsageStore {
  /** For the background workers of this layer. */
  readonly core: ObjectCore;

  constructor(options: ObjectOptions, modules: ObjectLayerModules) {
    const { bucketShards } = options;
    assert(
      bucketShards >= 1 && bucketShards <= SHARDS_MAX && (bucketShards & (bucketShards - 1)) === 0,
      "a bucket has a power of two of shards",
    );
    const { registers, clock, random } = modules;
    const buckets = new Buckets(options, {
      registers,
      clock,
      random,
      abortUploads: (bucket) => this.#abortUploads(bucket),
    });
    const committing = new Set<DataId>();
    const encryption = new ObjectEncryption(random, modules.keyService);
    const uploadGate = new KeyedGate();
    const quotas = new Quotas(options, { buckets, registers, random, clock });
    this.core = { ...modules, options, buckets, quotas, committing, encryption, uploadGate };
  }

  createBucket(name: string, settings?: contract.BucketSettings): Promise<contract.Bucket> {
    return this.core.buckets.create(name, settings);
  }

  bucket(name: string): Promise<contract.Bucket> {
    return this.core.buckets.find(name);
  }

  lastKnown(bucket: contract.Bucket): contract.Bucket {
    return this.core.buckets.lastKnown(bucket);
  }

  async deleteBucket(name: string): Promise<void> {
    const { buckets, quotas } = this.core;
    const removed = await buckets.remove(name);
    if (removed !== undefined) await quotas.forget(removed, Number.MAX_SAFE_INTEGER);
  }

  bucketUsage(name: string): Promise<BucketUsage> {
    const { buckets, registers } = this.core;
    return buckets
      .find(name)
      .then((bucket) => buckets.under(bucket, (entry) => countBucket(registers, entry)));
  }

  async bucketQuota(name: string): Promise<number | undefined> {
    return quotaOf(await this.core.buckets.find(name))?.bytesMax;
  }

  setBucketQuota(name: string, bytesMax: number | undefined): Promise<void> {
    return this.core.quotas.set(name, bytesMax);
  }

  listBuckets(input: { prefix: string; after: string | undefined; limit: number }) {
    return this.core.buckets.list(input);
  }

  changeBucket(
    name: string,
    change: (bucket: contract.Bucket) => contract.BucketSettings,
  ): Promise<void> {
    return this.core.buckets.change(name, change);
  }

  putObject(input: contract.PutObjectInput): Promise<contract.PutObjectResult> {
    return putObject(this.core, input);
  }

  openObject(input: contract.ReadObjectInput): Promise<contract.OpenObject> {
    return openObject(this.core, input);
  }

  deleteObject(input: contract.DeleteObjectInput): Promise<contract.DeleteObjectResult> {
    return deleteObject(this.core, input);
  }

  copyObject(input: contract.CopyObjectInput): Promise<contract.CopyObjectResult> {
    return copyObject(this.core, input);
  }

  renameObject(input: contract.RenameObjectInput): Promise<contract.RenameObjectResult> {
    return renameObject(this.core, input);
  }

  updateHeaders(input: contract.UpdateHeadersInput): Promise<{ versionId: string | undefined }> {
    return updateHeaders(this.core, input);
  }

  updateEncryption(
    input: contract.UpdateEncryptionInput,
  ): Promise<{ versionId: string | undefined }> {
    return updateEncryption(this.core, input);
  }

  listObjects(input: contract.ListObjectsInput): Promise<contract.ListObjectsPage> {
    return listObjects(this.core, input);
  }

  listVersions(input: contract.ListVersionsInput): Promise<contract.ListVersionsPage> {
    return listVersions(this.core, input);
  }

  createUpload(input: contract.CreateUploadInput): Promise<contract.Upload> {
    return createUpload(this.core, input);
  }

  upload(address: contract.UploadAddress): Promise<contract.Upload> {
    return findUpload(this.core, address);
  }

  putPart(input: contract.PutPartInput): Promise<contract.UploadedPart> {
    return putPart(this.core, input);
  }

  copyPart(input: contract.CopyPartInput) {
    return copyPart(this.core, input);
  }

  completeUpload(input: contract.CompleteUploadInput): Promise<contract.PutObjectResult> {
    return completeUpload(this.core, input);
  }

  abortUpload(address: contract.UploadAddress): Promise<void> {
    return abortUpload(this.core, address);
  }

  listParts(
    input: contract.UploadAddress & { after: number; limit: number },
  ): Promise<contract.ListPartsPage> {
    return listParts(this.core, input);
  }

  listUploads(input: contract.ListUploadsInput): Promise<contract.ListUploadsPage> {
    return listUploads(this.core, input);
  }

  async #abortUploads(bucket: BucketEntry): Promise<void> {
    const heads = headsOf(UPLOAD_TAG, bucket);
    for await (const row of scanRows(this.core.registers, {
      ...scanAll(heads, true),
      ...actingUnder(bucket),
    })) {
      const head = heads[row.head];
      if (head !== undefined) await abortInside(this.core, Buffer.concat([head, row.key]), bucket);
    }
  }
}
