import { createHash } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { PRESIGNED_SECONDS_MAX } from "../../../../src/s3/auth/query-auth.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";
import { refusal } from "../refusal.ts";
import {
  authenticator,
  EMPTY_HASH,
  EXAMPLE,
  EXAMPLE_TIME_MS,
  type HeaderFields,
  PLAIN_HEADERS,
  request,
  sign,
  signText,
} from "./signed-requests.ts";

const SCOPE = "20130524/us-east-1/s3/aws4_request";
const HOST = { host: "examplebucket.s3.amazonaws.com" };

interface PresignInput {
  /** Parameters that replace or join the usual ones; undefined leaves one out. */
  readonly parameters?: Readonly<Record<string, string | undefined>>;
  readonly headers?: HeaderFields;
  readonly signedHeaders?: readonly string[];
  readonly payloadHash?: string;
  readonly secretKey?: string;
  /** Appended to the URL after signing. */
  readonly extra?: string;
}

/** A presigned GET /key as a client makes it, from the specification. */
function presign(input: PresignInput = {}) {
  const headers = input.headers ?? HOST;
  const signedHeaders = input.signedHeaders ?? Object.keys(headers).sort();
  const parameters: Record<string, string | undefined> = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${EXAMPLE.accessKey}/${SCOPE}`,
    "X-Amz-Date": "20130524T000000Z",
    "X-Amz-Expires": "3600",
    "X-Amz-SignedHeaders": signedHeaders.join(";"),
    ...input.parameters,
  };
  const plain = request("GET /key", headers);
  const query = Object.entries(parameters)
    .filter(([name, value]) => value !== undefined && name !== "X-Amz-Signature")
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value ?? "")}`)
    .sort()
    .join("&");
  const canonical = [
    "GET",
    "/key",
    query,
    ...signedHeaders.map((name) => `${name}:${plain.headers.get(name) ?? ""}`),
    "",
    signedHeaders.join(";"),
    input.payloadHash ?? "UNSIGNED-PAYLOAD",
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const text = `AWS4-HMAC-SHA256\n${parameters["X-Amz-Date"]}\n${SCOPE}\n${digest}`;
  const computed = signText(input.secretKey ?? EXAMPLE.secretKey, SCOPE, text);
  const signature = "X-Amz-Signature" in parameters ? parameters["X-Amz-Signature"] : computed;
  const tail = signature === undefined ? "" : `&X-Amz-Signature=${signature}`;
  return request(`GET /key?${query}${tail}${input.extra ?? ""}`, headers);
}

function refused(input: PresignInput, settings = {}): S3Error {
  return refusal(() => authenticator(settings).authenticate(presign(input)));
}

test("Authenticator: accepts presigned requests", async (t) => {
  t.match(authenticator().authenticate(presign()), {
    kind: "signed",
    via: "query",
    accessKey: EXAMPLE.accessKey,
    identity: "example",
    payload: { kind: "unsigned" },
  });
  for (const parameters of [
    { "response-content-type": "text/plain", versionId: "a b+c" },
    { "X-Amz-Expires": "1" },
    { "X-Amz-Expires": String(PRESIGNED_SECONDS_MAX) },
    { "x-amz-meta-hoisted": "ü" },
  ]) {
    t.equal(authenticator().authenticate(presign({ parameters })).kind, "signed");
  }
});

test("Authenticator: a presigned payload hash counts where it is signed", async (t) => {
  const other = "1".repeat(64);
  const parameter = { parameters: { "X-Amz-Content-Sha256": other }, payloadHash: other };
  const digest = { kind: "digest", sha256: other };
  t.match(authenticator().authenticate(presign(parameter)).payload, digest);
  const header = { headers: { ...HOST, "x-amz-content-sha256": other }, payloadHash: other };
  t.match(authenticator().authenticate(presign(header)).payload, digest);
  // Not signed: the signature is over UNSIGNED-PAYLOAD, and the body is held to the digest too.
  const unsigned = { headers: { ...HOST, "x-amz-content-sha256": other }, signedHeaders: ["host"] };
  t.match(authenticator().authenticate(presign(unsigned)).payload, digest);
  t.equal(
    refused({ parameters: { "X-Amz-Content-Sha256": other }, payloadHash: EMPTY_HASH }).code,
    "SignatureDoesNotMatch",
  );
});

test("Authenticator: presigned bodies may be chunked without signatures, never with", async (t) => {
  const chunked = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const signed = { headers: { ...HOST, "x-amz-content-sha256": chunked }, payloadHash: chunked };
  t.match(authenticator().authenticate(presign(signed)).payload, { kind: "chunked-unsigned" });
  const loose = { headers: { ...HOST, "x-amz-content-sha256": chunked }, signedHeaders: ["host"] };
  t.match(authenticator().authenticate(presign(loose)).payload, { kind: "chunked-unsigned" });
  for (const mode of [
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  ]) {
    const header = { headers: { ...HOST, "x-amz-content-sha256": mode }, payloadHash: mode };
    t.equal(refused(header).code, "InvalidRequest");
    const parameter = { parameters: { "X-Amz-Content-Sha256": mode }, payloadHash: mode };
    t.equal(refused(parameter).code, "InvalidRequest");
  }
});

for (const [title, parameters, message] of [
  ["no algorithm", { "X-Amz-Algorithm": undefined }, /requires the X-Amz-Algorithm/],
  ["no credential", { "X-Amz-Credential": undefined }, /requires the X-Amz-Algorithm/],
  ["no date", { "X-Amz-Date": undefined }, /requires the X-Amz-Algorithm/],
  ["no expiry", { "X-Amz-Expires": undefined }, /requires the X-Amz-Algorithm/],
  ["no signed headers", { "X-Amz-SignedHeaders": undefined }, /requires the X-Amz-Algorithm/],
  ["no signature", { "X-Amz-Signature": undefined }, /requires the X-Amz-Algorithm/],
  ["an empty signature", { "X-Amz-Signature": "" }, /requires the X-Amz-Algorithm/],
  ["another algorithm", { "X-Amz-Algorithm": "AWS4-HMAC-SHA1" }, /only supports/],
  ["asymmetric signatures", { "X-Amz-Algorithm": "AWS4-ECDSA-P256-SHA256" }, /only supports/],
  ["a short credential", { "X-Amz-Credential": "a/b" }, /mal-formed/],
  [
    "another service",
    { "X-Amz-Credential": "a/20130524/us-east-1/iam/aws4_request" },
    /incorrect service/,
  ],
  [
    "another day",
    { "X-Amz-Credential": "a/20130525/us-east-1/s3/aws4_request" },
    /invalid credential date/,
  ],
  [
    "a date in another form",
    { "X-Amz-Date": "Fri, 24 May 2013 00:00:00 GMT" },
    /ISO8601 Long Format/,
  ],
  ["a day that never was", { "X-Amz-Date": "20130231T000000Z" }, /ISO8601 Long Format/],
  ["an expiry in words", { "X-Amz-Expires": "soon" }, /should be a number/],
  ["an expiry with a fraction", { "X-Amz-Expires": "1.5" }, /should be a number/],
  ["an expiry that is endless", { "X-Amz-Expires": "9".repeat(16) }, /should be a number/],
] as const) {
  test(`Authenticator: refuses a presigned URL with ${title}`, async (t) => {
    t.match(refused({ parameters }), {
      status: 400,
      code: "AuthorizationQueryParametersError",
      message,
    });
  });
}

for (const [seconds, message] of [
  ["-1", /non-negative/],
  ["0", /at least 1/],
  ["604801", /less than a week/],
] as const) {
  test(`Authenticator: no link is valid for ${seconds} seconds`, async (t) => {
    const error = refused({ parameters: { "X-Amz-Expires": seconds } });
    t.match(error, { status: 403, code: "AccessDenied", message });
  });
}

test("Authenticator: an authentication parameter may come once", async (t) => {
  for (const extra of [
    "&X-Amz-Expires=604800",
    "&X-Amz-Date=20130524T000000Z",
    "&X-Amz-Signature=x",
  ]) {
    t.equal(refused({ extra }).code, "AuthorizationQueryParametersError", extra);
  }
});

test("Authenticator: nothing can be added to a presigned URL", async (t) => {
  for (const extra of ["&versionId=x", "&response-content-type=text/html", "&acl"]) {
    t.equal(refused({ extra }).code, "SignatureDoesNotMatch", extra);
  }
  for (const name of ["x-amz-meta-a", "x-amz-acl", "x-amz-copy-source", "x-amz-tagging"]) {
    const error = refused({ headers: { ...HOST, [name]: "v" }, signedHeaders: ["host"] });
    t.match(error, { status: 403, code: "AccessDenied", details: [["HeadersNotSigned", name]] });
  }
  t.equal(refused({ signedHeaders: ["date"] }).code, "AccessDenied");
});

test("Authenticator: a presigned URL lives from its date to its expiry", async (t) => {
  const hour = 3_600_000;
  t.equal(authenticator({ nowMs: EXAMPLE_TIME_MS + hour }).authenticate(presign()).kind, "signed");
  const expired = refused({}, { nowMs: EXAMPLE_TIME_MS + hour + 1 });
  t.match(expired, { status: 403, code: "AccessDenied", message: "Request has expired" });
  t.strictSame(expired.details, [
    ["X-Amz-Expires", 3600],
    ["Expires", "2013-05-24T01:00:00.000Z"],
    ["ServerTime", "2013-05-24T01:00:00.001Z"],
  ]);
  const early = EXAMPLE_TIME_MS - 15 * 60 * 1000;
  t.equal(authenticator({ nowMs: early }).authenticate(presign()).kind, "signed");
  t.match(refused({}, { nowMs: early - 1 }), {
    code: "AccessDenied",
    message: "Request is not yet valid",
  });
});

test("Authenticator: presigned with a wrong key, region or token", async (t) => {
  t.equal(refused({ secretKey: "wrong" }).code, "SignatureDoesNotMatch");
  const stranger = { parameters: { "X-Amz-Credential": `NOBODY/${SCOPE}` } };
  t.equal(refused(stranger).code, "InvalidAccessKeyId");
  t.match(refused({}, { region: "eu-west-1" }), {
    code: "AuthorizationQueryParametersError",
    message:
      "Error parsing the X-Amz-Credential parameter; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
  });
  const credentials = [{ ...EXAMPLE, sessionToken: "token" }];
  const auth = authenticator({ credentials });
  const withToken = presign({ parameters: { "X-Amz-Security-Token": "token" } });
  t.equal(auth.authenticate(withToken).kind, "signed");
  t.equal(refusal(() => auth.authenticate(presign())).code, "InvalidToken");
  t.equal(refused({ parameters: { "X-Amz-Security-Token": "token" } }).code, "InvalidToken");
});

test("Authenticator: one authentication only, and none of the old ones", async (t) => {
  const header = sign({ line: "GET /key", headers: PLAIN_HEADERS }).headers.get("authorization");
  const both = request(`GET /key?${presign().rawQuery}`, {
    ...PLAIN_HEADERS,
    authorization: header ?? "",
  });
  t.match(
    refusal(() => authenticator().authenticate(both)),
    {
      status: 400,
      code: "InvalidArgument",
      message: /^Only one auth mechanism allowed/,
    },
  );
  for (const query of [
    "X-Amz-Signature=x",
    "X-Amz-Credential=x",
    "Signature=x",
    "AWSAccessKeyId=x",
  ]) {
    const mixed = request(`GET /key?${query}`, { ...PLAIN_HEADERS, authorization: header ?? "" });
    t.equal(refusal(() => authenticator().authenticate(mixed)).code, "InvalidArgument", query);
  }
  for (const query of [
    "AWSAccessKeyId=a&Signature=b&Expires=1",
    "Signature=b",
    `${presign().rawQuery}&AWSAccessKeyId=a`,
    "%41WSAccessKeyId=a",
  ]) {
    const old = request(`GET /key?${query}`, HOST);
    t.match(
      refusal(() => authenticator().authenticate(old)),
      { status: 400, code: "InvalidRequest", message: /Please use AWS4-HMAC-SHA256/ },
      query,
    );
  }
});

test("Authenticator: a request that claims nothing is anonymous", async (t) => {
  const cases: Array<[string, HeaderFields, object]> = [
    ["GET /key", HOST, { kind: "unsigned" }],
    ["GET /key?X-Amz-Security-Token=x&x-id=GetObject", HOST, { kind: "unsigned" }],
    ["GET /key", { ...HOST, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" }, { kind: "unsigned" }],
    ["PUT /key", { "x-amz-content-sha256": EMPTY_HASH }, { kind: "digest", sha256: EMPTY_HASH }],
    [
      "PUT /key",
      { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" },
      { kind: "chunked-unsigned" },
    ],
  ];
  for (const [line, headers, payload] of cases) {
    const result = authenticator().authenticate(request(line, headers));
    t.strictSame(result, { kind: "anonymous", payload });
  }
  const signedChunks = request("PUT /key", {
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  });
  t.equal(refusal(() => authenticator().authenticate(signedChunks)).code, "InvalidRequest");
  const nonsense = request("PUT /key", { "x-amz-content-sha256": "x" });
  t.equal(refusal(() => authenticator().authenticate(nonsense)).code, "InvalidArgument");
});

test("Authenticator: queries of any kind are anonymous or an S3Error", async (t) => {
  const name = fc.constantFrom(
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-Date",
    "X-Amz-SignedHeaders",
    "X-Amz-Expires",
    "X-Amz-Content-Sha256",
    "prefix",
    "%",
  );
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 10 }),
    fc.constantFrom("AWS4-HMAC-SHA256", `a/${SCOPE}`, "20130524T000000Z", "host", "60", EMPTY_HASH),
  );
  const field = fc.tuple(name, value).map(([key, text]) => `${key}=${text}`);
  fc.assert(
    fc.property(fc.array(field, { maxLength: 9 }), (fields) => {
      const strange = request(`GET /key?${fields.join("&").replaceAll(" ", "+")}`, HOST);
      try {
        t.equal(authenticator().authenticate(strange).kind, "anonymous");
      } catch (error) {
        t.type(error, S3Error);
      }
    }),
    { numRuns: 300 },
  );
});
