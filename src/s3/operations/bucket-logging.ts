/** PutBucketLogging and GetBucketLogging. Who delivers, and how, is in `access-log/`. */
import { StoreError } from "../../base/store-error.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import { bucketOwnerOf } from "../access-lists.ts";
import { mayWriteLog } from "../access-log/log-permission.ts";
import { type BucketContext, bucketOf } from "../context.ts";
import { formatHttpDate } from "../dates.ts";
import { encodeDocument, readDocument } from "../documents/document.ts";
import {
  LOGGING_DOCUMENT,
  type LoggingConfiguration,
  type LoggingTarget,
  parseLogging,
  renderLogging,
} from "../documents/logging.ts";
import { isRequesterPays } from "../documents/request-payment.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { readDocumentBody } from "./bucket-documents.ts";

export async function getBucketLogging(context: BucketContext): Promise<void> {
  const bucket = await bucketOf(context);
  const known = readDocument<LoggingConfiguration>(bucket, LOGGING_DOCUMENT);
  const body = renderLogging(known);
  if (known === undefined) return sendXml(context, body);
  sendXml(context, body, [["Last-Modified", formatHttpDate(known.updatedMs)]]);
}

/** Only the bucket's owner may, whoever else a policy names: the log tells of everybody's requests. */
export async function putBucketLogging(context: BucketContext): Promise<void> {
  const target = parseLogging(await readDocumentBody(context));
  const source = await bucketOf(context);
  const { caller } = context.access;
  const isOwner = caller.kind === "signed" && caller.canonicalId === bucketOwnerOf(source);
  if (!isOwner && !(caller.kind === "signed" && caller.operator)) throw new S3Error("AccessDenied");
  if (target !== undefined) await checkTarget(context, source, target);
  await context.store.changeBucket(context.bucketName, (bucket) => ({
    documents: { [LOGGING_DOCUMENT]: nextText(bucket, target, context.clock.nowMs()) },
  }));
  sendEmpty(context, 200);
}

/** The same once more changes nothing, the time of the last change included. */
function nextText(
  bucket: Bucket,
  target: LoggingTarget | undefined,
  nowMs: number,
): string | undefined {
  if (target === undefined) return undefined;
  const known = readDocument<LoggingConfiguration>(bucket, LOGGING_DOCUMENT);
  const same =
    known?.bucket === target.bucket &&
    known.prefix === target.prefix &&
    known.keyFormat === target.keyFormat;
  return encodeDocument({ ...target, updatedMs: same ? known.updatedMs : nowMs });
}

async function checkTarget(
  context: BucketContext,
  source: Bucket,
  { bucket: name, prefix }: LoggingTarget,
): Promise<void> {
  if (name === source.name) throw refusal("A bucket cannot be the target of its own log", name);
  const target = await findTarget(context, name);
  const { documents } = target;
  if (documents[LOGGING_DOCUMENT] !== undefined) {
    throw refusal("The target bucket is logged itself", name);
  }
  if (documents["encryption"] !== undefined) {
    throw refusal("The target bucket has a default encryption", name);
  }
  if (isRequesterPays(target)) {
    throw refusal("Requesters pay for the target bucket", name);
  }
  const canonicalId = bucketOwnerOf(source);
  const accountId = context.accounts.idOf(canonicalId) ?? "";
  const write = { source: { bucket: source.name, accountId, canonicalId }, target, prefix };
  if (!mayWriteLog(write)) {
    throw new S3Error("AccessDenied", {
      message: "The target bucket does not let the logging service write.",
    });
  }
}

function refusal(message: string, name: string): S3Error {
  return invalidArgument(message, "TargetBucket", name);
}

async function findTarget(context: BucketContext, name: string): Promise<Bucket> {
  try {
    return await context.store.bucket(name);
  } catch (error) {
    if (error instanceof StoreError && error.code === "no-such-bucket") {
      throw new S3Error("NoSuchKey", { message: "The target bucket for logging does not exist" });
    }
    throw error;
  }
}
