/**
 * Who pays for requests. Nothing is billed here; what is kept of it is what clients can observe: where
 * requesters pay, others than the owner's account must say that they will, and callers without keys
 * have nobody to pay.
 */
import type { Bucket } from "../../object/object-store.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { encodeDocument, readDocument } from "../documents/document.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { xmlDocument } from "../xml.ts";
import { leaves, parseChoice, parseRoot } from "../xml-fields.ts";
import { readDocumentBody, setDocument } from "./bucket-documents.ts";

const REQUEST_PAYMENT_DOCUMENT = "request-payment";
const PAYERS = ["BucketOwner", "Requester"] as const;

interface RequestPayment {
  readonly payer: (typeof PAYERS)[number];
}

export function isRequesterPays(bucket: Bucket): boolean {
  return readDocument<RequestPayment>(bucket, REQUEST_PAYMENT_DOCUMENT)?.payer === "Requester";
}

export async function getBucketRequestPayment(context: BucketContext): Promise<void> {
  const payer = isRequesterPays(await bucketOf(context)) ? "Requester" : "BucketOwner";
  sendXml(
    context,
    xmlDocument("RequestPaymentConfiguration", (xml) => xml.element("Payer", payer)),
  );
}

export async function putBucketRequestPayment(context: BucketContext): Promise<void> {
  const root = parseRoot(await readDocumentBody(context), "RequestPaymentConfiguration");
  const payer = parseChoice(leaves(root, ["Payer"]).get("Payer"), PAYERS);
  const text = payer === "Requester" ? encodeDocument({ payer }) : undefined;
  await setDocument(context, REQUEST_PAYMENT_DOCUMENT, text);
  sendEmpty(context, 200);
}
