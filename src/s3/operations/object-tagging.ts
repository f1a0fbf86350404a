/** GetObjectTagging, PutObjectTagging, DeleteObjectTagging. */
import type { StoredHeaders } from "../../object/object-store.ts";
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
  sendEmpty(context, 200, versionHeader(result));
}

export async function deleteObjectTagging(context: ObjectContext): Promise<void> {
  const result = await updateVersion(context, (headers) => withTags(headers, []));
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

export function versionHeader(
  result: { readonly versionId: string | undefined } | undefined,
): HeaderList {
  const versionId = result?.versionId;
  return versionId === undefined ? [] : [["x-amz-version-id", versionId]];
}
