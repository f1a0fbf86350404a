import { test } from "tap";
import { scopeOfAction } from "../../../../src/iam/policy/actions.ts";
import {
  deletionNeeds,
  OPERATION_ACCESS,
  type OperationFacts,
} from "../../../../src/s3/access/operation-access.ts";
import {
  BUCKET_OPERATIONS,
  OBJECT_OPERATIONS,
  type S3Operation,
  SERVICE_OPERATIONS,
} from "../../../../src/s3/s3-operations.ts";

function facts(
  headers: Readonly<Record<string, string>>,
  query: readonly string[] = [],
): OperationFacts {
  return {
    headers: { get: (name) => headers[name], has: (name) => headers[name] !== undefined },
    query: { has: (name) => query.includes(name) },
  };
}

function needs(
  operation: S3Operation,
  headers: Readonly<Record<string, string>> = {},
  query: readonly string[] = [],
): string[] {
  const rule = OPERATION_ACCESS[operation];
  if (rule.kind !== "needs") return [rule.kind];
  return rule.needsOf(facts(headers, query)).map(({ action, on }) => `${action} ${on}`);
}

const ALL: readonly S3Operation[] = [
  ...SERVICE_OPERATIONS,
  ...BUCKET_OPERATIONS,
  ...OBJECT_OPERATIONS,
];
/** Only these may run without a rule of the table, each for its reason. */
const EXCEPTIONS: Readonly<Partial<Record<S3Operation, string>>> = {
  CorsPreflight: "open",
  DeleteObjects: "handler",
  ListBuckets: "handler",
  PostObject: "handler",
};

test("OPERATION_ACCESS: every operation needs at least one action that policies know", async (t) => {
  for (const operation of ALL) {
    const exception = EXCEPTIONS[operation];
    if (exception !== undefined) {
      t.strictSame(needs(operation), [exception]);
      continue;
    }
    for (const query of [[], ["versionId"]]) {
      const found = needs(operation, { "x-amz-copy-source": "b/k" }, query);
      t.ok(found.length > 0, operation);
      for (const need of found) {
        const [action = "", on] = need.split(" ");
        const scope = scopeOfAction(action);
        t.equal(scope, on?.endsWith("source") ? "object" : on, `${operation}: ${need}`);
      }
    }
  }
  const named = new Set(Object.keys(OPERATION_ACCESS));
  t.strictSame([...named].sort(), [...new Set<string>(ALL)].sort());
});

test("OPERATION_ACCESS: reads and writes need nothing of the bucket, and the other way round", async (t) => {
  for (const operation of OBJECT_OPERATIONS) {
    if (operation === "CorsPreflight") continue;
    t.notOk(
      needs(operation).some((need) => need.endsWith(" bucket")),
      operation,
    );
  }
  for (const operation of BUCKET_OPERATIONS) {
    if (EXCEPTIONS[operation] !== undefined) continue;
    t.ok(
      needs(operation).every((need) => need.endsWith(" bucket")),
      operation,
    );
  }
});

test("OPERATION_ACCESS: what a request asks for besides needs permission too", async (t) => {
  const put = "s3:PutObject object";
  const cases: Array<
    [S3Operation, Readonly<Record<string, string>>, readonly string[], readonly string[]]
  > = [
    ["GetObject", {}, [], ["s3:GetObject object"]],
    ["GetObject", {}, ["versionId"], ["s3:GetObjectVersion object"]],
    ["HeadObject", {}, ["versionId"], ["s3:GetObjectVersion object"]],
    ["PutObject", {}, [], [put]],
    ["PutObject", { "x-amz-tagging": "a=b" }, [], [put, "s3:PutObjectTagging new"]],
    ["PutObject", { "x-amz-acl": "public-read" }, [], [put, "s3:PutObjectAcl new"]],
    ["PutObject", { "x-amz-grant-read": "id=x" }, [], [put, "s3:PutObjectAcl new"]],
    ["PutObject", { "if-match": '"x"' }, [], [put, "s3:GetObject object"]],
    [
      "CreateMultipartUpload",
      { "x-amz-object-lock-legal-hold": "ON" },
      [],
      [put, "s3:PutObjectLegalHold object"],
    ],
    [
      "PutObject",
      { "x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-retain-until-date": "x" },
      [],
      [put, "s3:PutObjectRetention object"],
    ],
    ["CopyObject", { "x-amz-copy-source": "b/k" }, [], [put, "s3:GetObject source"]],
    [
      "CopyObject",
      { "x-amz-copy-source": "b/k?versionId=1" },
      [],
      [put, "s3:GetObjectVersion source"],
    ],
    ["UploadPartCopy", { "x-amz-copy-source": "b/k" }, [], [put, "s3:GetObject source"]],
    [
      "RenameObject",
      { "x-amz-rename-source": "k", "x-amz-copy-source": "b/other" },
      [],
      [put, "s3:GetObject rename-source", "s3:DeleteObject rename-source"],
    ],
    ["DeleteObject", {}, [], ["s3:DeleteObject object"]],
    ["DeleteObject", {}, ["versionId"], ["s3:DeleteObjectVersion object"]],
    ["DeleteObject", { "if-match": "*" }, [], ["s3:DeleteObject object"]],
    ["DeleteObject", { "if-match": '"x"' }, [], ["s3:DeleteObject object", "s3:GetObject object"]],
    [
      "DeleteObject",
      { "x-amz-bypass-governance-retention": "True" },
      ["versionId"],
      ["s3:DeleteObjectVersion object", "s3:BypassGovernanceRetention object"],
    ],
    [
      "PutObjectRetention",
      { "x-amz-bypass-governance-retention": "true" },
      [],
      ["s3:PutObjectRetention object", "s3:BypassGovernanceRetention object"],
    ],
    ["GetObjectAttributes", {}, [], ["s3:GetObject object", "s3:GetObjectAttributes object"]],
    [
      "CreateBucket",
      { "x-amz-acl": "private" },
      [],
      ["s3:CreateBucket bucket", "s3:PutBucketAcl bucket"],
    ],
    [
      "DeleteBucket",
      { "x-minio-force-delete": "true" },
      [],
      ["s3:DeleteBucket bucket", "s3:ForceDeleteBucket bucket"],
    ],
  ];
  for (const [operation, headers, query, expected] of cases) {
    t.strictSame(needs(operation, headers, query), expected, operation);
  }
  t.strictSame(
    deletionNeeds({ named: true, ifMatch: "x" }, facts({})).map(({ action }) => action),
    ["s3:DeleteObjectVersion", "s3:GetObjectVersion"],
  );
});
