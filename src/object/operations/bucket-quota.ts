/** The document `quota` of a bucket: how many bytes its versions may have together. */
import type { Bucket } from "../contract/object-store.ts";

/** The name of the configuration among a bucket's documents. */
export const QUOTA_DOCUMENT = "quota";

export interface Quota {
  readonly bytesMax: number;
  /** The epoch of the bucket whose change asked for the count that holds: see quotas.ts. */
  readonly generation: number;
}

type WithDocuments = Pick<Bucket, "documents">;

/** Parsed once for each state of a bucket. */
const PARSED = new WeakMap<WithDocuments["documents"], Quota>();

export function encodeQuota({ bytesMax, generation }: Quota): string {
  return JSON.stringify({ version: 1, bytesMax, generation });
}

/** Undefined: none. */
export function quotaOf({ documents }: WithDocuments): Quota | undefined {
  const text = documents[QUOTA_DOCUMENT];
  if (text === undefined) return undefined;
  let quota = PARSED.get(documents);
  if (quota === undefined) {
    // Written by encodeQuota and nothing else.
    quota = JSON.parse(text) as Quota;
    PARSED.set(documents, quota);
  }
  return quota;
}
