/** What lifecycle rules have done to a key, for whoever wants to hear of it. */
import type { Bucket } from "../contract/object-store.ts";

export interface ExpiredVersion {
  /** Removed for ever, or hidden behind a delete marker, which is the version then. */
  readonly kind: "removed" | "hidden";
  readonly versionId: string;
  readonly deleteMarker: boolean;
}

export interface Expired {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versions: readonly ExpiredVersion[];
}

/** Called when it is durable. What it rejects with is logged; nothing is undone. */
export type TellExpired = (expired: Expired) => Promise<void>;
