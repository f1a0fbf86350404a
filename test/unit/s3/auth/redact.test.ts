import { test } from "tap";
import { HttpHeaders } from "../../../../src/http/headers.ts";
import type { AuthResult } from "../../../../src/s3/auth/auth-result.ts";
import { effectiveHeaders } from "../../../../src/s3/auth/hoisted-headers.ts";
import { redactCanonicalRequest, redactQuery } from "../../../../src/s3/auth/redact.ts";
import { QueryParameters } from "../../../../src/s3/query.ts";

const KEY = "pO3upElrwuEXSoFwCfnZPdSsmt%2FxWeFa0N9KgDijwVs%3D";

test("redactQuery: hides keys and tokens wherever they stand, and nothing else", async (t) => {
  const name = "x-amz-server-side-encryption-customer-key";
  for (const parameter of [name, name.toUpperCase(), `x-amz-copy-source-${name.slice(6)}`]) {
    const query = `a=1&${parameter}=${KEY}&${parameter}-md5=DWyg`;
    t.equal(redactQuery(query), `a=1&${parameter}=[redacted]&${parameter}-md5=DWyg`);
    t.equal(redactQuery(`${parameter}=${KEY}`), `${parameter}=[redacted]`);
  }
  t.equal(redactQuery("X-Amz-Security-Token=abc&b=2"), "X-Amz-Security-Token=[redacted]&b=2");
  t.equal(redactQuery("prefix=customer-key"), "prefix=customer-key");
});

test("redactCanonicalRequest: hides the headers of a customer's key", async (t) => {
  const lines = [
    "GET",
    "/b/k",
    `x-amz-server-side-encryption-customer-key=${KEY}`,
    "host:localhost",
    `x-amz-copy-source-server-side-encryption-customer-key:${KEY}`,
    `x-amz-server-side-encryption-customer-key:${KEY}`,
    "x-amz-server-side-encryption-customer-key-md5:DWyg",
  ];
  const shown = redactCanonicalRequest(lines.join("\n"));
  t.notOk(shown.includes(KEY));
  t.ok(shown.includes("x-amz-server-side-encryption-customer-key-md5:DWyg"));
});

test("effectiveHeaders: a presigned URL cannot carry a customer's key", async (t) => {
  const query = QueryParameters.parse(
    `x-amz-server-side-encryption-customer-key=${KEY}&x-amz-server-side-encryption=AES256`,
  );
  // Only the kind of signature is looked at.
  const auth = { kind: "signed", via: "query" } as unknown as AuthResult;
  const headers = effectiveHeaders(new HttpHeaders([]), query, auth);
  t.equal(headers.get("x-amz-server-side-encryption"), "AES256");
  t.equal(headers.has("x-amz-server-side-encryption-customer-key"), false);
});
