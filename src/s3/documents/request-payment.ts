/**
 * Who pays for requests. Nothing is billed here; what is kept of it is what clients can observe: see
 * `access/bucket-terms.ts`.
 */
import type { Bucket } from "../../object/contract/object-store.ts";
import { xmlDocument } from "../xml.ts";
import { leaves, parseChoice, parseRoot } from "../xml-fields.ts";
import { readDocument } from "./document.ts";

export const REQUEST_PAYMENT_DOCUMENT = "request-payment";
const PAYERS = ["BucketOwner", "Requester"] as const;
export type Payer = (typeof PAYERS)[number];

export interface RequestPayment {
  readonly payer: Payer;
}

export function isRequesterPays(bucket: Bucket): boolean {
  return readDocument<RequestPayment>(bucket, REQUEST_PAYMENT_DOCUMENT)?.payer === "Requester";
}

export function parseRequestPayment(body: Uint8Array): RequestPayment {
  const root = parseRoot(body, "RequestPaymentConfiguration");
  return { payer: parseChoice(leaves(root, ["Payer"]).get("Payer"), PAYERS) };
}

export function renderRequestPayment({ payer }: RequestPayment): string {
  return xmlDocument("RequestPaymentConfiguration", (xml) => xml.element("Payer", payer));
}
