import { test } from "tap";
import { parsePolicy } from "../../../../src/iam/policy/parse-policy.ts";
import { isPublicPolicy } from "../../../../src/iam/policy/policy-status.ts";

function isPublic(...statements: readonly object[]): boolean {
  const Statement = statements.map((statement) => ({
    Effect: "Allow",
    Action: "s3:GetObject",
    Resource: "arn:aws:s3:::photos/*",
    ...statement,
  }));
  const text = JSON.stringify({ Version: "2012-10-17", Statement });
  return isPublicPolicy(parsePolicy(text, { kind: "bucket", bucket: "photos" }));
}

const ALICE = { AWS: "arn:aws:iam::123456789012:user/alice" };
const everyone = (Condition?: object): object => ({
  Principal: "*",
  ...(Condition && { Condition }),
});

test("isPublicPolicy: fixed principals are not the public", async (t) => {
  t.notOk(isPublic({ Principal: ALICE }));
  t.notOk(isPublic({ Principal: { AWS: ["123456789012", "210987654321"] } }));
  t.notOk(isPublic({ Principal: { Service: "logging.s3.amazonaws.com" } }));
  t.ok(isPublic(everyone()));
  t.ok(isPublic({ Principal: { AWS: "*" } }));
  t.ok(isPublic({ Principal: ALICE }, everyone()), "one statement is enough");
  t.notOk(isPublic({ Principal: ALICE }, { Principal: "*", Effect: "Deny" }));
});

test("isPublicPolicy: a condition counts only when it binds to what strangers cannot choose", async (t) => {
  const closed: readonly object[] = [
    { StringEquals: { "aws:SourceVpce": "vpce-1" } },
    { StringEquals: { "aws:PrincipalOrgID": ["o-1", "o-2"] } },
    { ArnLike: { "aws:SourceArn": "arn:aws:s3:::a" } },
    { StringLike: { "aws:userid": "AIDA1" } },
    { IpAddress: { "aws:SourceIp": "192.0.2.0/24" } },
    { IpAddress: { "aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"] } },
    { StringEquals: { "aws:SourceVpc": "vpc-1" }, StringLike: { "s3:prefix": "*" } },
  ];
  for (const one of closed) t.notOk(isPublic(everyone(one)), JSON.stringify(one));
  const open: readonly object[] = [
    { StringLike: { "aws:SourceVpce": "vpce-*" } },
    { StringEquals: { "aws:SourceVpce": "${aws:username}" } },
    { StringEqualsIfExists: { "aws:SourceVpce": "vpce-1" } },
    { StringNotEquals: { "aws:SourceVpce": "vpce-1" } },
    { "ForAllValues:StringEquals": { "aws:SourceVpce": "vpce-1" } },
    { StringEquals: { "aws:PrincipalOrgID": ["o-1", "*o"] } },
    { StringEquals: { "aws:UserAgent": "curl" } },
    { StringEquals: { "aws:Referer": "https://example.com/" } },
    { StringEquals: { "s3:prefix": "a" } },
    { Bool: { "aws:SecureTransport": "true" } },
    { IpAddress: { "aws:SourceIp": "0.0.0.0/0" } },
    { IpAddress: { "aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/1"] } },
    { IpAddress: { "aws:SourceIp": "10.0.0.0/7" } },
    { IpAddress: { "aws:SourceIp": "2001::/31" } },
    { NotIpAddress: { "aws:SourceIp": "192.0.2.0/24" } },
    { IpAddressIfExists: { "aws:SourceIp": "192.0.2.0/24" } },
    { DateLessThan: { "aws:CurrentTime": "2030-01-01" } },
  ];
  for (const one of open) {
    // A wildcard in an operator that takes none is an ordinary character, but not a fixed value.
    t.ok(isPublic(everyone(one)), JSON.stringify(one));
  }
});
