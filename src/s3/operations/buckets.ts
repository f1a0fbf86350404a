/** Operations on buckets themselves: list, create, head, delete, location, versioning. */

import { StoreError } from "../../base/store-error.ts";
import type { Bucket, BucketSettings } from "../../object/contract/object-store.ts";
import { encodeLockConfiguration, LOCK_DOCUMENT } from "../../object/operations/object-lock.ts";
import { accessOfBucket } from "../access/bucket-access.ts";
import { aclOfRequest, parseAclHeaders } from "../access-lists.ts";
import { announce } from "../announce.ts";
import { isCreatableBucketName } from "../bucket-name.ts";
import { type BucketContext, bucketOf, type ServiceContext } from "../context.ts";
import { formatIsoDate } from "../dates.ts";
import { ACL_DOCUMENT, isPublicAcl } from "../documents/acl.ts";
import { encodeDocument } from "../documents/document.ts";
import { OWNERSHIP_DOCUMENT, parseOwnershipHeader } from "../documents/public-access.ts";
import { BUCKET_TAGGING_DOCUMENT, type Tag } from "../documents/tagging.ts";
import { callerAccount, ownerOf, writeOwner } from "../owner.ts";
import { decodeToken, encodeToken, parsePageSize } from "../paging.ts";
import { asRefusal } from "../refusal.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { readVerifiedBody } from "../verified-body.ts";
import { xmlDocument } from "../xml.ts";
import { type CreateBucketDocument, parseCreateBucket, parseVersioning } from "../xml-requests.ts";
import { asksForContents, deleteContents } from "./force-delete.ts";

const BUCKETS_PAGE_MAX = 10_000;
const REGION_NAME = /^[\w-]{1,64}$/;
/** Kept as it came: a region's name. */
const LOCATION_DOCUMENT = "location";
/** Bucket documents are small; see docs/LIMITS.md. */
const DOCUMENT_BYTES_MAX = 64 * 1024;

export async function listBuckets(context: ServiceContext): Promise<void> {
  const { query } = context;
  const prefix = query.get("prefix") ?? "";
  const token = query.get("continuation-token");
  const limit = query.has("max-buckets") ? parsePageSize(query, "max-buckets") : BUCKETS_PAGE_MAX;
  const page = await visibleBuckets(context, {
    prefix,
    after: token === undefined ? undefined : decodeToken(token),
    limit,
  });
  const last = page.buckets.at(-1);
  const body = xmlDocument("ListAllMyBucketsResult", (xml) => {
    writeOwner(xml, ownerOf(callerAccount(context.auth), context));
    xml.group("Buckets", (buckets) => {
      for (const bucket of page.buckets) {
        buckets.group("Bucket", (entry) => {
          entry.element("Name", bucket.name);
          entry.element("CreationDate", formatIsoDate(bucket.createdMs));
          entry.element("BucketRegion", regionOf(bucket, context));
        });
      }
    });
    if (prefix !== "") xml.element("Prefix", prefix);
    if (page.truncated && last !== undefined) {
      xml.element("ContinuationToken", encodeToken(last.name));
    }
  });
  sendXml(context, body);
}

interface BucketsPage {
  readonly buckets: readonly Bucket[];
  readonly truncated: boolean;
}

/**
 * With `s3:ListAllMyBuckets` the buckets of the caller's account; without it, as MinIO's clients
 * expect, those that the caller can list or locate; for nobody who has neither.
 */
async function visibleBuckets(
  { access, store }: ServiceContext,
  input: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
): Promise<BucketsPage> {
  const { caller } = access;
  if (caller.kind === "anonymous") throw new S3Error("AccessDenied");
  const all = access.allowsService("s3:ListAllMyBuckets");
  const isVisible = (bucket: Bucket): boolean => {
    if (!all) return REACHING.some((action) => access.allowsBucket(action, bucket));
    return caller.operator || accessOfBucket(bucket).owner === caller.canonicalId;
  };
  const buckets: Bucket[] = [];
  let { after } = input;
  for (;;) {
    const page = await store.listBuckets({ ...input, after });
    for (const bucket of page.buckets) {
      if (!isVisible(bucket)) continue;
      if (buckets.length === input.limit) return { buckets, truncated: true };
      buckets.push(bucket);
    }
    after = page.buckets.at(-1)?.name;
    if (!page.truncated || after === undefined) break;
  }
  if (!all && buckets.length === 0) throw new S3Error("AccessDenied");
  return { buckets, truncated: false };
}

const REACHING = ["s3:ListBucket", "s3:GetBucketLocation"];

export async function createBucket(context: BucketContext): Promise<void> {
  const { bucketName, options } = context;
  if (!isCreatableBucketName(bucketName)) {
    throw new S3Error("InvalidBucketName", { details: [["BucketName", bucketName]] });
  }
  const body = await readVerifiedBody(context, DOCUMENT_BYTES_MAX, { digestRequired: false });
  const { locationConstraint: location, tags } =
    body.length === 0 ? NO_CONFIGURATION : parseCreateBucket(body);
  if (location !== undefined && options.region !== undefined && location !== options.region) {
    throw new S3Error("InvalidLocationConstraint");
  }
  if (location !== undefined && !REGION_NAME.test(location)) {
    throw new S3Error("InvalidLocationConstraint");
  }
  const plain = newBucketSettings(context, location);
  const settings = tags.length === 0 ? plain : await withTags(context, plain, tags);
  try {
    const bucket = await context.store.createBucket(bucketName, settings);
    await announce(context, { names: ["s3:BucketCreated:*"], bucket, key: "", object: {} });
  } catch (error) {
    if (!isBucketExists(error)) throw error;
    if (!isRepetition(await bucketOf(context), settings, context)) throw error;
  }
  sendEmpty(context, 200, [["Location", `/${bucketName}`]]);
}

/**
 * The bucket is there as it was asked for. Where buckets lie in us-east-1 that is no error, as in
 * AWS; but a request for other settings does not change them (decisions/0035).
 */
function isRepetition(bucket: Bucket, settings: BucketSettings, context: BucketContext): boolean {
  const { auth, headers } = context;
  if (accessOfBucket(bucket).owner !== callerAccount(auth))
    throw new S3Error("BucketAlreadyExists");
  if (headers.get("x-minio-force-create") === "true") return true;
  const { documents: { [LOCATION_DOCUMENT]: location, ...documents } = {}, versioning } = settings;
  const regions = [location ?? US_EAST_1, regionOf(bucket, context)];
  if (regions.some((region) => region !== US_EAST_1)) return false;
  const same =
    (versioning === undefined || versioning === bucket.versioning) &&
    Object.entries(documents).every(
      ([name, text]) => text === undefined || text === bucket.documents[name],
    );
  if (!same) throw new S3Error("BucketAlreadyExists");
  return true;
}

const US_EAST_1 = "us-east-1";

const NO_CONFIGURATION: CreateBucketDocument = { locationConstraint: undefined, tags: [] };

/** Tags in the body are authorised here, once they are known. */
async function withTags(
  { access, bucketName }: BucketContext,
  settings: BucketSettings,
  tags: readonly Tag[],
): Promise<BucketSettings> {
  await access.require("s3:PutBucketTagging", { bucket: bucketName }, { bucket: undefined });
  const document = { [BUCKET_TAGGING_DOCUMENT]: encodeDocument({ tags }) };
  return { ...settings, documents: { ...settings.documents, ...document } };
}

/** Owner, access list, object ownership and object lock come with the bucket, in one change. */
function newBucketSettings(
  { headers, auth, accounts, options }: BucketContext,
  location: string | undefined,
): BucketSettings {
  const owner = callerAccount(auth);
  const request = parseAclHeaders(headers, accounts);
  const ownership = parseOwnershipHeader(headers.get("x-amz-object-ownership"));
  const acl = aclOfRequest(request ?? { canned: "private", grants: [] }, owner, owner);
  if (ownership === "BucketOwnerEnforced" && isPublicAcl(acl)) {
    throw new S3Error("InvalidBucketAclWithObjectOwnership");
  }
  const locked = headers.get("x-amz-bucket-object-lock-enabled")?.toLowerCase() === "true";
  return {
    ...(locked ? { versioning: "enabled" as const } : {}),
    documents: {
      [ACL_DOCUMENT]: encodeDocument(acl),
      [OWNERSHIP_DOCUMENT]: ownership === undefined ? undefined : encodeDocument({ ownership }),
      // A server without a region of its own lets each bucket have the one that was asked for.
      [LOCATION_DOCUMENT]: options.region === undefined ? location : undefined,
      [LOCK_DOCUMENT]: locked ? encodeLockConfiguration({}) : undefined,
    },
  };
}

function isBucketExists(error: unknown): boolean {
  return error instanceof StoreError && error.code === "bucket-exists";
}

export async function headBucket(context: BucketContext): Promise<void> {
  const region = regionOf(await bucketOf(context), context);
  sendEmpty(context, 200, [["x-amz-bucket-region", region]]);
}

export async function deleteBucket(context: BucketContext): Promise<void> {
  const bucket = await bucketOf(context);
  if (asksForContents(context)) await deleteContents(context, bucket);
  await context.store.deleteBucket(context.bucketName);
  await announce(context, { names: ["s3:BucketRemoved:*"], bucket, key: "", object: {} });
  sendEmpty(context, 204);
}

/** Where neither the server nor the bucket was given one, the one that clients take for granted. */
function regionOf(bucket: Bucket, { options }: ServiceContext): string {
  return options.region ?? bucket.documents[LOCATION_DOCUMENT] ?? US_EAST_1;
}

export async function getBucketLocation(context: BucketContext): Promise<void> {
  const region = regionOf(await bucketOf(context), context);
  const shown = region === US_EAST_1 ? "" : region;
  sendXml(
    context,
    xmlDocument("LocationConstraint", (xml) => xml.text(shown)),
  );
}

export async function getBucketVersioning(context: BucketContext): Promise<void> {
  const bucket = await bucketOf(context);
  const body = xmlDocument("VersioningConfiguration", (xml) => {
    if (bucket.versioning === "enabled") xml.element("Status", "Enabled");
    if (bucket.versioning === "suspended") xml.element("Status", "Suspended");
  });
  sendXml(context, body);
}

export async function putBucketVersioning(context: BucketContext): Promise<void> {
  const body = await readVerifiedBody(context, DOCUMENT_BYTES_MAX, { digestRequired: false });
  const { status } = parseVersioning(body);
  await context.store.changeBucket(context.bucketName, (bucket) => {
    asRefusal(() => checkSuspendable(bucket, status));
    return { versioning: status };
  });
  sendEmpty(context, 200);
}

/** Without versions a lock would hold nothing. */
function checkSuspendable(bucket: Bucket, status: "enabled" | "suspended"): void {
  if (status === "enabled" || bucket.documents[LOCK_DOCUMENT] === undefined) return;
  throw new S3Error("InvalidBucketState", {
    message:
      "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
  });
}
