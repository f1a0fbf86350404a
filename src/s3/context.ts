/**
 * What an operation gets to work with. Contexts grow by type: an operation on a bucket cannot be
 * called without one, nor an operation on an object without a key.
 */
import type { ByteBudget } from "../base/byte-budget.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { ChecksumAlgorithm } from "../base/payload.ts";
import type { EventSink } from "../events/event-hub.ts";
import type { HttpHeaders } from "../http/headers.ts";
import type { HttpRequest, HttpResponse } from "../http/request.ts";
import type { Bucket, EncryptionRequest, ObjectStore } from "../object/contract/object-store.ts";
import type { RequestAccess } from "./access/request-access.ts";
import type { LoggedDeletion } from "./access-log/access-log.ts";
import type { AccountDirectory, Identity } from "./accounts.ts";
import type { AuthResult } from "./auth/auth-result.ts";
import type { CredentialSource } from "./auth/credentials.ts";
import type { BucketName } from "./bucket-name.ts";
import type { ObjectKey } from "./object-key.ts";
import type { QueryParameters } from "./query.ts";

export interface S3Options {
  /** Expected in signatures and reported when set; any region is accepted otherwise. */
  readonly region: string | undefined;
  /** Domains whose sub-domains name buckets. */
  readonly domains: readonly string[];
  /** Signature Version 2 is taken too. */
  readonly signatureVersionTwo: boolean;
  /** Domains whose sub-domains are the websites of buckets. */
  readonly websiteDomains: readonly string[];
  /** Names this node in answers (`x-amz-id-2`). */
  readonly hostId: string;
  /** From where keys of customers (SSE-C) are taken. */
  readonly customerKeys: "tls" | "local" | "any";
  /** How objects are encrypted where neither request nor bucket say. */
  readonly automaticEncryption: EncryptionRequest | undefined;
}

/** Digests a small document at once, in the calling thread. */
export interface DocumentDigester {
  digest(
    content: Uint8Array,
    plan: { readonly sha256: boolean; readonly checksums: readonly ChecksumAlgorithm[] },
  ): {
    readonly md5: Uint8Array;
    readonly sha256?: Uint8Array;
    readonly checksums: Readonly<Partial<Record<ChecksumAlgorithm, Uint8Array>>>;
  };
}

export interface ServiceContext {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  /** What the operation goes by: the request's headers, and those a presigned URL carries. */
  readonly headers: HttpHeaders;
  readonly query: QueryParameters;
  readonly auth: AuthResult<Identity>;
  /** What a browser is told of the bucket's CORS rules; part of every answer, errors included. */
  readonly cors: ReadonlyArray<readonly [name: string, value: string]>;
  /** For what an operation learns to be about only on its way. */
  readonly access: RequestAccess;
  readonly store: ObjectStore;
  /** Who is told of what operations do. */
  readonly events: EventSink;
  readonly digester: DocumentDigester;
  /** For documents that are being read, of all requests together. */
  readonly documents: ByteBudget;
  readonly accounts: AccountDirectory;
  /** For what lasts longer than the look at its signature. */
  readonly credentials: CredentialSource<Identity>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: S3Options;
  /** Where the bucket is logged: the log has a line for each key of a DeleteObjects. */
  readonly deletions?: LoggedDeletion[];
}

export interface BucketContext extends ServiceContext {
  readonly bucketName: BucketName;
}

export interface ObjectContext extends BucketContext {
  readonly key: ObjectKey;
  /** Of the archive at that key, one of the things in it is meant. */
  readonly member?: string;
}

/** The bucket of the request; rejects with no-such-bucket. */
export function bucketOf(context: BucketContext): Promise<Bucket> {
  return context.store.bucket(context.bucketName);
}
