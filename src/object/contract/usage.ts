/** How much buckets hold, and how much they may. */

/** Every version that is acknowledged, none twice. */
export interface BucketUsage {
  /** Keys whose newest version is no delete marker. */
  readonly objects: number;
  /** Delete markers not among them. */
  readonly versions: number;
  readonly deleteMarkers: number;
  /** Of the content of all versions. */
  readonly bytes: number;
  /** Uploads that are neither completed nor aborted. */
  readonly uploads: number;
  /** Of parts that are kept until their upload has ended and been cleaned up. */
  readonly partBytes: number;
}

export interface UsageStore {
  bucketUsage(name: string): Promise<BucketUsage>;
  /** Undefined: none. Rejects with no-such-bucket. */
  bucketQuota(name: string): Promise<number | undefined>;
  /** Versions of more bytes than these are refused from now on; undefined takes the quota away. */
  setBucketQuota(name: string, bytesMax: number | undefined): Promise<void>;
}
