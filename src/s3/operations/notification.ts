/** The notification configuration of a bucket, and the test event that AWS sends for a new one. */

import type { NotificationConfiguration } from "../../events/notification-rules.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { formatIsoDate } from "../dates.ts";
import { encodeDocument, readDocument } from "../documents/document.ts";
import {
  NOTIFICATION_DOCUMENT,
  parseNotification,
  renderNotification,
} from "../documents/notification.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { readDocumentBody, setDocument } from "./bucket-documents.ts";

export async function getBucketNotification(context: BucketContext): Promise<void> {
  const bucket = await bucketOf(context);
  const stored = readDocument<NotificationConfiguration>(bucket, NOTIFICATION_DOCUMENT);
  sendXml(context, renderNotification(stored ?? { rules: [] }));
}

/** Replaces all of it; an empty one switches notifications off. */
export async function putBucketNotification(context: BucketContext): Promise<void> {
  const { events, request } = context;
  const body = await readDocumentBody(context);
  let minted = 0;
  const configuration = parseNotification(body, {
    knowsTarget: (arn) => events.knowsTarget(arn),
    mintId: () => {
      minted += 1;
      return `${request.id}-${minted}`;
    },
  });
  const { rules } = configuration;
  const text = rules.length === 0 ? undefined : encodeDocument(configuration);
  await setDocument(context, NOTIFICATION_DOCUMENT, text);
  if (context.headers.get("x-amz-skip-destination-validation")?.toLowerCase() !== "true") {
    const test = testEvent(context);
    await Promise.all(
      [...new Set(rules.map(({ arn }) => arn))].map((arn) => events.sendTo(arn, test)),
    );
  }
  sendEmpty(context, 200);
}

function testEvent({ bucketName, clock, request, options }: BucketContext): string {
  return JSON.stringify({
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: formatIsoDate(clock.nowMs()),
    Bucket: bucketName,
    RequestId: request.id,
    HostId: options.hostId,
  });
}
