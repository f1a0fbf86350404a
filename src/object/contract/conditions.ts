/** What must be true of an object for a request to go on. */

/** ETags of If-Match / If-None-Match without quotes; "*" matches any live object. */
export interface WriteConditions {
  readonly ifMatch?: readonly string[];
  readonly ifNoneMatch?: readonly string[];
}

/** Evaluated in the order of RFC 9110 §13.2.2 as AWS does. Seconds granularity. */
export interface ReadConditions extends WriteConditions {
  readonly ifModifiedSinceMs?: number;
  readonly ifUnmodifiedSinceMs?: number;
}

/** Conditions of DeleteObject: ETag ("*" any), last-modified time and size must equal. */
export interface DeleteConditions {
  readonly ifMatch?: string;
  readonly ifMatchLastModifiedMs?: number;
  readonly ifMatchBytes?: number;
}
