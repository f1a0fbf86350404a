/**
 * A bucket as a website: index documents, error documents, redirects. Visitors are anonymous whatever
 * they send along, and may read what the bucket's policy or lists let anonymous callers read: every
 * object that is opened here was authorised first, like any GetObject.
 */
import { StoreError } from "../../base/store-error.ts";
import type { HttpHeaders } from "../../http/headers.ts";
import type { Bucket, OpenObject } from "../../object/contract/object-store.ts";
import type { RequestAccess } from "../access/request-access.ts";
import { parseReadConditions } from "../conditions.ts";
import type { BucketContext, ObjectContext } from "../context.ts";
import { readDocument } from "../documents/document.ts";
import { isRequesterPays } from "../documents/request-payment.ts";
import { WEBSITE_DOCUMENT, type WebsiteConfiguration } from "../documents/website.ts";
import { type ObjectKey, parseObjectKey } from "../object-key.ts";
import { sendOpened } from "../operations/get-object.ts";
import { sendEmpty } from "../respond.ts";
import { S3Error, toS3Error } from "../s3-error.ts";
import { WebsiteError } from "./html-error.ts";
import {
  folderRedirect,
  indexedKey,
  objectRedirect,
  type Redirect,
  redirectAfter,
  redirectBefore,
  type Visit,
} from "./website-routing.ts";

export interface WebsiteVisit {
  /** Anonymous, without query. */
  readonly context: BucketContext;
  /** As asked for: "" for the root. */
  readonly key: string;
  readonly accessTo: (key: string) => RequestAccess;
}

type Pages = Extract<WebsiteConfiguration, { readonly indexSuffix: string }>;

/** Rejects with the error that nothing of the site stands for. */
export async function serveWebsite(site: WebsiteVisit): Promise<void> {
  const { context, key } = site;
  const { bucket, configuration } = await findSite(context);
  // Visitors have no account that could pay.
  if (isRequesterPays(bucket)) throw new S3Error("AccessDenied");
  const visit: Visit = {
    key,
    host: context.headers.get("host") ?? "",
    secure: context.request.secure,
    rawQuery: context.request.rawQuery,
  };
  const before = redirectBefore(configuration, visit);
  if (before !== undefined) return sendRedirect(context, before);
  if (configuration.redirectAll !== undefined) return;
  const page = { site, bucket, configuration, visit };
  try {
    await sendPage(page);
  } catch (error) {
    await sendFailure(page, error);
  }
}

interface Page {
  readonly site: WebsiteVisit;
  readonly bucket: Bucket;
  readonly configuration: Pages;
  readonly visit: Visit;
}

/** Without a website nobody is told whether there is a bucket. */
async function findSite(
  context: BucketContext,
): Promise<{ readonly bucket: Bucket; readonly configuration: WebsiteConfiguration }> {
  try {
    const bucket = await context.store.bucket(context.bucketName);
    const configuration = readDocument<WebsiteConfiguration>(bucket, WEBSITE_DOCUMENT);
    if (configuration !== undefined) return { bucket, configuration };
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "no-such-bucket") throw error;
  }
  throw new S3Error("NoSuchWebsiteConfiguration");
}

async function sendPage({ site, bucket, configuration, visit }: Page): Promise<void> {
  const key = parseObjectKey(indexedKey(visit.key, configuration.indexSuffix));
  const object = await open(site, bucket, { key, headers: site.context.headers });
  const redirect = objectRedirect(object.details.headers["x-amz-website-redirect-location"]);
  if (redirect !== undefined) return sendRedirect(site.context, redirect);
  await sendOpened(at(site.context, key), { bucket, object });
}

/** Authorised, and with what a failure may say about the key. */
async function open(
  { context, accessTo }: WebsiteVisit,
  bucket: Bucket,
  { key, headers }: { readonly key: ObjectKey; readonly headers: HttpHeaders | undefined },
): Promise<OpenObject> {
  const access = accessTo(key);
  await access.authorise("GetObject");
  const conditions = headers === undefined ? {} : parseReadConditions(headers);
  let object: OpenObject;
  try {
    object = await context.store.openObject({ bucket, key, conditions });
  } catch (error) {
    await access.confirmStoredOwner();
    throw await access.disclose(error);
  }
  access.confirmOwner(object.details.headers);
  return object;
}

async function sendFailure(page: Page, cause: unknown): Promise<void> {
  const { site, configuration, visit } = page;
  const error = toS3Error(cause);
  // A visitor's condition or range, or a fault of ours: no page of the site speaks of those.
  const isRefusal = error.status === 403 || error.status === 404;
  if (site.context.response.started || !isRefusal) throw error;
  if (await hasFolder(page)) return sendRedirect(site.context, folderRedirect(visit));
  const after = redirectAfter(configuration, visit, error.status);
  if (after !== undefined) return sendRedirect(site.context, after);
  await sendErrorPage(page, error);
}

/** The key names a folder, as its index document shows to whoever may read that. */
async function hasFolder({ site, bucket, configuration, visit }: Page): Promise<boolean> {
  if (visit.key === "" || visit.key.endsWith("/")) return false;
  try {
    const key = parseObjectKey(`${visit.key}/${configuration.indexSuffix}`);
    await open(site, bucket, { key, headers: undefined });
    return true;
  } catch (error) {
    if (toS3Error(error).status >= 500) throw error;
    return false;
  }
}

/** The site's own page under the status of the failure; without one the failure itself. */
async function sendErrorPage(page: Page, error: S3Error): Promise<void> {
  const { site, bucket, configuration } = page;
  const { errorKey } = configuration;
  if (errorKey === undefined) throw error;
  let object: OpenObject;
  const key = parseObjectKey(errorKey);
  try {
    object = await open(site, bucket, { key, headers: undefined });
  } catch (failure) {
    throw new WebsiteError(error, { error: toS3Error(failure), key: errorKey });
  }
  const redirect = objectRedirect(object.details.headers["x-amz-website-redirect-location"]);
  if (redirect !== undefined) return sendRedirect(site.context, redirect);
  await sendOpened(at(site.context, key), { bucket, object, status: error.status });
}

function at(context: BucketContext, key: ObjectKey): ObjectContext {
  return Object.assign(context, { key });
}

function sendRedirect(context: BucketContext, { status, location }: Redirect): void {
  sendEmpty(context, status, [["Location", location]]);
}
