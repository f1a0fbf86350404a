import { test } from "tap";
import {
  checkFormPolicy,
  FORM_CONDITIONS_MAX,
  fileBounds,
  parseFormPolicy,
} from "../../../../src/s3/form/form-policy.ts";
import { refusal } from "../refusal.ts";

const EXPIRATION = "2030-01-01T00:00:00Z";
const BEFORE = { bucket: "bucket", nowMs: 0 };

function policy(conditions: readonly unknown[], more: object = {}) {
  const text = JSON.stringify({ expiration: EXPIRATION, conditions, ...more });
  return parseFormPolicy(Buffer.from(text).toString("base64"));
}

function verdict(
  conditions: readonly unknown[],
  fields: Readonly<Record<string, string>>,
  place = BEFORE,
): string {
  try {
    checkFormPolicy(policy(conditions), new Map(Object.entries(fields)), place);
    return "met";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
}

test("parseFormPolicy: refuses whatever it does not understand", async (t) => {
  const codeOf = (value: unknown) =>
    refusal(() => parseFormPolicy(Buffer.from(JSON.stringify(value)).toString("base64"))).code;
  for (const bad of [
    null,
    [],
    {},
    { expiration: EXPIRATION },
    { conditions: [] },
    { EXPIRATION, conditions: [] },
    { expiration: "soon", conditions: [] },
    { expiration: EXPIRATION, conditions: {} },
    { expiration: EXPIRATION, conditions: [{}] },
    { expiration: EXPIRATION, conditions: [{ key: 1 }] },
    { expiration: EXPIRATION, conditions: [["eq", "key", "a"]] },
    { expiration: EXPIRATION, conditions: [["ends-with", "$key", "a"]] },
    { expiration: EXPIRATION, conditions: [["eq", "$key"]] },
    { expiration: EXPIRATION, conditions: [["content-length-range", 0]] },
    { expiration: EXPIRATION, conditions: [["content-length-range", -1, 5]] },
    { expiration: EXPIRATION, conditions: Array(FORM_CONDITIONS_MAX + 1).fill({ key: "a" }) },
  ]) {
    t.equal(codeOf(bad), "InvalidPolicyDocument", JSON.stringify(bad).slice(0, 60));
  }
  t.equal(refusal(() => parseFormPolicy("!")).code, "InvalidPolicyDocument");
});

test("checkFormPolicy: every condition is met and every field covered, or nothing goes", async (t) => {
  const conditions = [{ bucket: "bucket" }, ["starts-with", "$Key", "user/"], { acl: "private" }];
  const fields = { key: "user/a", acl: "private" };
  t.equal(verdict(conditions, fields), "met");
  t.match(verdict(conditions, fields, { bucket: "other", nowMs: 0 }), /Condition failed/);
  t.match(verdict(conditions, { ...fields, key: "b" }), /Condition failed/);
  t.match(verdict(conditions, { key: "user/a" }), /Condition failed/);
  t.match(verdict(conditions, { ...fields, "x-amz-meta-a": "1" }), /Extra input fields/);
  t.equal(verdict(conditions, { ...fields, "x-ignore-a": "1", signature: "s" }), "met");
  t.match(verdict(conditions, { ...fields, "x-amz-date": "now" }), /Extra input fields/);
  t.match(verdict(conditions, fields, { bucket: "bucket", nowMs: Date.UTC(2031, 0) }), /expired/);
});

test("checkFormPolicy: names and operators in any case, values exactly", async (t) => {
  t.equal(verdict([["StArTs-WiTh", "$KEY", "a"]], { key: "abc" }), "met");
  t.match(verdict([["eq", "$key", "ABC"]], { key: "abc" }), /Condition failed/);
  t.equal(
    verdict([["starts-with", "$content-type", "image/"]], { "content-type": "image/a,image/b" }),
    "met",
  );
  t.match(
    verdict([["starts-with", "$content-type", "image/"]], { "content-type": "image/a,text/b" }),
    /Condition failed/,
  );
});

test("fileBounds: the narrowest range of all conditions", async (t) => {
  t.strictSame(fileBounds(policy([])), { minimum: 0, maximum: Number.POSITIVE_INFINITY });
  const two = [
    ["content-length-range", 1, 100],
    ["content-length-range", "5", "50"],
  ];
  t.strictSame(fileBounds(policy(two)), { minimum: 5, maximum: 50 });
});
