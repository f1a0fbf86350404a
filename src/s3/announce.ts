/**
 * Tells of what an operation has done, after it is durable and before it is answered: an answered
 * write whose event a rule wanted has that event in a durable queue. Where neither a rule nor a
 * listener is there, nothing is made and nothing waited for.
 */
import { StoreError } from "../base/store-error.ts";
import type { EventName } from "../events/event-names.ts";
import type { EventOrigin, TouchedObject } from "../events/happening.ts";
import type { Bucket } from "../object/contract/object-store.ts";
import { accessOfBucket } from "./access/bucket-access.ts";
import type { ServiceContext } from "./context.ts";
import { notificationRulesOf } from "./documents/notification.ts";

export interface Announcement {
  /** Where AWS and MinIO name it differently, both. */
  readonly names: readonly EventName[];
  readonly bucket: Bucket;
  /** "" for events of the bucket itself. */
  readonly key: string;
  readonly object: TouchedObject;
}

/** Undefined when nobody wants to know. Rejects when it is not certain that the event is kept. */
export function announce(
  context: ServiceContext,
  announcement: Announcement,
): Promise<void> | undefined {
  const { names, key, object } = announcement;
  // A rule that was made while the body came counts as well.
  const bucket = context.store.lastKnown(announcement.bucket);
  const rules = notificationRulesOf(bucket);
  if (rules === undefined && !context.events.hasListeners) return undefined;
  const happening = {
    names,
    bucket: bucket.name,
    bucketOwner: accessOfBucket(bucket).owner,
    key,
    object,
    origin: originOf(context),
  };
  return context.events.publish(happening, rules);
}

/** The same of a version whose particulars the operation does not have at hand. */
export async function announceStored(
  context: ServiceContext,
  announcement: Omit<Announcement, "object"> & { readonly versionId: string | undefined },
): Promise<void> {
  const { key, versionId } = announcement;
  const bucket = context.store.lastKnown(announcement.bucket);
  if (notificationRulesOf(bucket) === undefined && !context.events.hasListeners) return;
  const object = await describe(context, { bucket, key, versionId });
  await announce(context, { ...announcement, object });
}

/** Reads are told of without waiting: no promise is given for them. */
export function announceRead(context: ServiceContext, announcement: Announcement): void {
  const told = announce(context, announcement);
  told?.catch((error: unknown) => {
    context.log.warn("a read was not told of", { requestId: context.request.id, error });
  });
}

/** It may be gone again meanwhile, which does not make the event untrue. */
async function describe(
  context: ServiceContext,
  place: { readonly bucket: Bucket; readonly key: string; readonly versionId: string | undefined },
): Promise<TouchedObject> {
  const { bucket, key, versionId } = place;
  const named = versionId === undefined ? {} : { versionId };
  try {
    const { details } = await context.store.openObject({
      bucket,
      key,
      ...named,
      conditions: {},
      headersOnly: true,
    });
    const { bytes, etag, headers } = details;
    return { bytes, etag, headers, versionId };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { versionId };
  }
}

function originOf({ request, auth, headers, options }: ServiceContext): EventOrigin {
  const scheme = request.secure ? "https" : "http";
  return {
    principal: auth.kind === "signed" ? auth.identity.accessKey : "",
    region: options.region ?? "",
    sourceAddress: request.remoteAddress,
    userAgent: headers.get("user-agent") ?? "",
    requestId: request.id,
    hostId: options.hostId,
    endpoint: `${scheme}://${headers.get("host") ?? ""}`,
    range: headers.get("range"),
  };
}
