import fc from "fast-check";
import { test } from "tap";
import { evaluatePolicy, type PolicyVerdict } from "../../../../src/iam/policy/evaluate-policy.ts";
import { parsePolicy } from "../../../../src/iam/policy/parse-policy.ts";
import {
  type ObviousCaller,
  obviouslyAllowed,
  type RawStatement,
} from "../../../support/iam/obvious-decision.ts";
import { valuesOf } from "../../../support/iam/values.ts";

const ALICE: Omit<ObviousCaller, "own"> = {
  account: "000000000001",
  canonicalId: "a".repeat(64),
  arn: "arn:aws:iam::000000000001:user/alice",
  root: false,
  operator: false,
  boundaries: [],
};
const CALLER = {
  kind: "signed",
  accountId: ALICE.account,
  canonicalId: ALICE.canonicalId,
  arns: [ALICE.arn],
  accountRoot: false,
} as const;

interface Asked {
  readonly action: string;
  readonly resource: string;
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** Whether one statement applies, as the slow twin sees it. */
function obviouslyApplies(statement: RawStatement, asked: Asked): boolean {
  const all = { Effect: "Allow", Action: "*", Resource: "*" } as const;
  const Statement = statement.Effect === "Allow" ? [statement] : [all, statement];
  const own = [{ Version: "2012-10-17" as const, Statement }];
  const allowed = obviouslyAllowed({ caller: { ...ALICE, own }, ...asked });
  return allowed === (statement.Effect === "Allow");
}

/** The first Deny that applies, else the first Allow. */
function obviousVerdict(statements: readonly RawStatement[], asked: Asked): string {
  const applying = [...statements.entries()].filter(([, one]) => obviouslyApplies(one, asked));
  const decided = applying.find(([, { Effect }]) => Effect === "Deny") ?? applying[0];
  return decided === undefined ? "none" : `${decided[1].Effect} ${decided[0]}`;
}

function shown(verdict: PolicyVerdict): string {
  return verdict.kind === "none"
    ? "none"
    : `${verdict.statement.effect} ${verdict.statement.index}`;
}

const piece = fc.constantFrom("a", "b", "ab", "/", "/", "*", "?", "${aws:username}");
const pattern = fc
  .array(piece, { minLength: 1, maxLength: 6 })
  .map((pieces) => `arn:aws:s3:::${pieces.join("")}`);
const patterns = fc.array(fc.oneof({ weight: 6, arbitrary: pattern }, fc.constant("*")), {
  minLength: 1,
  maxLength: 3,
});
const actions = fc.subarray(["s3:GetObject", "s3:Get*", "s3:PutObject", "*"], { minLength: 1 });
const statement: fc.Arbitrary<RawStatement> = fc
  .tuple(fc.constantFrom("Allow", "Deny"), actions, patterns, fc.boolean(), fc.boolean())
  .map(([Effect, named, resources, notActions, notResources]) => ({
    Effect,
    ...(notActions ? { NotAction: named } : { Action: named }),
    ...(notResources ? { NotResource: resources } : { Resource: resources }),
  }));
const asked: fc.Arbitrary<Asked> = fc.record({
  action: fc.constantFrom("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
  resource: fc
    .array(fc.constantFrom("a", "b", "*", "/"), { maxLength: 5 })
    .map((pieces) => `arn:aws:s3:::a${pieces.join("")}`),
  values: fc.constantFrom<Asked["values"]>(
    {},
    { "aws:username": ["a"] },
    { "aws:username": ["*"] },
  ),
});

test("evaluatePolicy: names the statement that the obvious twin names, asked about many things in turn", async (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(statement, { minLength: 1, maxLength: 5 }),
      fc.array(asked, { minLength: 1, maxLength: 12 }),
      (statements, questions) => {
        const text = JSON.stringify({ Version: "2012-10-17", Statement: statements });
        const policy = parsePolicy(text, { kind: "identity" });
        for (const one of questions) {
          const values = valuesOf(one.values);
          const action = one.action.toLowerCase();
          const request = { caller: CALLER, action, resource: one.resource, values };
          const verdict = shown(evaluatePolicy(policy, request));
          const expected = obviousVerdict(statements, one);
          if (verdict !== expected) throw new Error(`${verdict}, twin: ${expected}`);
          seen.add(verdict);
        }
      },
    ),
    { seed: 6, numRuns: 600 },
  );
  t.ok(seen.size > 8, "several statements decided");
});

test("evaluatePolicy: is right for more buckets than it remembers", async (t) => {
  const Statement = Array.from({ length: 100 }, (_, index) => ({
    Effect: index % 2 === 0 ? "Allow" : "Deny",
    Action: "s3:GetObject",
    Resource: ["arn:aws:s3:::*/open/*", `arn:aws:s3:::bucket-${index}/*`].slice(
      index === 0 ? 0 : 1,
    ),
  }));
  const policy = parsePolicy(JSON.stringify({ Version: "2012-10-17", Statement }), {
    kind: "identity",
  });
  const ask = (resource: string) =>
    evaluatePolicy(policy, {
      caller: CALLER,
      action: "s3:getobject",
      resource: `arn:aws:s3:::${resource}`,
      values: valuesOf({}),
    });
  const verdicts = new Map<string, number>();
  for (let round = 0; round < 9000; round++) {
    const verdict = shown(ask(`bucket-${round % 4500}/open/key`));
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  }
  t.equal(verdicts.get("Allow 0"), 9000 - 100);
  t.equal(verdicts.size, 51);
  t.equal(shown(ask("bucket-4/closed/key")), "Allow 4");
  t.equal(shown(ask("bucket-44")), "none");
});
