/**
 * What `metadata=true` adds to a listing: stored headers and tags of each object, as MinIO's clients
 * read them. Of objects that the caller may not read, and of those gone meanwhile, it says nothing.
 */
import { StoreError } from "../base/store-error.ts";
import type { ObjectVersion, StoredHeaders } from "../object/contract/object-store.ts";
import { type BucketContext, bucketOf } from "./context.ts";
import { describingHeaders } from "./metadata-headers.ts";
import { S3Error } from "./s3-error.ts";
import type { XmlWriter } from "./xml.ts";

export interface ListedMetadata {
  readonly headers: StoredHeaders;
  /** As in a query; undefined where the caller may not know them. */
  readonly tags: string | undefined;
}

/** Objects looked at at once. */
const PARALLEL_MAX = 32;
const TAGGING_HEADER = "x-amz-tagging";

export async function listedMetadata(
  context: BucketContext,
  objects: readonly ObjectVersion[],
): Promise<ReadonlyMap<string, ListedMetadata>> {
  const found = new Map<string, ListedMetadata>();
  for (let first = 0; first < objects.length; first += PARALLEL_MAX) {
    const batch = objects.slice(first, first + PARALLEL_MAX).map(async ({ key }) => {
      const metadata = await metadataOf(context, key);
      if (metadata !== undefined) found.set(key, metadata);
    });
    await Promise.all(batch);
  }
  return found;
}

async function metadataOf(
  context: BucketContext,
  key: string,
): Promise<ListedMetadata | undefined> {
  const { access, store, bucketName } = context;
  const target = { bucket: bucketName, key };
  try {
    if (!(await access.allows("s3:GetObject", target))) return undefined;
    const object = await store.openObject({
      bucket: await bucketOf(context),
      key,
      conditions: {},
    });
    const { headers } = object.details;
    const mayTags = await access.allows("s3:GetObjectTagging", target);
    return {
      headers: describingHeaders(headers),
      tags: mayTags ? headers[TAGGING_HEADER] : undefined,
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

/** Also as access says it of an object that only its list would open. */
function isGone(error: unknown): boolean {
  if (error instanceof StoreError) {
    return error.code === "no-such-key" || error.code === "method-not-allowed";
  }
  return error instanceof S3Error && error.code === "NoSuchKey";
}

/** What a header's name may hold and an element's may not is left out. */
const ELEMENT_NAME = /^[A-Za-z][\w.-]*$/;

export function writeListedMetadata(xml: XmlWriter, { headers, tags }: ListedMetadata): void {
  xml.group("UserMetadata", (metadata) => {
    for (const [name, value] of Object.entries(headers)) {
      const shown = headerCase(name);
      if (ELEMENT_NAME.test(shown)) metadata.element(shown, value);
    }
  });
  if (tags !== undefined) xml.element("UserTags", tags);
}

/** `X-Amz-Meta-Name`, as MinIO's clients look for it; plain headers stay in lower case there. */
function headerCase(name: string): string {
  if (!name.startsWith("x-amz-")) return name;
  return name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => {
    return dash + letter.toUpperCase();
  });
}
