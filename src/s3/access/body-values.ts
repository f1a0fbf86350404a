/**
 * Condition keys whose values stand in the body of a request. Such a body is read before the decision,
 * but only where a policy in play asks for one of the keys; the operation then gets the same bytes.
 */

import { formatIsoDate } from "../dates.ts";
import { parseLegalHold, parseRetention } from "../documents/object-lock.ts";
import { OBJECT_TAGS_MAX, parseTagging } from "../documents/tagging.ts";
import type { S3Operation } from "../s3-operations.ts";
import { parseCreateBucket } from "../xml-requests.ts";
import { retentionDays } from "./request-values.ts";

export type FoundValues = ReadonlyMap<string, readonly string[]>;

export interface BodyConditions {
  /** The keys, or what they begin with. */
  readonly keys: readonly string[];
  /** Throws S3Error for a body that the operation would refuse too. */
  readonly read: (body: Buffer, nowMs: number) => FoundValues;
}

const REQUEST_TAG = "s3:requestobjecttag/";
const TAG_KEYS = "s3:requestobjecttagkeys";
const LOCATION = "s3:locationconstraint";
const LOCK_MODE = "s3:object-lock-mode";
const LOCK_UNTIL = "s3:object-lock-retain-until-date";
const LOCK_DAYS = "s3:object-lock-remaining-retention-days";
const LEGAL_HOLD = "s3:object-lock-legal-hold";

export const BODY_CONDITIONS: Readonly<Partial<Record<S3Operation, BodyConditions>>> = {
  CreateBucket: { keys: [LOCATION], read: readLocation },
  PutObjectLegalHold: { keys: [LEGAL_HOLD], read: readLegalHold },
  PutObjectRetention: { keys: [LOCK_MODE, LOCK_UNTIL, LOCK_DAYS], read: readRetention },
  PutObjectTagging: { keys: [REQUEST_TAG, TAG_KEYS], read: readTags },
};

function readLocation(body: Buffer): FoundValues {
  const location = body.length === 0 ? undefined : parseCreateBucket(body).locationConstraint;
  return new Map(location === undefined ? [] : [[LOCATION, [location]]]);
}

function readTags(body: Buffer): FoundValues {
  const { tags } = parseTagging(body, OBJECT_TAGS_MAX);
  const found = new Map<string, readonly string[]>(
    tags.map(({ key, value }) => [`${REQUEST_TAG}${key}`, [value]]),
  );
  return found.set(
    TAG_KEYS,
    tags.map(({ key }) => key),
  );
}

function readLegalHold(body: Buffer): FoundValues {
  return new Map([[LEGAL_HOLD, [parseLegalHold(body)]]]);
}

function readRetention(body: Buffer, nowMs: number): FoundValues {
  const retention = parseRetention(body);
  if (retention === undefined) return new Map();
  const until = formatIsoDate(retention.untilMs);
  return new Map([
    [LOCK_MODE, [retention.mode]],
    [LOCK_UNTIL, [until]],
    [LOCK_DAYS, retentionDays(until, nowMs) ?? []],
  ]);
}
