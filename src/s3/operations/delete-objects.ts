/** DeleteObject, and DeleteObjects with its up to 1,000 keys at once. */
import type { EventName } from "../../events/event-names.ts";
import type { DeleteConditions } from "../../object/contract/conditions.ts";
import type { Bucket, DeleteObjectResult } from "../../object/contract/object-store.ts";
import { deletionNeeds } from "../access/operation-access.ts";
import type { LoggedDeletion } from "../access-log/access-log.ts";
import { announce } from "../announce.ts";
import { parseDeleteConditions } from "../conditions.ts";
import { type BucketContext, bucketOf, type ObjectContext } from "../context.ts";
import { type HeaderList, sendEmpty, sendXml } from "../respond.ts";
import { type S3Error, toS3Error } from "../s3-error.ts";
import { parseSourceTime } from "../source-headers.ts";
import { readVerifiedBody } from "../verified-body.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import { XML_BYTES_MAX } from "../xml-parse.ts";
import { type DeleteEntry, parseDeleteObjects } from "../xml-requests.ts";
import { requestedVersion } from "./get-object.ts";
import { bypassesGovernance } from "./object-lock.ts";

/** Beyond it the parser of documents refuses anyway. */
const DOCUMENT_BYTES_MAX = XML_BYTES_MAX;
/** Deletions of one request under way at once. */
const PARALLEL_MAX = 32;

export async function deleteObject(context: ObjectContext): Promise<void> {
  const versionId = requestedVersion(context);
  const conditions = parseDeleteConditions(context.headers);
  const bucket = await bucketOf(context);
  const result = await context.store.deleteObject({
    bucket,
    key: context.key,
    ...(versionId === undefined ? {} : { versionId }),
    conditions,
    bypassGovernance: bypassesGovernance(context),
    mtimeMs: parseSourceTime(context),
  });
  await announceRemoval(context, bucket, { key: context.key, versionId, result });
  const headers: HeaderList = [];
  if (result.deleteMarker) headers.push(["x-amz-delete-marker", "true"]);
  if (result.versionId !== undefined) headers.push(["x-amz-version-id", result.versionId]);
  sendEmpty(context, 204, headers);
}

type Outcome =
  | { readonly entry: DeleteEntry; readonly result: DeleteObjectResult }
  | { readonly entry: DeleteEntry; readonly error: S3Error };

export async function deleteObjects(context: BucketContext): Promise<void> {
  const body = await readVerifiedBody(context, DOCUMENT_BYTES_MAX, { digestRequired: true });
  const { entries, quiet } = parseDeleteObjects(body);
  const bucket = await bucketOf(context);
  const bypassGovernance = bypassesGovernance(context);
  const remove = async (entry: DeleteEntry): Promise<Outcome> => {
    try {
      const { key, versionId } = entry;
      await authoriseDeletion(context, entry);
      const result = await context.store.deleteObject({
        bucket,
        key,
        ...(versionId === undefined ? {} : { versionId }),
        conditions: conditionsOf(entry),
        bypassGovernance,
      });
      await announceRemoval(context, bucket, { key, versionId, result });
      return { entry, result };
    } catch (error) {
      return { entry, error: toS3Error(error) };
    }
  };
  const outcomes: Outcome[] = [];
  for (let first = 0; first < entries.length; first += PARALLEL_MAX) {
    const batch = entries.slice(first, first + PARALLEL_MAX);
    outcomes.push(...(await Promise.all(batch.map(remove))));
  }
  context.deletions?.push(...outcomes.map(loggedDeletion));
  const answer = xmlDocument("DeleteResult", (xml) => {
    for (const outcome of outcomes) writeOutcome(xml, outcome, quiet);
  });
  sendXml(context, answer);
}

function loggedDeletion(outcome: Outcome): LoggedDeletion {
  const { key, versionId } = outcome.entry;
  if ("error" in outcome) {
    return { key, versionId, status: outcome.error.status, errorCode: outcome.error.code };
  }
  return { key, versionId: outcome.result.versionId, status: 204, errorCode: undefined };
}

interface Removal {
  readonly key: string;
  /** The version that was named. */
  readonly versionId: string | undefined;
  readonly result: DeleteObjectResult;
}

export function announceRemoval(
  context: BucketContext,
  bucket: Bucket,
  { key, versionId, result }: Removal,
): Promise<void> | undefined {
  const names = [removalName(versionId, result)];
  return announce(context, { names, bucket, key, object: { versionId: result.versionId } });
}

function removalName(versionId: string | undefined, result: DeleteObjectResult): EventName {
  if (!result.found) return "s3:ObjectRemoved:NoOP";
  const hidden = versionId === undefined && result.deleteMarker;
  return hidden ? "s3:ObjectRemoved:DeleteMarkerCreated" : "s3:ObjectRemoved:Delete";
}

/** Each key by itself: what one may not delete does not keep the others. */
async function authoriseDeletion(context: BucketContext, entry: DeleteEntry): Promise<void> {
  const { key, versionId, etag } = entry;
  const target = { bucket: context.bucketName, key, versionId };
  const deletion = { named: versionId !== undefined, ifMatch: etag };
  for (const { action } of deletionNeeds(deletion, context)) {
    await context.access.require(action, target);
  }
}

function conditionsOf(entry: DeleteEntry): DeleteConditions {
  return {
    ...(entry.etag === undefined ? {} : { ifMatch: entry.etag }),
    ...(entry.lastModifiedMs === undefined ? {} : { ifMatchLastModifiedMs: entry.lastModifiedMs }),
    ...(entry.bytes === undefined ? {} : { ifMatchBytes: entry.bytes }),
  };
}

function writeOutcome(xml: XmlWriter, outcome: Outcome, quiet: boolean): void {
  const { entry } = outcome;
  if ("error" in outcome) {
    xml.group("Error", (group) => {
      group.element("Key", entry.key);
      group.optional("VersionId", entry.versionId);
      group.element("Code", outcome.error.code);
      group.element("Message", outcome.error.message);
    });
    return;
  }
  if (quiet) return;
  const { result } = outcome;
  xml.group("Deleted", (group) => {
    group.element("Key", entry.key);
    group.optional("VersionId", entry.versionId);
    if (!result.deleteMarker) return;
    group.element("DeleteMarker", true);
    group.optional("DeleteMarkerVersionId", result.versionId);
  });
}
