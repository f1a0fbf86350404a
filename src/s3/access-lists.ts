/**
 * The access control list that a request gives to a bucket or an object: from a canned name, grant
 * headers or a document, checked against what ownership controls and the public access block of the
 * bucket leave room for.
 */
import type { HttpHeaders } from "../http/headers.ts";
import type { Bucket, StoredHeaders } from "../object/contract/object-store.ts";
import type { AccountDirectory } from "./accounts.ts";
import {
  ACL_DOCUMENT,
  type AccessControlList,
  type CannedAcl,
  cannedAcl,
  type Grant,
  isPublicAcl,
  parseCannedAcl,
  parseGrantHeaders,
  type RequestedGrant,
} from "./documents/acl.ts";
import { encodeDocument, readDocument } from "./documents/document.ts";
import {
  type ObjectOwnership,
  OWNERSHIP_DOCUMENT,
  type OwnershipControls,
  PUBLIC_ACCESS_DOCUMENT,
  type PublicAccessBlock,
} from "./documents/public-access.ts";
import { OWNER_ID } from "./owner.ts";
import { S3Error } from "./s3-error.ts";

/** Among the stored headers of an object. No header of a request has this name. */
export const ACL_HEADER = "ringfort-acl";

export function bucketAclOf(bucket: Bucket): AccessControlList {
  return (
    readDocument<AccessControlList>(bucket, ACL_DOCUMENT) ??
    cannedAcl("private", OWNER_ID, OWNER_ID)
  );
}

/** Canonical id of the account that the bucket belongs to. */
export function bucketOwnerOf(bucket: Bucket): string {
  return bucketAclOf(bucket).owner;
}

/** Without a list of its own an object belongs to the bucket's owner, who alone may use it. */
export function objectAclOf(headers: StoredHeaders, bucket: Bucket): AccessControlList {
  const text = headers[ACL_HEADER];
  const owner = bucketOwnerOf(bucket);
  if (text === undefined || ownershipOf(bucket) === "BucketOwnerEnforced") {
    return cannedAcl("private", owner, owner);
  }
  // Written by withAcl and nothing else.
  return JSON.parse(text) as AccessControlList;
}

/** The stored headers with that list; the usual one takes no room. */
export function withAcl(
  headers: StoredHeaders,
  acl: AccessControlList,
  bucket: Bucket,
): StoredHeaders {
  const { [ACL_HEADER]: _, ...others } = headers;
  const usual = cannedAcl("private", bucketOwnerOf(bucket), bucketOwnerOf(bucket));
  const text = encodeDocument(acl);
  return text === encodeDocument(usual) ? others : { ...others, [ACL_HEADER]: text };
}

/** Without the document lists are in use and objects belong to who writes them. */
export function ownershipOf(bucket: Bucket): ObjectOwnership {
  return readDocument<OwnershipControls>(bucket, OWNERSHIP_DOCUMENT)?.ownership ?? "ObjectWriter";
}

export function publicAccessBlockOf(bucket: Bucket): PublicAccessBlock | undefined {
  return readDocument<PublicAccessBlock>(bucket, PUBLIC_ACCESS_DOCUMENT);
}

export interface AclRequest {
  readonly canned: CannedAcl | undefined;
  readonly grants: readonly Grant[];
}

/** What the headers ask for; undefined when they say nothing of access. */
export function parseAclHeaders(
  headers: HttpHeaders,
  accounts: AccountDirectory,
): AclRequest | undefined {
  const name = headers.get("x-amz-acl");
  const grants = parseGrantHeaders(headers);
  if (name === undefined && grants.length === 0) return undefined;
  if (name !== undefined && grants.length > 0) {
    throw new S3Error("InvalidRequest", {
      message: "Specifying both Canned ACLs and Header Grants is not allowed",
    });
  }
  const canned = name === undefined ? undefined : parseCannedAcl(name);
  return { canned, grants: resolveGrants(grants, accounts) };
}

/** Only accounts that are there can be granted anything. */
export function resolveGrants(
  grants: readonly RequestedGrant[],
  accounts: AccountDirectory,
): readonly Grant[] {
  return grants.map(({ grantee, permission }) => {
    if (grantee.kind === "email") {
      const canonicalId = accounts.findByEmail(grantee.address);
      if (canonicalId === undefined) throw new S3Error("UnresolvableGrantByEmailAddress");
      return { grantee: { kind: "account", canonicalId }, permission };
    }
    if (grantee.kind === "account" && accounts.nameOf(grantee.canonicalId) === undefined) {
      throw new S3Error("InvalidArgument", {
        message: "Invalid id",
        details: [
          ["ArgumentName", "CanonicalUser/ID"],
          ["ArgumentValue", grantee.canonicalId],
        ],
      });
    }
    return { grantee, permission };
  });
}

/** The list that the request means for something of `owner` in the bucket. */
export function aclOfRequest(
  request: AclRequest,
  owner: string,
  bucketOwner: string,
): AccessControlList {
  if (request.canned !== undefined) return cannedAcl(request.canned, owner, bucketOwner);
  return { owner, grants: request.grants };
}

/** Throws AccessDenied when the list would let everybody in and the bucket does not allow it. */
export function checkNotPublic(acl: AccessControlList, bucket: Bucket): void {
  if (publicAccessBlockOf(bucket)?.blockPublicAcls === true && isPublicAcl(acl)) {
    throw new S3Error("AccessDenied");
  }
}

/** Throws AccessControlListNotSupported where lists are switched off: none is set then. */
export function checkListsInUse(bucket: Bucket): void {
  if (ownershipOf(bucket) === "BucketOwnerEnforced") {
    throw new S3Error("AccessControlListNotSupported");
  }
}

/** It lets in nobody but the owners of the thing and of the bucket. */
export function isOwnersOnly(acl: AccessControlList, bucket: Bucket): boolean {
  const owner = bucketOwnerOf(bucket);
  return acl.grants.every(
    ({ grantee }) =>
      grantee.kind === "account" &&
      (grantee.canonicalId === owner || grantee.canonicalId === acl.owner),
  );
}

/** The list of a new object; undefined where it belongs to the bucket's owner like all others. */
export function newObjectAcl(
  request: AclRequest | undefined,
  writer: string,
  bucket: Bucket,
): AccessControlList | undefined {
  const bucketOwner = bucketOwnerOf(bucket);
  const ownership = ownershipOf(bucket);
  const given = request === undefined ? undefined : aclOfRequest(request, writer, bucketOwner);
  if (ownership === "BucketOwnerEnforced") {
    if (given === undefined || isForBucketOwner(request, bucketOwner)) return undefined;
    throw new S3Error("AccessControlListNotSupported");
  }
  if (given !== undefined) checkNotPublic(given, bucket);
  const handsOver =
    ownership === "BucketOwnerPreferred" && request?.canned === "bucket-owner-full-control";
  if (handsOver || (given === undefined && writer === bucketOwner)) return undefined;
  return given ?? cannedAcl("private", writer, bucketOwner);
}

/** The one list that says what is so anyway where lists are switched off. */
function isForBucketOwner(request: AclRequest | undefined, bucketOwner: string): boolean {
  if (request?.canned !== undefined) return request.canned === "bucket-owner-full-control";
  return (request?.grants ?? []).every(
    ({ grantee, permission }) =>
      permission === "FULL_CONTROL" &&
      grantee.kind === "account" &&
      grantee.canonicalId === bucketOwner,
  );
}
