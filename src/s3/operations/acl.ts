/** GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl. */
import type { Bucket } from "../../object/contract/object-store.ts";
import {
  aclOfRequest,
  bucketAclOf,
  bucketOwnerOf,
  checkListsInUse,
  checkNotPublic,
  objectAclOf,
  parseAclHeaders,
  resolveGrants,
  withAcl,
} from "../access-lists.ts";
import { type BucketContext, bucketOf, type ObjectContext } from "../context.ts";
import { ACL_DOCUMENT, type AccessControlList, parseAcl, renderAcl } from "../documents/acl.ts";
import { encodeDocument } from "../documents/document.ts";
import { asRefusal } from "../refusal.ts";
import { sendEmpty, sendXml } from "../respond.ts";
import { S3Error } from "../s3-error.ts";
import { readDocumentBody } from "./bucket-documents.ts";
import { openForHeaders } from "./get-object.ts";
import { announceUpdate, updateVersion, versionHeader } from "./object-tagging.ts";

export async function getBucketAcl(context: BucketContext): Promise<void> {
  sendAcl(context, bucketAclOf(await bucketOf(context)));
}

function sendAcl(context: BucketContext, acl: AccessControlList): void {
  sendXml(
    context,
    renderAcl(acl, (canonicalId) => context.accounts.nameOf(canonicalId)),
  );
}

export async function putBucketAcl(context: BucketContext): Promise<void> {
  const listFor = await readAclRequest(context);
  await context.store.changeBucket(context.bucketName, (bucket) => {
    const acl = asRefusal(() => checked(listFor(bucketOwnerOf(bucket), bucket), bucket));
    return { documents: { [ACL_DOCUMENT]: encodeDocument(acl) } };
  });
  sendEmpty(context, 200);
}

export async function getObjectAcl(context: ObjectContext): Promise<void> {
  const { bucket, details } = await openForHeaders(context);
  sendAcl(context, objectAclOf(details.headers, bucket));
}

export async function putObjectAcl(context: ObjectContext): Promise<void> {
  const listFor = await readAclRequest(context);
  const bucket = await bucketOf(context);
  const result = await updateVersion(context, (headers) =>
    asRefusal(() => {
      const { owner } = objectAclOf(headers, bucket);
      return withAcl(headers, checked(listFor(owner, bucket), bucket), bucket);
    }),
  );
  await announceUpdate(context, ["s3:ObjectAcl:Put"], result);
  sendEmpty(context, 200, versionHeader(result));
}

/** The list is made for its owner, which is known only when what it is for has been read. */
type ListFor = (owner: string, bucket: Bucket) => AccessControlList;

async function readAclRequest(context: BucketContext): Promise<ListFor> {
  const body = await readDocumentBody(context);
  const request = parseAclHeaders(context.headers, context.accounts);
  if (request !== undefined) {
    if (body.length > 0) {
      throw new S3Error("UnexpectedContent", {
        message: "This request does not support content",
      });
    }
    return (owner, bucket) => aclOfRequest(request, owner, bucketOwnerOf(bucket));
  }
  if (body.length === 0) {
    throw new S3Error("MissingSecurityHeader", {
      message: "Your request was missing a required header",
      details: [["MissingHeaderName", "x-amz-acl"]],
    });
  }
  const document = parseAcl(body);
  const grants = resolveGrants(document.grants, context.accounts);
  return (owner) => {
    // What is given away here is access, never what is owned.
    if (document.ownerId !== undefined && document.ownerId !== owner) {
      throw new S3Error("AccessDenied");
    }
    return { owner, grants };
  };
}

function checked(acl: AccessControlList, bucket: Bucket): AccessControlList {
  checkListsInUse(bucket);
  checkNotPublic(acl, bucket);
  return acl;
}
