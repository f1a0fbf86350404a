import { test } from "tap";
import { parseConditions } from "../../../../src/iam/policy/conditions.ts";
import type { Effect } from "../../../../src/iam/policy/effect.ts";
import { readJson } from "../../../../src/iam/policy/json-reader.ts";
import { valuesOf } from "../../../support/iam/values.ts";

type Given = Readonly<Record<string, string | readonly string[]>>;

function holds(block: object, given: Given, effect: Effect = "Allow"): boolean {
  const conditions = parseConditions(readJson(JSON.stringify(block), 8), { variables: true });
  return conditions.every((condition) => condition.holds(valuesOf(given), effect));
}

/** Operator, policy values, value that fits, values that do not. */
const OPERATORS: ReadonlyArray<readonly [string, string, unknown, string, readonly string[]]> = [
  ["StringEquals", "s3:prefix", ["a", "b"], "b", ["", "A", "ab", "c"]],
  ["StringEquals", "s3:prefix", "a*", "a*", ["ab"]],
  ["StringNotEquals", "s3:prefix", ["a", "b"], "c", ["a", "b"]],
  ["StringEqualsIgnoreCase", "s3:prefix", "Ab", "aB", ["abc", ""]],
  ["StringNotEqualsIgnoreCase", "s3:prefix", "Ab", "x", ["AB", "ab"]],
  ["StringLike", "s3:prefix", "a?c*", "abcd/e", ["ac", "xabc"]],
  ["StringNotLike", "s3:prefix", "a*", "b", ["a", "ab"]],
  ["NumericEquals", "s3:max-keys", 10, "10.0", ["11", "ten", ""]],
  ["NumericNotEquals", "s3:max-keys", "10", "11", ["10"]],
  ["NumericLessThan", "s3:max-keys", "10", "9.5", ["10", "11", "x"]],
  ["NumericLessThanEquals", "s3:max-keys", "10", "10", ["10.1", ""]],
  ["NumericGreaterThan", "s3:max-keys", "10", "11", ["10", "-11"]],
  ["NumericGreaterThanEquals", "s3:max-keys", "-1", "-1", ["-2"]],
  [
    "DateEquals",
    "aws:CurrentTime",
    "2026-01-31T12:00:00Z",
    "2026-01-31T13:00:00+01:00",
    ["2026-01-31"],
  ],
  ["DateNotEquals", "aws:CurrentTime", "2026-01-31", "2026-02-01", ["2026-01-31T00:00:00.000Z"]],
  ["DateLessThan", "aws:CurrentTime", "2026-01-31", "2026-01-30T23:59:59Z", ["2026-01-31", "soon"]],
  ["DateLessThanEquals", "aws:CurrentTime", "2026-01-31", "2026-01-31", ["2026-01-31T00:00:01Z"]],
  ["DateGreaterThan", "aws:EpochTime", "1700000000", "1700000001", ["1700000000"]],
  ["DateGreaterThanEquals", "aws:EpochTime", "2001-09-09T01:46:40Z", "1000000000", ["999999999"]],
  ["Bool", "aws:SecureTransport", true, "true", ["false", "1", ""]],
  ["Bool", "aws:SecureTransport", "FALSE", "false", ["true"]],
  ["BinaryEquals", "s3:prefix", "YWI=", "YWI=", ["YWM=", "ab"]],
  [
    "IpAddress",
    "aws:SourceIp",
    ["10.0.0.0/8", "2001:db8::/32"],
    "10.9.9.9",
    ["11.0.0.1", "::1", "x"],
  ],
  ["IpAddress", "aws:SourceIp", "10.0.0.0/8", "::ffff:10.1.2.3", ["::10.1.2.3"]],
  ["IpAddress", "aws:SourceIp", "2001:db8::/32", "2001:db8:ffff::1", ["2001:db9::1", "10.0.0.1"]],
  ["IpAddress", "aws:SourceIp", "203.0.113.7", "203.0.113.7", ["203.0.113.8"]],
  ["IpAddress", "aws:SourceIp", "0.0.0.0/0", "203.0.113.7", ["2001:db8::1"]],
  ["NotIpAddress", "aws:SourceIp", "10.0.0.0/8", "11.0.0.1", ["10.0.0.1"]],
  [
    "ArnEquals",
    "aws:PrincipalArn",
    "arn:aws:iam::*:user/a*",
    "arn:aws:iam::1:user/al",
    ["arn:aws:iam::1:role/al", "arn:aws:s3:::user/a"],
  ],
  ["ArnLike", "aws:PrincipalArn", "*", "arn:aws:x:y:z:user/a", ["alice"]],
  [
    "ArnNotEquals",
    "aws:PrincipalArn",
    "arn:aws:iam::1:user/a",
    "arn:aws:iam::1:user/b",
    ["arn:aws:iam::1:user/a"],
  ],
  [
    "ArnNotLike",
    "aws:PrincipalArn",
    "arn:aws:iam::1:user/*",
    "arn:aws:iam::2:user/b",
    ["arn:aws:iam::1:user/b"],
  ],
];

test("Condition: every operator takes what fits and nothing else", async (t) => {
  for (const [operator, key, wanted, fitting, others] of OPERATORS) {
    const block = { [operator]: { [key]: wanted } };
    t.ok(holds(block, { [key]: fitting }), `${operator} ${String(wanted)}: ${fitting}`);
    for (const other of others) {
      t.notOk(holds(block, { [key]: other }), `${operator} ${String(wanted)}: ${other}`);
    }
  }
});

test("Condition: wildcards of an ARN stay in their part", async (t) => {
  const block = { ArnLike: { "aws:PrincipalArn": "arn:aws:iam::*:user/a" } };
  t.ok(holds(block, { "aws:PrincipalArn": "arn:aws:iam::1:user/a" }));
  t.notOk(holds(block, { "aws:PrincipalArn": "arn:aws:iam::1:x:user/a" }));
  const tail = { ArnLike: { "aws:PrincipalArn": "arn:aws:iam::1:*" } };
  t.ok(holds(tail, { "aws:PrincipalArn": "arn:aws:iam::1:user/a:b" }));
  const own = { ArnEquals: { "aws:SourceArn": "arn:aws:iam::1:user/${aws:username}" } };
  t.ok(holds(own, { "aws:SourceArn": "arn:aws:iam::1:user/al", "aws:username": "al" }));
});

test("Condition: a key that is not there", async (t) => {
  const cases: Array<[string, unknown, boolean]> = [
    ["StringEquals", "a", false],
    ["StringNotEquals", "a", true],
    ["StringEqualsIfExists", "a", true],
    ["StringNotEqualsIfExists", "a", true],
    ["NotIpAddress", "10.0.0.1", true],
    ["IpAddressIfExists", "10.0.0.1", true],
    ["BoolIfExists", "true", true],
    ["Bool", "false", false],
    ["NumericLessThan", "1", false],
    ["NumericNotEquals", "1", true],
    ["DateNotEquals", "2026-01-01", true],
    ["DateGreaterThanIfExists", "2026-01-01", true],
    ["ForAnyValue:StringEquals", "a", false],
    ["ForAnyValue:StringNotEquals", "a", false],
    ["ForAnyValue:StringEqualsIfExists", "a", true],
    ["ForAllValues:StringEquals", "a", true],
    ["ForAllValues:StringNotEquals", "a", true],
    ["Null", "true", true],
    ["Null", "false", false],
  ];
  for (const [operator, value, expected] of cases) {
    const block = { [operator]: { "s3:prefix": value } };
    t.equal(holds(block, {}), expected, operator);
    t.equal(holds(block, { "s3:prefix": [] }), expected, `${operator} of an empty list`);
  }
  t.ok(holds({ Null: { "s3:prefix": "false" } }, { "s3:prefix": "" }), "an empty value is there");
});

test("Condition: several values of a key", async (t) => {
  const cases: Array<[string, readonly string[], boolean]> = [
    ["ForAnyValue:StringEquals", ["a", "x"], true],
    ["ForAnyValue:StringEquals", ["x", "y"], false],
    ["ForAnyValue:StringNotEquals", ["a", "b"], false],
    ["ForAnyValue:StringNotEquals", ["a", "x"], true],
    ["ForAllValues:StringEquals", ["a", "b"], true],
    ["ForAllValues:StringEquals", ["a", "x"], false],
    ["ForAllValues:StringNotEquals", ["x", "y"], true],
    ["ForAllValues:StringNotEquals", ["x", "a"], false],
    ["ForAllValues:StringLike", ["a", "b"], true],
    ["StringNotEquals", ["x", "a"], false],
  ];
  for (const [operator, given, expected] of cases) {
    const block = { [operator]: { "s3:RequestObjectTagKeys": ["a", "b"] } };
    t.equal(holds(block, { "s3:RequestObjectTagKeys": given }), expected, `${operator} ${given}`);
  }
});

test("Condition: a variable without a value never widens", async (t) => {
  for (const operator of [
    "StringEquals",
    "StringLike",
    "StringNotEquals",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
  ]) {
    const block = { [operator]: { "s3:prefix": "${jwt:sub}" } };
    const given = { "s3:prefix": "home" };
    t.notOk(holds(block, given, "Allow"), `Allow ${operator}`);
    t.equal(holds(block, given, "Deny"), operator.includes("Not"), `Deny ${operator}`);
  }
  const likes = { StringLike: { "s3:prefix": ["${aws:username}/*", "public/*"] } };
  t.ok(holds(likes, { "s3:prefix": "al/x", "aws:username": "al" }));
  t.notOk(holds(likes, { "s3:prefix": "bo/x", "aws:username": "al" }));
});

test("Condition: all blocks must hold, keys do not distinguish case but tags do", async (t) => {
  const block = {
    StringEquals: { "S3:PREFIX": "a", "s3:ExistingObjectTag/Class": "x" },
    Bool: { "aws:securetransport": "true" },
  };
  const given = {
    "s3:prefix": "a",
    "s3:existingobjecttag/Class": "x",
    "aws:SecureTransport": "true",
  };
  t.ok(holds(block, given));
  t.notOk(holds(block, { ...given, "s3:prefix": "b" }));
  t.notOk(holds(block, { ...given, "aws:SecureTransport": "false" }));
  t.notOk(
    holds(block, {
      "s3:prefix": "a",
      "s3:ExistingObjectTag/class": "x",
      "aws:SecureTransport": "true",
    }),
  );
});
