/**
 * The settings documents of a bucket that are kept as they are sent: for each, how it is read from
 * XML, how it is written, and what is said when there is none. One line of behaviour serves them all.
 */

import type { Bucket } from "../../object/contract/object-store.ts";
import {
  encodeLifecycle,
  LIFECYCLE_DOCUMENT,
  lifecycleOf,
} from "../../object/upkeep/lifecycle-rules.ts";
import { bucketAclOf, isOwnersOnly } from "../access-lists.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { formatAmzDate } from "../dates.ts";
import { CORS_DOCUMENT, type CorsConfiguration, parseCors, renderCors } from "../documents/cors.ts";
import { encodeDocument, readDocument } from "../documents/document.ts";
import {
  type BucketEncryption,
  ENCRYPTION_DOCUMENT,
  parseBucketEncryption,
  renderBucketEncryption,
} from "../documents/encryption.ts";
import { parseLifecycle, renderLifecycle } from "../documents/lifecycle.ts";
import {
  OWNERSHIP_DOCUMENT,
  type OwnershipControls,
  PUBLIC_ACCESS_DOCUMENT,
  type PublicAccessBlock,
  parseOwnershipControls,
  parsePublicAccessBlock,
  renderOwnershipControls,
  renderPublicAccessBlock,
} from "../documents/public-access.ts";
import {
  BUCKET_TAGGING_DOCUMENT,
  BUCKET_TAGS_MAX,
  parseTagging,
  renderTagging,
  type TaggingDocument,
} from "../documents/tagging.ts";
import {
  parseWebsite,
  renderWebsite,
  WEBSITE_DOCUMENT,
  type WebsiteConfiguration,
} from "../documents/website.ts";
import { asRefusal } from "../refusal.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import type { S3ErrorCode } from "../s3-error-codes.ts";
import { readVerifiedBody } from "../verified-body.ts";

/** A settings document as a client sends it. */
export const BUCKET_DOCUMENT_BYTES_MAX = 64 * 1024;
/** A thousand rules. */
export const LIFECYCLE_BYTES_MAX = 512 * 1024;

type Handler = (context: BucketContext) => Promise<void>;

interface DocumentRules<Model extends object> {
  readonly name: string;
  /** The answer to GET when there is none. */
  readonly absent: S3ErrorCode;
  readonly parse: (body: Uint8Array) => Model;
  readonly render: (model: Model) => string;
  /** Throws S3Error when the bucket, as it is at that moment, does not take the document. */
  readonly check?: (model: Model, bucket: Bucket) => void;
}

interface DocumentHandlers {
  readonly get: Handler;
  readonly put: Handler;
  readonly delete: Handler;
}

function documentHandlers<Model extends object>(rules: DocumentRules<Model>): DocumentHandlers {
  return {
    async get(context) {
      const model = readDocument<Model>(await bucketOf(context), rules.name);
      if (model === undefined) throw new S3Error(rules.absent);
      sendXml(context, rules.render(model));
    },
    async put(context) {
      const body = await readDocumentBody(context);
      const model = rules.parse(body);
      await context.store.changeBucket(context.bucketName, (bucket) => {
        if (rules.check !== undefined) asRefusal(() => rules.check?.(model, bucket));
        return { documents: { [rules.name]: encodeDocument(model) } };
      });
      sendEmpty(context, 200);
    },
    async delete(context) {
      await setDocument(context, rules.name, undefined);
      sendEmpty(context, 204);
    },
  };
}

export function readDocumentBody(
  context: BucketContext,
  bytesMax: number = BUCKET_DOCUMENT_BYTES_MAX,
): Promise<Buffer> {
  return readVerifiedBody(context, bytesMax, { digestRequired: false });
}

export function setDocument(
  context: BucketContext,
  name: string,
  text: string | undefined,
): Promise<void> {
  return context.store.changeBucket(context.bucketName, () => ({ documents: { [name]: text } }));
}

export const corsHandlers = documentHandlers<CorsConfiguration>({
  name: CORS_DOCUMENT,
  absent: "NoSuchCORSConfiguration",
  parse: parseCors,
  render: renderCors,
});

export const websiteHandlers = documentHandlers<WebsiteConfiguration>({
  name: WEBSITE_DOCUMENT,
  absent: "NoSuchWebsiteConfiguration",
  parse: parseWebsite,
  render: renderWebsite,
});

export const encryptionHandlers = documentHandlers<BucketEncryption>({
  name: ENCRYPTION_DOCUMENT,
  absent: "ServerSideEncryptionConfigurationNotFoundError",
  parse: parseBucketEncryption,
  render: renderBucketEncryption,
});

export const publicAccessHandlers = documentHandlers<PublicAccessBlock>({
  name: PUBLIC_ACCESS_DOCUMENT,
  absent: "NoSuchPublicAccessBlockConfiguration",
  parse: parsePublicAccessBlock,
  render: renderPublicAccessBlock,
});

export const ownershipHandlers = documentHandlers<OwnershipControls>({
  name: OWNERSHIP_DOCUMENT,
  absent: "OwnershipControlsNotFoundError",
  parse: parseOwnershipControls,
  render: renderOwnershipControls,
  /** Lists that are to be switched off must not give anything away any more. */
  check({ ownership }, bucket) {
    if (ownership !== "BucketOwnerEnforced" || isOwnersOnly(bucketAclOf(bucket), bucket)) return;
    throw new S3Error("InvalidBucketAclWithObjectOwnership");
  },
});

/** The name of a bucket's tags among its documents. */
export const bucketTaggingHandlers = documentHandlers<TaggingDocument>({
  name: BUCKET_TAGGING_DOCUMENT,
  absent: "NoSuchTagSet",
  parse: (body) => parseTagging(body, BUCKET_TAGS_MAX),
  render: renderTagging,
});

export async function getBucketLifecycle(context: BucketContext): Promise<void> {
  const configuration = lifecycleOf(await bucketOf(context));
  if (configuration === undefined) throw new S3Error("NoSuchLifecycleConfiguration");
  const body = renderLifecycle(configuration.rules);
  if (context.query.get("withUpdatedAt") !== "true") return sendXml(context, body);
  const updated = formatAmzDate(configuration.updatedMs);
  sendXml(context, body, [["X-Minio-LifecycleConfig-UpdatedAt", updated]]);
}

export async function putBucketLifecycle(context: BucketContext): Promise<void> {
  const body = await readDocumentBody(context, LIFECYCLE_BYTES_MAX);
  let minted = 0;
  const rules = parseLifecycle(body, () => {
    minted += 1;
    return `${context.request.id}-${minted}`;
  });
  const text = encodeLifecycle({ rules, updatedMs: context.clock.nowMs() });
  await setDocument(context, LIFECYCLE_DOCUMENT, text);
  sendEmpty(context, 200);
}

export async function deleteBucketLifecycle(context: BucketContext): Promise<void> {
  await setDocument(context, LIFECYCLE_DOCUMENT, undefined);
  sendEmpty(context, 204);
}
