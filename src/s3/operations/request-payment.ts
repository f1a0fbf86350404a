/** PutBucketRequestPayment and GetBucketRequestPayment. */
import { type BucketContext, bucketOf } from "../context.ts";
import { encodeDocument } from "../documents/document.ts";
import {
  isRequesterPays,
  parseRequestPayment,
  REQUEST_PAYMENT_DOCUMENT,
  renderRequestPayment,
} from "../documents/request-payment.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { readDocumentBody, setDocument } from "./bucket-documents.ts";

export async function getBucketRequestPayment(context: BucketContext): Promise<void> {
  const payer = isRequesterPays(await bucketOf(context)) ? "Requester" : "BucketOwner";
  sendXml(context, renderRequestPayment({ payer }));
}

export async function putBucketRequestPayment(context: BucketContext): Promise<void> {
  const { payer } = parseRequestPayment(await readDocumentBody(context));
  const text = payer === "Requester" ? encodeDocument({ payer }) : undefined;
  await setDocument(context, REQUEST_PAYMENT_DOCUMENT, text);
  sendEmpty(context, 200);
}
