/**
 * Access control lists: the XML document, the canned ones, the grant headers. Who a list lets in is
 * decided by authorisation; here it is only read, written and kept.
 */
import { S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import {
  groupsOf,
  leaves,
  parseChoice,
  parseRoot,
  requiredGroup,
  requiredText,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";

/** The bucket's list among its documents; of an object, among its stored headers. */
export const ACL_DOCUMENT = "acl";
export const ACL_GRANTS_MAX = 100;

export const PERMISSIONS = ["FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"] as const;
export type Permission = (typeof PERMISSIONS)[number];

const GROUP_URIS = {
  "all-users": "http://acs.amazonaws.com/groups/global/AllUsers",
  "authenticated-users": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
  "log-delivery": "http://acs.amazonaws.com/groups/s3/LogDelivery",
} as const;
export type GranteeGroup = keyof typeof GROUP_URIS;

export type Grantee =
  | { readonly kind: "account"; readonly canonicalId: string }
  | { readonly kind: "group"; readonly group: GranteeGroup };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: Permission;
}

export interface AccessControlList {
  /** Canonical id of the account. */
  readonly owner: string;
  readonly grants: readonly Grant[];
}

/** As a request names a grantee; an e-mail address stands for the account that has it. */
export type RequestedGrantee = Grantee | { readonly kind: "email"; readonly address: string };

export interface RequestedGrant {
  readonly grantee: RequestedGrantee;
  readonly permission: Permission;
}

/** Without an owner when the document names none. */
export function parseAcl(body: Uint8Array): {
  readonly ownerId: string | undefined;
  readonly grants: readonly RequestedGrant[];
} {
  const root = refusing("MalformedACLError", () => parseRoot(body, "AccessControlPolicy"));
  return refusing("MalformedACLError", () => {
    leaves(root, [], ["Owner", "AccessControlList"]);
    const owners = groupsOf(root, "Owner");
    const owner = owners[0];
    if (owners.length > 1) throw malformedXml();
    const list = requiredGroup(root, "AccessControlList");
    leaves(list, [], ["Grant"]);
    const grants = groupsOf(list, "Grant").map(parseGrant);
    if (grants.length > ACL_GRANTS_MAX) throw malformedXml();
    const ownerId =
      owner === undefined ? undefined : leaves(owner, ["ID", "DisplayName"]).get("ID");
    return { ownerId, grants };
  });
}

function refusing<Result>(code: "MalformedACLError", run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof S3Error && error.code === "MalformedXML") throw new S3Error(code);
    throw error;
  }
}

function parseGrant(element: XmlElement): RequestedGrant {
  const fields = leaves(element, ["Permission"], ["Grantee"]);
  const permission = parseChoice(fields.get("Permission"), PERMISSIONS);
  return { grantee: parseGrantee(requiredGroup(element, "Grantee")), permission };
}

function parseGrantee(element: XmlElement): RequestedGrantee {
  const fields = leaves(element, ["ID", "DisplayName", "URI", "EmailAddress", "Type"]);
  const uri = fields.get("URI");
  if (uri !== undefined) return { kind: "group", group: parseGroup(uri.trim()) };
  const address = fields.get("EmailAddress");
  if (address !== undefined) return { kind: "email", address: address.trim() };
  return { kind: "account", canonicalId: requiredText(fields, "ID").trim() };
}

function parseGroup(uri: string): GranteeGroup {
  for (const [group, known] of Object.entries(GROUP_URIS)) {
    // Object.entries forgets which names there are.
    if (known === uri) return group as GranteeGroup;
  }
  throw new S3Error("InvalidArgument", {
    message: "Invalid group uri",
    details: [
      ["ArgumentName", "uri"],
      ["ArgumentValue", uri],
    ],
  });
}

export const CANNED_ACLS = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
  "log-delivery-write",
] as const;
export type CannedAcl = (typeof CANNED_ACLS)[number];

export function parseCannedAcl(text: string): CannedAcl {
  const found = CANNED_ACLS.find((name) => name === text);
  if (found !== undefined) return found;
  throw new S3Error("InvalidArgument", {
    details: [
      ["ArgumentName", "x-amz-acl"],
      ["ArgumentValue", text],
    ],
  });
}

/** `bucketOwner` matters for objects only, whose owner may be another. */
export function cannedAcl(
  canned: CannedAcl,
  owner: string,
  bucketOwner: string,
): AccessControlList {
  const others = owner === bucketOwner ? [] : [bucketOwner];
  return {
    owner,
    grants: [...cannedGrants(canned, others), toAccount(owner, "FULL_CONTROL")],
  };
}

function cannedGrants(canned: CannedAcl, others: readonly string[]): readonly Grant[] {
  switch (canned) {
    case "private":
    case "aws-exec-read":
      return [];
    case "public-read":
      return [toGroup("all-users", "READ")];
    case "public-read-write":
      return [toGroup("all-users", "READ"), toGroup("all-users", "WRITE")];
    case "authenticated-read":
      return [toGroup("authenticated-users", "READ")];
    case "bucket-owner-read":
      return others.map((other) => toAccount(other, "READ"));
    case "bucket-owner-full-control":
      return others.map((other) => toAccount(other, "FULL_CONTROL"));
    case "log-delivery-write":
      return [toGroup("log-delivery", "WRITE"), toGroup("log-delivery", "READ_ACP")];
  }
}

function toAccount(canonicalId: string, permission: Permission): Grant {
  return { grantee: { kind: "account", canonicalId }, permission };
}

function toGroup(group: GranteeGroup, permission: Permission): Grant {
  return { grantee: { kind: "group", group }, permission };
}

/** `x-amz-grant-*` → the permission it gives. */
const GRANT_HEADERS: ReadonlyArray<readonly [header: string, permission: Permission]> = [
  ["x-amz-grant-read", "READ"],
  ["x-amz-grant-write", "WRITE"],
  ["x-amz-grant-read-acp", "READ_ACP"],
  ["x-amz-grant-write-acp", "WRITE_ACP"],
  ["x-amz-grant-full-control", "FULL_CONTROL"],
];

/** `id="…", uri="…", emailAddress="…"`; quotes may be missing, as in many clients. */
const GRANTEE = /^(id|uri|emailaddress)\s*=\s*("[^"]*"|[^"\s]+)$/i;

/** The grants of the headers; empty when there are none. */
export function parseGrantHeaders(headers: {
  get(name: string): string | undefined;
}): readonly RequestedGrant[] {
  const grants: RequestedGrant[] = [];
  for (const [header, permission] of GRANT_HEADERS) {
    const text = headers.get(header);
    if (text === undefined) continue;
    for (const item of text.split(",")) {
      grants.push({ grantee: headerGrantee(item.trim(), header), permission });
    }
  }
  if (grants.length > ACL_GRANTS_MAX) throw new S3Error("InvalidRequest");
  return grants;
}

function headerGrantee(text: string, header: string): RequestedGrantee {
  const match = GRANTEE.exec(text);
  const value = (match?.[2] ?? "").replaceAll('"', "");
  switch (match?.[1]?.toLowerCase()) {
    case "id":
      return { kind: "account", canonicalId: value };
    case "uri":
      return { kind: "group", group: parseGroup(value) };
    case "emailaddress":
      return { kind: "email", address: value };
    default:
      throw new S3Error("InvalidArgument", {
        message: "Argument format not recognized",
        details: [
          ["ArgumentName", header],
          ["ArgumentValue", text],
        ],
      });
  }
}

/** `nameOf` finds what an account is called; one that is not known has no name. */
export function renderAcl(
  { owner, grants }: AccessControlList,
  nameOf: (canonicalId: string) => string | undefined,
): string {
  return xmlDocument("AccessControlPolicy", (xml) => {
    xml.group("Owner", (entry) => {
      entry.element("ID", owner);
      entry.optional("DisplayName", nameOf(owner));
    });
    xml.group("AccessControlList", (list) => {
      for (const { grantee, permission } of groupsFirst(grants)) {
        list.group("Grant", (grant) => {
          writeGrantee(grant, grantee, nameOf);
          grant.element("Permission", permission);
        });
      }
    });
  });
}

/** Groups before accounts, as clients have come to expect; otherwise in the order given. */
function groupsFirst(grants: readonly Grant[]): readonly Grant[] {
  const isGroup = ({ grantee }: Grant) => grantee.kind === "group";
  return [...grants.filter(isGroup), ...grants.filter((grant) => !isGroup(grant))];
}

function writeGrantee(
  xml: XmlWriter,
  grantee: Grantee,
  nameOf: (canonicalId: string) => string | undefined,
): void {
  if (grantee.kind === "group") {
    xml.typedGroup("Grantee", "Group", (entry) => entry.element("URI", GROUP_URIS[grantee.group]));
    return;
  }
  xml.typedGroup("Grantee", "CanonicalUser", (entry) => {
    entry.element("ID", grantee.canonicalId);
    entry.optional("DisplayName", nameOf(grantee.canonicalId));
  });
}

/** The list lets in callers without keys, or whoever has any. */
export function isPublicAcl({ grants }: Pick<AccessControlList, "grants">): boolean {
  return grants.some(({ grantee }) => grantee.kind === "group" && grantee.group !== "log-delivery");
}
