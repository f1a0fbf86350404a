/** `x-amz-expiration`: when a lifecycle rule is going to take the object away, and which. */

import type { Bucket, StoredHeaders } from "../object/contract/object-store.ts";
import { lifecycleOf, nextExpiration, tagsOf } from "../object/upkeep/lifecycle-rules.ts";
import { formatHttpDate } from "./dates.ts";
import { percentEncode } from "./percent.ts";
import type { HeaderList } from "./respond.ts";

export interface ExpiringObject {
  readonly key: string;
  readonly mtimeMs: number;
  readonly bytes: number;
  readonly headers: StoredHeaders;
}

export function expirationHeader(bucket: Bucket, object: ExpiringObject): HeaderList {
  const rules = lifecycleOf(bucket)?.rules;
  if (rules === undefined) return [];
  const { key, mtimeMs, bytes, headers } = object;
  const times = { mtimeMs, writtenMs: mtimeMs };
  const version = { deleteMarker: false, ...times, bytes, tags: () => tagsOf(headers) };
  const next = nextExpiration(rules, key, version);
  if (next === undefined) return [];
  const date = formatHttpDate(next.atMs);
  return [["x-amz-expiration", `expiry-date="${date}", rule-id="${percentEncode(next.ruleId)}"`]];
}
