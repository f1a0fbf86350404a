/**
 * The object layer as the S3 layer sees it: domain words, no HTTP. Every method rejects only with
 * StoreError. Strictly consistent: a result reflects every operation acknowledged before the call.
 */
import type { BucketId } from "../../base/ids.ts";
import type { Checksum, ChecksumAlgorithm, PayloadSource } from "../../base/payload.ts";
import type { DeleteConditions, ReadConditions, WriteConditions } from "./conditions.ts";
import type { ByteRange, DataSink, StorageClass } from "./data.ts";

export type VersioningState = "unversioned" | "enabled" | "suspended";

export interface Bucket {
  readonly name: string;
  readonly id: BucketId;
  readonly createdMs: number;
  readonly versioning: VersioningState;
  /** Settings documents by name (policy, cors, tagging …), kept as given; versioned record. */
  readonly documents: Readonly<Record<string, string>>;
}

/** What a change makes of a bucket; what is not named stays. */
export interface BucketSettings {
  readonly versioning?: "enabled" | "suspended";
  /** By name; undefined removes the document. */
  readonly documents?: Readonly<Record<string, string | undefined>>;
}

/** `null` names the version written while versioning was off or suspended. */
export const NULL_VERSION = "null";

export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

export interface ObjectChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** As in the header: base64, with `-N` behind a composite one. */
  readonly text: string;
}

/** How a new object is to be encrypted. */
export type EncryptionRequest =
  /** SSE-C: with this key of 32 bytes, which is not kept. */
  | { readonly mode: "customer"; readonly key: Uint8Array }
  /** SSE-S3: with a key that the deployment manages. */
  | { readonly mode: "managed" }
  /** SSE-KMS: with a named key, or the default one. */
  | {
      readonly mode: "kms";
      readonly keyId?: string;
      /** The client's context: a JSON object of texts, its names in order. */
      readonly context?: string;
    };

/** What a caller has to open an encrypted object with. */
export interface EncryptionAccess {
  /** SSE-C. */
  readonly customerKey?: Uint8Array | undefined;
}

/** An object's encryption as its answers show it. */
export interface ObjectEncryptionFacts {
  readonly mode: EncryptionRequest["mode"];
  readonly keyId?: string;
  readonly context?: string;
}

/** Headers stored with an object and given back: lower-case name → value as received. */
export type StoredHeaders = Readonly<Record<string, string>>;

export interface ObjectPart {
  readonly number: number;
  readonly bytes: number;
  readonly etag: string;
  readonly checksum?: string;
}

/** One version as HEAD, GET and the listings see it. */
export interface ObjectVersion {
  readonly key: string;
  /** A UUID-like id or NULL_VERSION. */
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly deleteMarker: boolean;
  readonly mtimeMs: number;
  readonly bytes: number;
  /** Without quotes. Empty for a delete marker. */
  readonly etag: string;
  readonly storageClass: StorageClass;
}

export interface ObjectDetails extends ObjectVersion {
  readonly headers: StoredHeaders;
  /** Absent where it is sealed and the key is not at hand. */
  readonly checksum?: ObjectChecksum;
  readonly encryption?: ObjectEncryptionFacts;
  /** Parts of a multipart object; empty otherwise. */
  readonly parts: readonly ObjectPart[];
}

/** What a trusted writer says a version was elsewhere: it is shown as such here. */
export interface SourceFacts {
  /** Its last-modified time; now by default. */
  readonly mtimeMs?: number;
  /** Its ETag; the one of the bytes by default. */
  readonly etag?: Uint8Array;
}

export interface PutObjectInput {
  readonly bucket: Bucket;
  readonly key: string;
  readonly source: PayloadSource;
  readonly headers: StoredHeaders;
  readonly storageClass: StorageClass;
  readonly conditions: WriteConditions;
  /** Computed when the client declared none, so that every object has one: crc64nvme. */
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly encryption?: EncryptionRequest | undefined;
  readonly facts?: SourceFacts | undefined;
}

export interface PutObjectResult {
  readonly etag: string;
  /** Undefined in a bucket that was never versioned. */
  readonly versionId: string | undefined;
  readonly bytes: number;
  readonly mtimeMs: number;
  readonly checksum?: ObjectChecksum;
  readonly encryption?: ObjectEncryptionFacts;
}

export interface ReadObjectInput extends EncryptionAccess {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId?: string;
  readonly conditions: ReadConditions;
  /** What is stored beside the bytes is wanted, and not the bytes: no key is needed for that. */
  readonly headersOnly?: true;
}

/** What a copy takes from. */
export type CopySourceInput = Omit<ReadObjectInput, "headersOnly">;

/** A version whose bytes can be read for as long as the caller holds it (data outlives deletes by a grace time). */
export interface OpenObject {
  readonly details: ObjectDetails;
  /** Small content is at hand without another hop. */
  readonly inline: Uint8Array | undefined;
  /** Streams a range of the object's bytes. */
  read(range: ByteRange, sink: DataSink): Promise<void>;
}

export interface DeleteObjectInput {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId?: string;
  readonly conditions: DeleteConditions;
  /** The caller asks for it and is allowed to: retention in GOVERNANCE mode does not hold. */
  readonly bypassGovernance?: boolean;
  /** Of the delete marker, should one be made; now by default. */
  readonly mtimeMs?: number | undefined;
}

export interface DeleteObjectResult {
  /** False: there was nothing to delete, and nothing has changed. */
  readonly found: boolean;
  /** The version removed, or the delete marker made; undefined when unversioned. */
  readonly versionId: string | undefined;
  readonly deleteMarker: boolean;
}

export interface CopyObjectInput {
  readonly source: CopySourceInput;
  readonly target: { bucket: Bucket; key: string; conditions: WriteConditions };
  /** From the source's stored headers to the copy's. */
  headers(source: StoredHeaders): StoredHeaders;
  readonly storageClass: StorageClass | undefined;
  readonly checksumAlgorithm: ChecksumAlgorithm | undefined;
  readonly encryption?: EncryptionRequest | undefined;
  readonly facts?: SourceFacts | undefined;
}

export interface CopyObjectResult extends PutObjectResult {
  readonly sourceVersionId: string | undefined;
}

export interface RenameObjectInput extends EncryptionAccess {
  readonly bucket: Bucket;
  /** Keys. */
  readonly source: string;
  readonly target: string;
  /** Of the source; `conditions` are of what the target is now. */
  readonly sourceConditions: ReadConditions;
  readonly conditions: ReadConditions;
  /** The client's name of this request: repeating it does nothing more. */
  readonly token: string | undefined;
}

export interface RenameObjectResult {
  readonly etag: string;
  readonly versionId: string | undefined;
  /** What became of the source; undefined when it had been removed or written anew meanwhile. */
  readonly source: Pick<DeleteObjectResult, "versionId" | "deleteMarker"> | undefined;
}

export interface ListObjectsInput {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  /** Exclusive: keys and common prefixes after this one. */
  readonly after: string | undefined;
  readonly limit: number;
}

export interface ListObjectsPage {
  readonly objects: readonly ObjectVersion[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  /** Give it back as `after`: the last key or common prefix of the page (may be neither when a
   * scan limit cut the page short). */
  readonly next: string | undefined;
}

export interface ListVersionsInput {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly keyMarker: string | undefined;
  readonly versionIdMarker: string | undefined;
  readonly limit: number;
}

export interface ListVersionsPage {
  readonly versions: readonly ObjectVersion[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly nextKeyMarker: string | undefined;
  readonly nextVersionIdMarker: string | undefined;
}

export interface CreateUploadInput {
  readonly bucket: Bucket;
  readonly key: string;
  readonly headers: StoredHeaders;
  readonly storageClass: StorageClass;
  readonly checksum: { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined;
  readonly encryption?: EncryptionRequest | undefined;
}

export interface Upload {
  /** What the object is going to be stored with; not in listings of uploads. */
  readonly headers?: StoredHeaders;
  readonly key: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
  readonly storageClass: StorageClass;
  readonly checksum: { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined;
  /** Not in listings of uploads. */
  readonly encryption?: ObjectEncryptionFacts;
}

export interface UploadAddress {
  readonly bucket: Bucket;
  readonly key: string;
  readonly uploadId: string;
}

export interface PutPartInput extends UploadAddress, EncryptionAccess {
  readonly partNumber: number;
  readonly source: PayloadSource;
}

export interface UploadedPart extends ObjectPart {
  readonly mtimeMs: number;
  readonly encryption?: ObjectEncryptionFacts;
}

export interface CopyPartInput extends UploadAddress, EncryptionAccess {
  readonly partNumber: number;
  readonly source: CopySourceInput;
  /** Undefined copies the whole source. */
  readonly range: ByteRange | undefined;
}

export interface CompletePart {
  readonly number: number;
  readonly etag: string;
  readonly checksum?: Checksum;
}

export interface CompleteUploadInput extends UploadAddress, EncryptionAccess {
  readonly parts: readonly CompletePart[];
  readonly conditions: WriteConditions;
  /** A full-object or composite checksum the client expects, as text of the header. */
  readonly checksum?: { algorithm: ChecksumAlgorithm; text: string };
  readonly checksumType?: ChecksumType;
  /** x-amz-mp-object-size. */
  readonly bytes?: number;
  /** As in SourceFacts. */
  readonly mtimeMs?: number | undefined;
}

export interface ListPartsPage {
  readonly upload: Upload;
  readonly parts: readonly UploadedPart[];
  readonly truncated: boolean;
  readonly nextPartNumber: number | undefined;
}

export interface ListUploadsInput {
  readonly bucket: Bucket;
  readonly prefix: string;
  readonly delimiter: string | undefined;
  readonly keyMarker: string | undefined;
  readonly uploadIdMarker: string | undefined;
  readonly limit: number;
}

export interface ListUploadsPage {
  readonly uploads: readonly Upload[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly nextKeyMarker: string | undefined;
  readonly nextUploadIdMarker: string | undefined;
}

export interface UpdateHeadersInput {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId?: string;
  /** From the headers now stored to those wanted; a StoreError that it throws is the answer. Pure:
   * it may be called more than once. */
  change(headers: StoredHeaders): StoredHeaders;
}

export interface UpdateEncryptionInput extends EncryptionAccess {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId?: string;
  readonly encryption: EncryptionRequest;
}

export interface ObjectStore {
  // Buckets. `bucket` rejects with no-such-bucket.
  createBucket(name: string, settings?: BucketSettings): Promise<Bucket>;
  bucket(name: string): Promise<Bucket>;
  /**
   * The same bucket with the settings of now, as far as this node has seen them: what a caller looked
   * up before a long upload may be old by its end.
   */
  lastKnown(bucket: Bucket): Bucket;
  deleteBucket(name: string): Promise<void>;
  listBuckets(input: { prefix: string; after: string | undefined; limit: number }): Promise<{
    buckets: readonly Bucket[];
    truncated: boolean;
  }>;
  /**
   * One compare-and-set on the bucket's record: no write under the bucket overlaps with it. `change`
   * is pure; a StoreError that it throws is the answer. Rejects with entity-too-large when the
   * documents together are more than a record holds.
   */
  changeBucket(name: string, change: (bucket: Bucket) => BucketSettings): Promise<void>;

  // Objects. All reject with no-such-bucket when the bucket was deleted meanwhile.
  putObject(input: PutObjectInput): Promise<PutObjectResult>;
  /** Checks the conditions; rejects with no-such-key, no-such-version, method-not-allowed. */
  openObject(input: ReadObjectInput): Promise<OpenObject>;
  deleteObject(input: DeleteObjectInput): Promise<DeleteObjectResult>;
  copyObject(input: CopyObjectInput): Promise<CopyObjectResult>;
  /** Within one bucket. At every moment the object is there under one of its names, or both. */
  renameObject(input: RenameObjectInput): Promise<RenameObjectResult>;
  /** Changes what is stored beside the bytes of one version: tags, locks, access lists. */
  updateHeaders(input: UpdateHeadersInput): Promise<{ versionId: string | undefined }>;
  /** Seals the key of an encrypted version anew; its bytes stay as they are. */
  updateEncryption(input: UpdateEncryptionInput): Promise<{ versionId: string | undefined }>;

  // Listings.
  listObjects(input: ListObjectsInput): Promise<ListObjectsPage>;
  listVersions(input: ListVersionsInput): Promise<ListVersionsPage>;

  // Multipart uploads.
  createUpload(input: CreateUploadInput): Promise<Upload>;
  upload(address: UploadAddress): Promise<Upload>;
  putPart(input: PutPartInput): Promise<UploadedPart>;
  copyPart(input: CopyPartInput): Promise<UploadedPart & { sourceVersionId: string | undefined }>;
  completeUpload(input: CompleteUploadInput): Promise<PutObjectResult>;
  abortUpload(address: UploadAddress): Promise<void>;
  listParts(input: UploadAddress & { after: number; limit: number }): Promise<ListPartsPage>;
  listUploads(input: ListUploadsInput): Promise<ListUploadsPage>;
}
