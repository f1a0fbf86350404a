/**
 * What authorisation costs the front thread for one GET: the decision of the object layer's door, as
 * `dispatch.ts` asks for it. Goal: at most 20 µs (50,000 op/s) with 20 statements, and at most 6 µs
 * (a tenth of a signed GET of 4 KiB) for the root account and for a user with a usual policy.
 */

import type { BucketId } from "../../src/base/ids.ts";
import { silentLogger } from "../../src/base/log.ts";
import { HttpHeaders } from "../../src/http/headers.ts";
import type { SignedCaller } from "../../src/iam/access/caller.ts";
import { parsePolicy } from "../../src/iam/policy/parse-policy.ts";
import type { Bucket } from "../../src/object/contract/object-store.ts";
import { RequestAccess } from "../../src/s3/access/request-access.ts";
import { RequestValues } from "../../src/s3/access/request-values.ts";
import { QueryParameters } from "../../src/s3/query.ts";
import type { Bench, BenchCase, BenchSize } from "../harness.ts";

const BATCHES: Readonly<Record<BenchSize, number>> = { tiny: 4, full: 2000 };
const OWNER = "a".repeat(64);
const NOW_MS = 1_790_000_000_000;

function caller(statements: readonly object[], operator = false): SignedCaller {
  const text = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  const policies = [{ name: "bench", policy: parsePolicy(text, { kind: "identity" }) }];
  return {
    kind: "signed",
    accountId: "000000000000",
    canonicalId: OWNER,
    arns: ["arn:aws:iam::000000000000:user/alice"],
    accountRoot: operator,
    operator,
    userName: "alice",
    userId: "AIDAALICE",
    policies,
    boundaries: [],
  };
}

const READ_WRITE = { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::*" };

/** Every one of them is about GetObject; the last one allows it, and each has to be looked into. */
export function twentyStatements(bucket = "bucket", from = "192.0.2.0/24"): readonly object[] {
  const statements: object[] = [];
  for (let index = 0; index < 19; index++) {
    statements.push({
      Effect: index % 3 === 0 ? "Deny" : "Allow",
      Action: ["s3:Get*", "s3:PutObject"],
      Resource: [
        `arn:aws:s3:::bucket-${index}/*`,
        `arn:aws:s3:::${bucket}/*/\${aws:username}/${index}/*`,
      ],
      Condition: {
        StringLike: { "s3:prefix": [`home/${index}/*`, "${aws:username}/*"] },
        IpAddress: { "aws:SourceIp": ["10.0.0.0/8", `192.0.2.${index}/32`] },
        Bool: { "aws:SecureTransport": "true" },
      },
    });
  }
  return [...statements, { ...READ_WRITE, Condition: { IpAddress: { "aws:SourceIp": from } } }];
}

const HEADERS = new HttpHeaders([
  "host",
  "storage.example.com:9000",
  "x-amz-date",
  "20260921T141320Z",
]);

export const bench: Bench = {
  name: "authorise",
  prepare(size) {
    const batch = BATCHES[size];
    const acl = { version: 1, owner: OWNER, grants: [] };
    const bucket: Bucket = {
      name: "bucket",
      // Any text does for a bucket that is never looked into.
      id: "0".repeat(32) as BucketId,
      createdMs: NOW_MS,
      versioning: "unversioned",
      documents: { acl: JSON.stringify(acl) },
    };
    const store = {
      bucket: () => Promise.resolve(bucket),
      openObject: () => Promise.reject(new Error("not looked up")),
    };
    const ask = (who: SignedCaller): Promise<void> => {
      const query = QueryParameters.empty;
      const values = new RequestValues({
        caller: who,
        auth: { kind: "signed", via: "header", signatureVersion: 4 },
        connection: { remoteAddress: "192.0.2.1", secure: false },
        headers: HEADERS,
        query,
        nowMs: NOW_MS,
        region: undefined,
      });
      const target = { bucket: "bucket", key: "some/key/alice/object-000123.bin" };
      const facts = { headers: HEADERS, query };
      const access = new RequestAccess(
        { caller: who, values, facts, target },
        { store, log: silentLogger },
      );
      return access.authorise("GetObject", () => Promise.resolve(Buffer.alloc(0)));
    };
    const measure = (name: string, who: SignedCaller): BenchCase => ({
      name,
      work: batch,
      async run() {
        for (let count = 0; count < batch; count++) await ask(who);
      },
      check: () => name.slice(0, 8),
    });
    const cases = [
      measure("the root account", caller([READ_WRITE], true)),
      measure("a user with readwrite", caller([READ_WRITE])),
      measure("a user with 20 statements", caller(twentyStatements())),
    ];
    return [{ name: "GetObject", unit: "op/s", cases }];
  },
};
