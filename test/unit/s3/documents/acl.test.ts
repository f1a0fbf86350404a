import { test } from "tap";
import {
  ACL_GRANTS_MAX,
  CANNED_ACLS,
  cannedAcl,
  isPublicAcl,
  parseAcl,
  parseCannedAcl,
  parseGrantHeaders,
  renderAcl,
} from "../../../../src/s3/documents/acl.ts";
import { refusal } from "../refusal.ts";

const ALICE = "a".repeat(64);
const BOB = "b".repeat(64);

test("parseAcl: what is rendered of every canned list is parsed back", async (t) => {
  for (const name of CANNED_ACLS) {
    const acl = cannedAcl(name, ALICE, BOB);
    const back = parseAcl(Buffer.from(renderAcl(acl, () => "somebody")));
    t.strictSame(back, { ownerId: ALICE, grants: acl.grants }, name);
  }
});

test("parseAcl: refuses documents that are none, as S3 calls them", async (t) => {
  const grant = (grantee: string, permission = "READ") =>
    `<Grant><Grantee>${grantee}</Grantee><Permission>${permission}</Permission></Grant>`;
  const codeOf = (inner: string) =>
    refusal(() =>
      parseAcl(
        Buffer.from(
          `<AccessControlPolicy><AccessControlList>${inner}</AccessControlList></AccessControlPolicy>`,
        ),
      ),
    ).code;
  t.equal(codeOf(grant("")), "MalformedACLError");
  t.equal(codeOf(grant("<ID>x</ID>", "ALL")), "MalformedACLError");
  t.equal(codeOf(grant("<URI>http://example.com/group</URI>")), "InvalidArgument");
  t.equal(codeOf(grant("<ID>x</ID>").repeat(ACL_GRANTS_MAX + 1)), "MalformedACLError");
  t.equal(refusal(() => parseAcl(Buffer.from("<AccessControlPolicy/>"))).code, "MalformedACLError");
  t.equal(refusal(() => parseAcl(Buffer.from("no xml"))).code, "MalformedACLError");
});

test("cannedAcl: the owner always keeps full control; only what says public is public", async (t) => {
  const open = CANNED_ACLS.filter((name) => isPublicAcl(cannedAcl(name, ALICE, BOB)));
  t.strictSame(open, ["public-read", "public-read-write", "authenticated-read"]);
  for (const name of CANNED_ACLS) {
    const { grants } = cannedAcl(name, ALICE, BOB);
    t.ok(
      grants.some(
        ({ grantee, permission }) =>
          permission === "FULL_CONTROL" &&
          grantee.kind === "account" &&
          grantee.canonicalId === ALICE,
      ),
      name,
    );
  }
  t.equal(refusal(() => parseCannedAcl("everybody")).code, "InvalidArgument");
});

test("parseGrantHeaders: ids, groups and addresses, with and without quotes", async (t) => {
  const headers = new Map([
    ["x-amz-grant-read", `id="${ALICE}", emailAddress="bob@example.com"`],
    ["x-amz-grant-write-acp", "uri=http://acs.amazonaws.com/groups/global/AllUsers"],
  ]);
  t.strictSame(parseGrantHeaders(headers), [
    { grantee: { kind: "account", canonicalId: ALICE }, permission: "READ" },
    { grantee: { kind: "email", address: "bob@example.com" }, permission: "READ" },
    { grantee: { kind: "group", group: "all-users" }, permission: "WRITE_ACP" },
  ]);
  const broken = new Map([["x-amz-grant-read", "name=alice"]]);
  t.equal(refusal(() => parseGrantHeaders(broken)).code, "InvalidArgument");
  t.strictSame(parseGrantHeaders(new Map()), []);
});
