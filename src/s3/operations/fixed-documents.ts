/**
 * Settings that a bucket has in one way only here: what clients ask for is answered truthfully, and
 * what would change it is refused unless it asks for what is there already.
 */
import { type BucketContext, bucketOf } from "../context.ts";
import { notImplemented } from "../not-implemented.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import type { S3ErrorCode } from "../s3-error-codes.ts";
import { xmlDocument } from "../xml.ts";
import { leaves, parseChoice, parseRoot } from "../xml-fields.ts";
import { readDocumentBody } from "./bucket-documents.ts";

export async function getBucketAccelerate(context: BucketContext): Promise<void> {
  await bucketOf(context);
  sendXml(
    context,
    xmlDocument("AccelerateConfiguration", () => undefined),
  );
}

export async function putBucketAccelerate(context: BucketContext): Promise<void> {
  const root = parseRoot(await readDocumentBody(context), "AccelerateConfiguration");
  const status = parseChoice(leaves(root, ["Status"]).get("Status"), ["Enabled", "Suspended"]);
  await bucketOf(context);
  if (status === "Enabled") throw notImplemented("PutBucketAccelerateConfiguration");
  sendEmpty(context, 200);
}

/** The answer to GET of a document that no bucket has. */
export function alwaysAbsent(code: S3ErrorCode): (context: BucketContext) => Promise<void> {
  return async (context) => {
    await bucketOf(context);
    throw new S3Error(code);
  };
}

/** The answer to DELETE of a document that no bucket has: it is not there, as wished. */
export async function deleteAbsent(context: BucketContext): Promise<void> {
  await bucketOf(context);
  sendEmpty(context, 204);
}

/** The list of configurations of which a bucket could have many and has none. */
export function emptyList(root: string): (context: BucketContext) => Promise<void> {
  return async (context) => {
    await bucketOf(context);
    sendXml(
      context,
      xmlDocument(root, (xml) => xml.element("IsTruncated", false)),
    );
  };
}
