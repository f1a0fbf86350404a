import fc from "fast-check";
import { test } from "tap";
import { NO_VALUES } from "../../../../src/iam/policy/condition-values.ts";
import { evaluatePolicy } from "../../../../src/iam/policy/evaluate-policy.ts";
import {
  EMBEDDED_POLICY_BYTES_MAX,
  POLICY_BYTES_MAX,
  POLICY_DEPTH_MAX,
  POLICY_STATEMENTS_MAX,
  type PolicyKind,
  parsePolicy,
  SESSION_POLICY_BYTES_MAX,
} from "../../../../src/iam/policy/parse-policy.ts";
import { PolicyError } from "../../../../src/iam/policy/policy-error.ts";

const IDENTITY: PolicyKind = { kind: "identity" };
const BUCKET: PolicyKind = { kind: "bucket", bucket: "photos" };

const STATEMENT = { Effect: "Allow", Action: "s3:GetObject", Resource: "arn:aws:s3:::photos/*" };
const BUCKET_STATEMENT = { ...STATEMENT, Principal: "*" };

function document(statement: unknown, more: object = {}): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: statement, ...more });
}

function refusal(text: string, kind: PolicyKind): string {
  try {
    parsePolicy(text, kind);
  } catch (error) {
    if (error instanceof PolicyError) return error.message;
    throw error;
  }
  return "accepted";
}

test("parsePolicy: reads what the grammar allows", async (t) => {
  const policy = parsePolicy(
    document([
      { ...STATEMENT, Sid: "read", Action: ["s3:GetObject", "s3:List*"] },
      {
        Effect: "Deny",
        NotAction: "s3:GetObject",
        NotResource: "arn:aws:s3:::photos/${aws:username}/*",
        Condition: { Bool: { "aws:SecureTransport": false } },
      },
    ]),
    IDENTITY,
  );
  t.equal(policy.version, "2012-10-17");
  t.strictSame(
    policy.statements.map(({ sid, effect, index }) => ({ sid, effect, index })),
    [
      { sid: "read", effect: "Allow", index: 0 },
      { sid: undefined, effect: "Deny", index: 1 },
    ],
  );
  t.strictSame([...policy.keys].sort(), ["aws:securetransport", "aws:username"]);
});

test("parsePolicy: accepts every form that clients send", async (t) => {
  const accepted: Array<[string, PolicyKind]> = [
    [document(STATEMENT), IDENTITY],
    [JSON.stringify({ Statement: [STATEMENT] }), IDENTITY],
    [document(STATEMENT, { Id: "x" }), IDENTITY],
    [document(STATEMENT, { ID: "x" }), IDENTITY],
    [document({ Effect: "Allow", Action: "admin:*" }), IDENTITY],
    [document({ Effect: "Allow", Action: "*", Resource: "*" }), IDENTITY],
    [document({ ...STATEMENT, Action: "S3:getobject" }), IDENTITY],
    [document({ Effect: "Allow", Action: ["admin:*"], Resource: ["arn:aws:s3:::*"] }), IDENTITY],
    [
      document({ Effect: "Allow", Action: "kms:CreateKey", Resource: "arn:minio:kms:::k*" }),
      IDENTITY,
    ],
    [document(BUCKET_STATEMENT), BUCKET],
    [document({ ...BUCKET_STATEMENT, Principal: { AWS: ["*"] } }), BUCKET],
    [document({ ...BUCKET_STATEMENT, Principal: { AWS: "123456789012" } }), BUCKET],
    [document({ ...BUCKET_STATEMENT, Principal: { CanonicalUser: "a".repeat(64) } }), BUCKET],
    [document({ ...BUCKET_STATEMENT, Principal: { Service: "logging.s3.amazonaws.com" } }), BUCKET],
    [document({ ...BUCKET_STATEMENT, Resource: ["arn:aws:s3:::*", "arn:aws:s3:::*/*"] }), BUCKET],
    [document({ ...BUCKET_STATEMENT, Resource: "arn:aws:s3:::photos*" }), BUCKET],
    [
      document({
        ...BUCKET_STATEMENT,
        Action: ["s3:ListBucket", "s3:GetObject"],
        Resource: ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"],
      }),
      BUCKET,
    ],
  ];
  for (const [text, kind] of accepted) t.equal(refusal(text, kind), "accepted", text);
});

/** The whole document, or a change to the good statement, and what is said about it. */
const REFUSED_DOCUMENTS: ReadonlyArray<readonly [string, string]> = [
  ["", "Policies must be valid JSON and the first byte must be '{'"],
  ["[]", "Policies must be valid JSON and the first byte must be '{'"],
  ["<Policy/>", "Policies must be valid JSON and the first byte must be '{'"],
  ["{", "This policy contains invalid Json: unexpected text at its end"],
  ['{"Statement":[]} x', "This policy contains invalid Json: unexpected text at character 18"],
  ['{"Statement":[],}', "This policy contains invalid Json: unexpected text at character 17"],
  ["{'Statement':[]}", "This policy contains invalid Json: unexpected text at character 2"],
  ['{"Statement":[01]}', "This policy contains invalid Json: unexpected text at character 15"],
  ['{"Statement":"\\x"}', "This policy contains invalid Json: unexpected text at character 14"],
  ['{"Statement":"a\nb"}', "This policy contains invalid Json: unexpected text at character 14"],
  ["{}", "Missing required field Statement"],
  ['{"Version":"2012-10-17"}', "Missing required field Statement"],
  ['{"Statement":[]}', "Could not parse the policy: Statement is empty!"],
  ['{"Statement":["x"]}', "Statement must be an object"],
  ['{"Statement":null}', "Statement must be an object"],
  [
    document(STATEMENT, { Version: "2013-10-17" }),
    "The policy must contain a valid version string",
  ],
  [document(STATEMENT, { Version: 1 }), "The policy must contain a valid version string"],
  [document(STATEMENT, { Extra: 1 }), "Unknown field Extra"],
  [document(STATEMENT, { Id: 3 }), "The field Id must be a text"],
  [document(STATEMENT, { statement: [] }), "Unknown field statement"],
  ['{"Statement":[],"Statement":[]}', 'Policy document has the key "Statement" twice'],
  [
    '{"Statement":{"Effect":"Deny","Effect":"Allow"}}',
    'Policy document has the key "Effect" twice',
  ],
];

test("parsePolicy: says precisely what is wrong with a document", async (t) => {
  for (const [text, message] of REFUSED_DOCUMENTS) t.equal(refusal(text, IDENTITY), message, text);
});

const REFUSED_STATEMENTS: ReadonlyArray<readonly [object, string]> = [
  [{ Effect: undefined }, "Missing required field Effect"],
  [{ Effect: "allow" }, "Invalid effect : allow"],
  [{ Effect: ["Allow"] }, "Invalid effect : not a text"],
  [{ Action: undefined }, "Missing required field Action"],
  [{ Action: [] }, "Policy has invalid action - an empty list"],
  [{ Action: "" }, "Policy has invalid action - not a text"],
  [{ Action: [1] }, "Policy has invalid action - not a text"],
  [{ Action: "s3:GetObjekt" }, "Policy has invalid action - s3:GetObjekt"],
  [{ Action: "GetObject" }, "Policy has invalid action - GetObject"],
  [{ Action: "ec2:RunInstances" }, "Policy has invalid action - ec2:RunInstances"],
  [{ NotAction: "s3:PutObject" }, "Statement has both Action and NotAction"],
  [{ Resource: undefined }, "Missing required field Resource"],
  [{ Resource: [] }, "Policy has invalid resource - an empty list"],
  [{ Resource: {} }, "Policy has invalid resource - not a text"],
  [{ Resource: "photos/*" }, "Policy has invalid resource - photos/*"],
  [{ Resource: "arn:aws:s3::photos/*" }, "Policy has invalid resource - arn:aws:s3::photos/*"],
  [{ NotResource: "*" }, "Statement has both Resource and NotResource"],
  [
    { Resource: "arn:aws:s3:::a/${aws:username" },
    'Policy variable is not closed in "arn:aws:s3:::a/${aws:username"',
  ],
  [{ Resource: "arn:aws:s3:::a/${}" }, 'Policy variable "${}" is not valid'],
  [{ Resource: "arn:aws:s3:::a/${user}" }, 'Policy variable "${user}" is not valid'],
  [
    { Resource: "arn:aws:s3:::a/${aws:usrname}" },
    "Policy has an invalid policy variable - ${aws:usrname}",
  ],
  [{ Sid: 1 }, "The field Sid must be a text"],
  [{ Sids: "x" }, "Unknown field Sids"],
  [{ Condition: [] }, "Condition must be an object"],
  [
    { Condition: { StringEquals: "x" } },
    "The condition operator StringEquals must hold an object of keys",
  ],
  [{ Condition: { stringEquals: {} } }, "Invalid Condition type : stringEquals"],
  [{ Condition: { NullIfExists: {} } }, "Invalid Condition type : NullIfExists"],
  [{ Condition: { "ForAllValues:Null": {} } }, "Invalid Condition type : ForAllValues:Null"],
  [
    { Condition: { "ForSomeValues:StringEquals": {} } },
    "Invalid Condition type : ForSomeValues:StringEquals",
  ],
  [
    { Condition: { StringEquals: { "s3:prefixx": "a" } } },
    "Policy has an invalid condition key - s3:prefixx",
  ],
  [
    { Condition: { StringEquals: { "s3:ExistingObjectTag/": "a" } } },
    "Policy has an invalid condition key - s3:ExistingObjectTag/",
  ],
  [
    { Condition: { StringEquals: { "s3:prefix": "a", "S3:Prefix": "b" } } },
    "The condition key S3:Prefix is there twice",
  ],
  [
    { Condition: { StringEquals: { "s3:prefix": [] } } },
    "The condition key s3:prefix has no value",
  ],
  [
    { Condition: { StringEquals: { "s3:prefix": [null] } } },
    "The condition key s3:prefix has a value that is no text",
  ],
  [
    { Condition: { NumericLessThan: { "s3:max-keys": "ten" } } },
    'Invalid value in a condition: "ten" is no number',
  ],
  [
    { Condition: { DateLessThan: { "aws:CurrentTime": "2026-02-30" } } },
    'Invalid value in a condition: "2026-02-30" is no date',
  ],
  [
    { Condition: { Bool: { "aws:SecureTransport": "yes" } } },
    'Invalid value in a condition: "yes" is no Boolean',
  ],
  [
    { Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/33" } } },
    'Invalid value in a condition: "10.0.0.0/33" is no IP address or range',
  ],
  [
    { Condition: { BinaryEquals: { "s3:prefix": "a-b" } } },
    'Invalid value in a condition: "a-b" is no base64 text',
  ],
  [
    { Condition: { ArnLike: { "aws:PrincipalArn": "arn:aws:iam" } } },
    'Invalid value in a condition: "arn:aws:iam" is no ARN',
  ],
];

test("parsePolicy: says precisely what is wrong with a statement", async (t) => {
  for (const [change, message] of REFUSED_STATEMENTS) {
    t.equal(refusal(document({ ...STATEMENT, ...change }), IDENTITY), message);
    const lenient = "Resource" in change && change.Resource === undefined;
    if (!lenient) t.equal(refusal(document({ ...BUCKET_STATEMENT, ...change }), BUCKET), message);
  }
});

test("parsePolicy: takes an Allow that can let nobody in, where a Deny like it is refused", async (t) => {
  for (const change of [
    { Action: "s3:ListBucket" },
    { Resource: "arn:aws:s3:::photos" },
    { Resource: undefined },
    { Principal: { AWS: "arn:aws:iam::tenant:root" } },
  ]) {
    const policy = parsePolicy(document({ ...BUCKET_STATEMENT, ...change }), BUCKET);
    const verdict = evaluatePolicy(policy, {
      caller: { kind: "anonymous" },
      action: "s3:listbucket",
      resource: "arn:aws:s3:::photos",
      values: NO_VALUES,
    });
    t.equal(verdict.kind, "none");
  }
});

const REFUSED_BUCKET_STATEMENTS: ReadonlyArray<readonly [object, string]> = [
  [{ Principal: undefined }, "Missing required field Principal"],
  [{ Principal: "me" }, "Invalid principal in policy - me"],
  [{ Principal: {} }, "Invalid principal in policy"],
  [{ Principal: [] }, "Invalid principal in policy"],
  [{ Principal: { AWS: [] } }, "Invalid principal in policy"],
  [{ Principal: { AWS: "alice" } }, "Invalid principal in policy - alice"],
  [
    { Principal: { AWS: "arn:aws:iam::123456789012:user/*" } },
    "Invalid principal in policy - arn:aws:iam::123456789012:user/*",
  ],
  [{ Principal: { Everyone: "*" } }, "Invalid principal in policy - Everyone"],
  [{ Principal: { CanonicalUser: "*" } }, "Invalid principal in policy - *"],
  [{ NotPrincipal: "*" }, "Statement has both Principal and NotPrincipal"],
  [
    { Principal: undefined, NotPrincipal: { AWS: "123456789012" } },
    "Allow with NotPrincipal is not allowed.",
  ],
  [{ Resource: "arn:aws:s3:::other/*" }, "Policy has invalid resource - arn:aws:s3:::other/*"],
  [{ Resource: "arn:aws:s3:::photo/*" }, "Policy has invalid resource - arn:aws:s3:::photo/*"],
  [{ Resource: "arn:minio:kms:::key" }, "Policy has invalid resource - arn:minio:kms:::key"],
  [
    { Effect: "Deny", Action: "s3:ListBucket" },
    "Action does not apply to any resource(s) in statement",
  ],
  [
    { Effect: "Deny", Resource: "arn:aws:s3:::photos" },
    "Action does not apply to any resource(s) in statement",
  ],
  [{ Effect: "Deny", Resource: undefined }, "Missing required field Resource"],
  [
    { Effect: "Deny", Principal: { AWS: "arn:aws:iam::tenant:root" } },
    "Invalid principal in policy - arn:aws:iam::tenant:root",
  ],
  [{ Action: "admin:ServerInfo" }, "Policy has invalid action"],
  [
    { Action: ["s3:GetObject", "admin:ServerInfo"] },
    "Policy has invalid action - admin:ServerInfo",
  ],
];

test("parsePolicy: holds bucket policies to their bucket and identities to none", async (t) => {
  for (const [change, message] of REFUSED_BUCKET_STATEMENTS) {
    t.equal(refusal(document({ ...BUCKET_STATEMENT, ...change }), BUCKET), message);
  }
  const principal = "Policy document should not specify a principal.";
  for (const kind of ["identity", "embedded", "session"] as const) {
    t.equal(refusal(document(BUCKET_STATEMENT), { kind }), principal);
  }
});

test("parsePolicy: keeps its limits", async (t) => {
  const padded = (bytes: number): string => {
    const bare = document(STATEMENT, { Id: "" });
    return document(STATEMENT, { Id: "x".repeat(bytes - bare.length) });
  };
  const limits: Array<[PolicyKind, number]> = [
    [IDENTITY, POLICY_BYTES_MAX],
    [{ kind: "embedded" }, EMBEDDED_POLICY_BYTES_MAX],
    [{ kind: "session" }, SESSION_POLICY_BYTES_MAX],
  ];
  for (const [kind, bytesMax] of limits) {
    t.equal(refusal(padded(bytesMax), kind), "accepted");
    t.equal(
      refusal(padded(bytesMax + 1), kind),
      `Policy document is larger than ${bytesMax} bytes`,
    );
  }
  const small = { Effect: "Deny", Action: "*", Resource: "*" };
  const many = (count: number): string =>
    `{"Statement":${JSON.stringify(Array(count).fill(small))}}`;
  t.ok(Buffer.byteLength(many(POLICY_STATEMENTS_MAX)) > POLICY_BYTES_MAX, "bytes come first");
  const admin = { Effect: "Deny", Action: "*" };
  const terse = JSON.stringify(Array(POLICY_STATEMENTS_MAX + 1).fill(admin)).replaceAll(
    '"Effect":"Deny","Action":"*"',
    "",
  );
  t.equal(
    refusal(`{"Statement":${terse}}`, IDENTITY),
    `A policy has at most ${POLICY_STATEMENTS_MAX} statements`,
  );
  const deep = `{"Statement":${"[".repeat(POLICY_DEPTH_MAX + 1)}`;
  t.equal(refusal(deep, IDENTITY), "Policy document is nested too deeply");
  t.equal(refusal(`{"a":${"[".repeat(20_000)}`, IDENTITY), "Policy document is nested too deeply");
});

test("parsePolicy: any text is either a policy or a PolicyError", async () => {
  const words = fc.constantFrom(
    "Version",
    "Statement",
    "Effect",
    "Allow",
    "Deny",
    "Action",
    "Resource",
    "Principal",
    "*",
    "s3:GetObject",
    "arn:aws:s3:::photos/*",
    "Condition",
    "StringEquals",
    "s3:prefix",
    "${aws:username}",
    "__proto__",
    "constructor",
    "",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 6 }, words, tie("list"), tie("object"), fc.boolean(), fc.integer()),
    list: fc.array(tie("tree"), { maxLength: 4 }),
    object: fc.array(fc.tuple(words, tie("tree")), { maxLength: 5 }).map(Object.fromEntries),
  }));
  const texts = fc.oneof(
    tree.map((value) => JSON.stringify(value)),
    fc
      .string({ unit: fc.constantFrom(...'{}[]",:\\*$ntrue019.-Statement ') })
      .map((text) => `{${text}`),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom<PolicyKind>(IDENTITY, BUCKET), (text, kind) => {
      refusal(text, kind);
    }),
    { numRuns: 2000, seed: 1 },
  );
});

test("readJson: agrees with JSON.parse on everything without repeated keys", async (t) => {
  const { readJson } = await import("../../../../src/iam/policy/json-reader.ts");
  const plain = (value: unknown): unknown => {
    if (value instanceof Map) {
      return [...value].map(([key, item]) => [key, plain(item)]);
    }
    return Array.isArray(value) ? value.map(plain) : value;
  };
  const entries = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(entries);
    if (typeof value !== "object" || value === null) return value;
    return Object.entries(value).map(([key, item]) => [key, entries(item)]);
  };
  fc.assert(
    fc.property(fc.json({ maxDepth: 5 }), fc.nat(4), (text, spaces) => {
      const spaced = JSON.stringify(JSON.parse(text), null, spaces);
      t.strictSame(plain(readJson(spaced, 100)), entries(JSON.parse(spaced)));
    }),
    { numRuns: 300, seed: 2 },
  );
});
