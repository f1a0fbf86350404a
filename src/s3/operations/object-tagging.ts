/** GetObjectTagging, PutObjectTagging, DeleteObjectTagging. */
import type { EventName } from "../../events/event-names.ts";
import type { StoredHeaders } from "../../object/contract/object-store.ts";
import { announceStored } from "../announce.ts";
import { bucketOf, type ObjectContext } from "../context.ts";
import {
  formatTaggingHeader,
  OBJECT_TAGS_MAX,
  parseTagging,
  renderTagging,
  storedTags,
  type Tag,
} from "../documents/tagging.ts";
import { type HeaderList, sendEmpty, sendXml } from "../respond.ts";
import { readDocumentBody } from "./bucket-documents.ts";
import { openForHeaders, requestedVersion } from "./get-object.ts";

const TAGGING_HEADER = "x-amz-tagging";

export async function getObjectTagging(context: ObjectContext): Promise<void> {
  const { bucket, details } = await openForHeaders(context);
  const body = renderTagging({ tags: storedTags(details.headers[TAGGING_HEADER]) });
  sendXml(context, body, versionHeader(bucket.versioning === "unversioned" ? undefined : details));
}

export async function putObjectTagging(context: ObjectContext): Promise<void> {
  const body = await readDocumentBody(context);
  const { tags } = parseTagging(body, OBJECT_TAGS_MAX);
  const result = await updateVersion(context, (headers) => withTags(headers, tags));
  await announceUpdate(context, ["s3:ObjectTagging:Put", "s3:ObjectCreated:PutTagging"], result);
  sendEmpty(context, 200, versionHeader(result));
}

export async function deleteObjectTagging(context: ObjectContext): Promise<void> {
  const result = await updateVersion(context, (headers) => withTags(headers, []));
  const names = ["s3:ObjectTagging:Delete", "s3:ObjectCreated:DeleteTagging"] as const;
  await announceUpdate(context, names, result);
  sendEmpty(context, 204, versionHeader(result));
}

function withTags(headers: StoredHeaders, tags: readonly Tag[]): StoredHeaders {
  const { [TAGGING_HEADER]: _, ...others } = headers;
  return tags.length === 0 ? others : { ...others, [TAGGING_HEADER]: formatTaggingHeader(tags) };
}

/** Changes what is stored with the version that the request names. */
export async function updateVersion(
  context: ObjectContext,
  change: (headers: StoredHeaders) => StoredHeaders,
): Promise<{ readonly versionId: string | undefined }> {
  const versionId = requestedVersion(context);
  return context.store.updateHeaders({
    bucket: await bucketOf(context),
    key: context.key,
    ...(versionId === undefined ? {} : { versionId }),
    change,
  });
}

/** Tells that something beside the bytes of a version has changed. */
export async function announceUpdate(
  context: ObjectContext,
  names: readonly EventName[],
  { versionId }: { readonly versionId: string | undefined },
): Promise<void> {
  const bucket = await bucketOf(context);
  await announceStored(context, { names, bucket, key: context.key, versionId });
}

export function versionHeader(
  result: { readonly versionId: string | undefined } | undefined,
): HeaderList {
  const versionId = result?.versionId;
  return versionId === undefined ? [] : [["x-amz-version-id", versionId]];
}
