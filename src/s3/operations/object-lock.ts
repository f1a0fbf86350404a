/** Object lock: a bucket's configuration, retention and legal hold of a version. */
import { StoreError } from "../../base/store-error.ts";
import type { EventName } from "../../events/event-names.ts";
import type { Bucket, StoredHeaders } from "../../object/contract/object-store.ts";
import {
  checkRetentionChange,
  encodeLockConfiguration,
  hasLegalHold,
  LEGAL_HOLD_HEADER,
  LOCK_DOCUMENT,
  LOCK_UNTIL_HEADER,
  lockConfigurationOf,
  retentionOf,
  withRetention,
} from "../../object/operations/object-lock.ts";
import { announceRead } from "../announce.ts";
import {
  type BucketContext,
  bucketOf,
  type ObjectContext,
  type ServiceContext,
} from "../context.ts";
import {
  parseLegalHold,
  parseLockConfiguration,
  parseRetention,
  renderLegalHold,
  renderLockConfiguration,
  renderRetention,
} from "../documents/object-lock.ts";
import { checkFuture, requireLock } from "../object-write.ts";
import { asRefusal } from "../refusal.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { readDocumentBody } from "./bucket-documents.ts";
import { openForHeaders, touched } from "./get-object.ts";
import { announceUpdate, updateVersion, versionHeader } from "./object-tagging.ts";

export async function getObjectLockConfiguration(context: BucketContext): Promise<void> {
  const configuration = lockConfigurationOf(await bucketOf(context));
  if (configuration === undefined) throw new S3Error("ObjectLockConfigurationNotFoundError");
  sendXml(context, renderLockConfiguration(configuration));
}

/** As AWS now does it, also on a bucket that was made without, if it keeps versions. */
export async function putObjectLockConfiguration(context: BucketContext): Promise<void> {
  const configuration = parseLockConfiguration(await readDocumentBody(context));
  await context.store.changeBucket(context.bucketName, (bucket) => {
    asRefusal(() => checkVersioned(bucket));
    return { documents: { [LOCK_DOCUMENT]: encodeLockConfiguration(configuration) } };
  });
  sendEmpty(context, 200);
}

function checkVersioned(bucket: Bucket): void {
  if (bucket.versioning === "enabled") return;
  throw new S3Error("InvalidBucketState", {
    message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
  });
}

/** Asked for by the request; whether the caller may is authorisation's to say. */
export function bypassesGovernance({ headers }: Pick<ServiceContext, "headers">): boolean {
  return headers.get("x-amz-bypass-governance-retention")?.toLowerCase() === "true";
}

export async function getObjectRetention(context: ObjectContext): Promise<void> {
  const retention = retentionOf(await lockHeaders(context, "s3:ObjectAccessed:GetRetention"));
  if (retention === undefined) throw new S3Error("NoSuchObjectLockConfiguration");
  sendXml(context, renderRetention(retention));
}

export async function putObjectRetention(context: ObjectContext): Promise<void> {
  const body = await readDocumentBody(context);
  requireLock(await bucketOf(context));
  const wanted = parseRetention(body);
  const nowMs = context.clock.nowMs();
  if (wanted !== undefined) checkFuture(wanted.untilMs, nowMs, LOCK_UNTIL_HEADER);
  const override = { nowMs, bypassGovernance: bypassesGovernance(context) };
  const result = await updateVersion(context, (headers) => {
    const refusal = checkRetentionChange(headers, wanted, override);
    if (refusal !== undefined) throw new StoreError(refusal);
    return withRetention(headers, wanted);
  });
  await announceUpdate(context, ["s3:ObjectCreated:PutRetention"], result);
  sendEmpty(context, 200, versionHeader(result));
}

export async function getObjectLegalHold(context: ObjectContext): Promise<void> {
  const headers = await lockHeaders(context, "s3:ObjectAccessed:GetLegalHold");
  if (headers[LEGAL_HOLD_HEADER] === undefined) {
    throw new S3Error("NoSuchObjectLockConfiguration");
  }
  sendXml(context, renderLegalHold(hasLegalHold(headers)));
}

export async function putObjectLegalHold(context: ObjectContext): Promise<void> {
  const body = await readDocumentBody(context);
  requireLock(await bucketOf(context));
  const status = parseLegalHold(body);
  const result = await updateVersion(context, (headers) => ({
    ...headers,
    [LEGAL_HOLD_HEADER]: status,
  }));
  await announceUpdate(context, ["s3:ObjectCreated:PutLegalHold"], result);
  sendEmpty(context, 200, versionHeader(result));
}

async function lockHeaders(context: ObjectContext, name: EventName): Promise<StoredHeaders> {
  requireLock(await bucketOf(context));
  const { bucket, details } = await openForHeaders(context);
  announceRead(context, {
    names: [name],
    bucket,
    key: context.key,
    object: touched(details, bucket),
  });
  return details.headers;
}
