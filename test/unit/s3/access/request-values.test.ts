import { test } from "tap";
import { HttpHeaders } from "../../../../src/http/headers.ts";
import { ANONYMOUS, type Caller } from "../../../../src/iam/access/caller.ts";
import { isKnownConditionKey } from "../../../../src/iam/policy/condition-keys.ts";
import { type RequestFacts, RequestValues } from "../../../../src/s3/access/request-values.ts";
import { QueryParameters } from "../../../../src/s3/query.ts";

const NOW_MS = 1_790_000_000_000;
const alice: Caller = {
  kind: "signed",
  accountId: "000000000000",
  canonicalId: "a".repeat(64),
  arns: ["arn:aws:iam::000000000000:user/alice"],
  accountRoot: false,
  operator: false,
  userName: "alice",
  userId: "AIDAALICE",
  policies: [],
  boundaries: [],
};

function values(
  headers: readonly string[] = [],
  query = "",
  more: Partial<RequestFacts> = {},
): RequestValues {
  return new RequestValues({
    caller: alice,
    auth: { kind: "signed", via: "header", signatureVersion: 4 },
    connection: { remoteAddress: "192.0.2.1", secure: false },
    headers: new HttpHeaders(headers),
    query: QueryParameters.parse(query),
    nowMs: NOW_MS,
    region: undefined,
    ...more,
  });
}

const COMPUTED: Readonly<Record<string, readonly string[] | undefined>> = {
  "aws:sourceip": ["192.0.2.1"],
  "aws:securetransport": ["false"],
  "aws:currenttime": ["2026-09-21T14:13:20.000Z"],
  "aws:epochtime": ["1790000000"],
  "aws:username": ["alice"],
  "aws:userid": ["AIDAALICE"],
  "aws:principalarn": ["arn:aws:iam::000000000000:user/alice"],
  "aws:principalaccount": ["000000000000"],
  "aws:principaltype": ["User"],
  "s3:authtype": ["REST-HEADER"],
  "s3:signatureversion": ["AWS4-HMAC-SHA256"],
  "s3:prefix": undefined,
  "s3:versionid": undefined,
  "jwt:sub": undefined,
  "ldap:user": undefined,
  "aws:groups": undefined,
  "s3:existingobjecttag/a": undefined,
};

test("RequestValues: no header and no parameter shadows what the server computes", async (t) => {
  const plain = values();
  for (const [key, expected] of Object.entries(COMPUTED))
    t.strictSame(plain.get(key), expected, key);
  const forged = Object.keys(COMPUTED).flatMap((key) => {
    const name = key.slice(key.indexOf(":") + 1);
    return [key, "forged", name, "forged", name.replaceAll(/[a-z]+/g, "x-$&"), "forged"];
  });
  const proxies = [
    "x-forwarded-for",
    "10.0.0.1",
    "x-real-ip",
    "10.0.0.1",
    "forwarded",
    "for=10.0.0.1",
    "x-forwarded-proto",
    "https",
  ];
  const query = Object.keys(COMPUTED)
    .flatMap((key) => [key, key.slice(key.indexOf(":") + 1)])
    .filter((name) => name !== "prefix" && name !== "versionId")
    .map((name) => `${encodeURIComponent(name)}=forged`)
    .join("&");
  const shadowed = values([...forged, ...proxies], query);
  for (const [key, expected] of Object.entries(COMPUTED))
    t.strictSame(shadowed.get(key), expected, key);
});

test("RequestValues: an anonymous caller has no name, and its address is the peer's", async (t) => {
  const anonymous = values(["x-amz-date", "20260921T141320Z"], "", {
    caller: ANONYMOUS,
    auth: { kind: "anonymous" },
  });
  for (const key of [
    "aws:username",
    "aws:principalarn",
    "aws:principalaccount",
    "s3:authtype",
    "s3:signatureversion",
    "s3:signatureage",
  ]) {
    t.equal(anonymous.get(key), undefined, key);
  }
  t.strictSame(anonymous.get("aws:principaltype"), ["Anonymous"]);
  t.strictSame(anonymous.get("aws:userid"), ["anonymous"]);
});

test("RequestValues: what a request may say itself comes from one place", async (t) => {
  const headers = [
    "user-agent",
    "agent",
    "referer",
    "https://example.com/",
    "x-amz-acl",
    "private",
    "x-amz-storage-class",
    "STANDARD",
    "x-amz-copy-source",
    "b/a%20k?versionId=7",
    "x-amz-tagging",
    "class=secret&team=red+one&empty",
    "x-amz-date",
    "20260921T141300Z",
    "x-amz-object-lock-mode",
    "GOVERNANCE",
    "x-amz-object-lock-retain-until-date",
    "2026-09-22T14:13:21Z",
  ];
  const found = values(headers, "prefix=a%2F&delimiter=%2F&max-keys=7&versionId=v");
  const expected: Readonly<Record<string, readonly string[] | undefined>> = {
    "aws:useragent": ["agent"],
    "aws:referer": ["https://example.com/"],
    "s3:x-amz-acl": ["private"],
    "s3:x-amz-storage-class": ["STANDARD"],
    "s3:x-amz-copy-source": ["b/a k", "/b/a k"],
    "s3:requestobjecttagkeys": ["class", "team", "empty"],
    "s3:requestobjecttag/class": ["secret"],
    "s3:requestobjecttag/team": ["red one"],
    "s3:requestobjecttag/empty": [""],
    "s3:requestobjecttag/Class": undefined,
    "s3:prefix": ["a/"],
    "s3:delimiter": ["/"],
    "s3:max-keys": ["7"],
    "s3:versionid": ["v"],
    "s3:signatureage": ["20000"],
    "s3:object-lock-mode": ["GOVERNANCE"],
    "s3:object-lock-remaining-retention-days": ["2"],
  };
  for (const [key, wanted] of Object.entries(expected)) t.strictSame(found.get(key), wanted, key);
  const presigned = values([], "X-Amz-Date=20260921T140000Z", {
    auth: { kind: "signed", via: "query", signatureVersion: 4 },
  });
  t.strictSame(presigned.get("s3:authtype"), ["REST-QUERY-STRING"]);
  t.strictSame(presigned.get("s3:signatureage"), ["800000"]);
  const older = values([], "", { auth: { kind: "signed", via: "query", signatureVersion: 2 } });
  t.strictSame(presigned.get("s3:signatureversion"), ["AWS4-HMAC-SHA256"]);
  t.strictSame(older.get("s3:signatureversion"), ["AWS"], "as AWS calls Version 2");
});

test("RequestValues: computes only keys that policies may name", async (t) => {
  for (const key of Object.keys(COMPUTED)) t.ok(isKnownConditionKey(key), key);
  const found = values().with(new Map([["s3:existingobjecttag/a", ["b"]]]));
  t.strictSame(found.get("s3:existingobjecttag/a"), ["b"]);
  t.strictSame(found.get("aws:username"), ["alice"]);
  // What the body says is not completed from a header.
  const tagged = values(["x-amz-tagging", "class=public"]);
  const body = tagged.with(new Map([["s3:requestobjecttagkeys", []]]), [
    "s3:requestobjecttag/",
    "s3:requestobjecttagkeys",
  ]);
  t.strictSame(tagged.get("s3:requestobjecttag/class"), ["public"]);
  t.equal(body.get("s3:requestobjecttag/class"), undefined);
  t.strictSame(body.get("s3:requestobjecttagkeys"), []);
});
