import fc from "fast-check";
import { test } from "tap";
import { SIGNED_HEADERS_MAX } from "../../../../src/s3/auth/signature.ts";
import { percentEncode } from "../../../../src/s3/percent.ts";
import { renderError, S3Error } from "../../../../src/s3/s3-error.ts";
import { refusal } from "../refusal.ts";
import {
  authenticator,
  EMPTY_HASH,
  EXAMPLE,
  EXAMPLE_TIME_MS,
  type HeaderFields,
  PLAIN_HEADERS,
  request,
  type SignInput,
  sign,
} from "./signed-requests.ts";

const LINE = "GET /key";
const SCOPE = "20130524/us-east-1/s3/aws4_request";
const SIGNED = "host;x-amz-content-sha256;x-amz-date";
const ZEROS = "0".repeat(64);

function signed(input: Partial<SignInput> = {}) {
  return sign({ line: LINE, headers: PLAIN_HEADERS, ...input });
}

function refused(input: Partial<SignInput>, settings = {}): S3Error {
  return refusal(() => authenticator(settings).authenticate(signed(input)));
}

function withAuthorization(authorization: string, headers: HeaderFields = PLAIN_HEADERS) {
  return refusal(() => authenticator().authenticate(request(LINE, { ...headers, authorization })));
}

function detail(error: S3Error, name: string): string | number | undefined {
  return error.details.find(([candidate]) => candidate === name)?.[1];
}

test("Authenticator: accepts what a careful client signs", async (t) => {
  t.match(authenticator().authenticate(signed()), {
    kind: "signed",
    via: "header",
    identity: "example",
    payload: { kind: "digest", sha256: EMPTY_HASH },
  });
});

for (const [title, input] of [
  [
    "a key with every kind of character",
    { line: `GET /${percentEncode("ü/😀/ +%~-_.!*'()&=@:,$", true)}` },
  ],
  ["a path that is not normalised", { line: "GET /b/..//./k/" }],
  [
    "characters that need no escape but have one",
    { line: "GET /b/%61%2D%2f", canonicalPath: "/b/a-/" },
  ],
  ["lower-case escapes", { line: "GET /b/%c3%bc", canonicalPath: "/b/%C3%BC" }],
  [
    "characters that need an escape and have none",
    { line: "GET /b/a(b)!*'", canonicalPath: "/b/a%28b%29%21%2A%27" },
  ],
  ["a plus in the path", { line: "GET /b/a+b", canonicalPath: "/b/a%2Bb" }],
  ["escapes of bytes that are no UTF-8", { line: "GET /b/%ff", canonicalPath: "/b/%FF" }],
  ["a parameter without a value", { line: "GET /b?acl", canonicalQuery: "acl=" }],
  [
    "parameters out of order",
    { line: "GET /b?b=2&a=1&a=0&a-=3", canonicalQuery: "a=0&a=1&a-=3&b=2" },
  ],
  [
    "a space as plus or escape",
    { line: "GET /b?a=x+y&b=x%20y", canonicalQuery: "a=x%20y&b=x%20y" },
  ],
  ["a plus in a value", { line: "GET /b?a=x%2By", canonicalQuery: "a=x%2By" }],
  ["an empty name and empty fields", { line: "GET /b?&&=1&", canonicalQuery: "=1" }],
  [
    "a slash and an equals sign in a value",
    { line: "GET /b?a=x/y=z", canonicalQuery: "a=x%2Fy%3Dz" },
  ],
  ["a value in UTF-8", { line: "GET /b?a=%c3%bc&b=ü", canonicalQuery: "a=%C3%BC&b=%C3%BC" }],
  ["repeated headers", { headers: { ...PLAIN_HEADERS, "x-amz-meta-a": ["1", "2"] } }],
  ["folded white space", { headers: { ...PLAIN_HEADERS, "x-amz-meta-a": "  a   b \t c  " } }],
  ["a header value in UTF-8", { headers: { ...PLAIN_HEADERS, "x-amz-meta-a": "grüße" } }],
  [
    "a header that is not signed",
    { headers: { ...PLAIN_HEADERS, "user-agent": "x" }, signedHeaders: SIGNED.split(";") },
  ],
  [
    "a date header instead of x-amz-date",
    {
      headers: {
        date: "Fri, 24 May 2013 00:00:00 GMT",
        host: "h",
        "x-amz-content-sha256": EMPTY_HASH,
      },
      timestamp: "20130524T000000Z",
    },
  ],
  ["a payload hash that is not signed", { signedHeaders: ["host", "x-amz-date"] }],
  [
    "an unsigned payload",
    { headers: { ...PLAIN_HEADERS, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } },
  ],
  ["another region", { scope: "20130524/eu-central-7/s3/aws4_request" }],
] as const satisfies ReadonlyArray<readonly [string, Partial<SignInput>]>) {
  test(`Authenticator: accepts ${title}`, async (t) => {
    t.equal(authenticator().authenticate(signed(input)).kind, "signed");
  });
}

test("Authenticator: an access key may contain slashes", async (t) => {
  const credential = { ...EXAMPLE, accessKey: "team/a/b=c" };
  const auth = authenticator({ credentials: [credential] });
  t.match(auth.authenticate(signed({ credential })), { accessKey: "team/a/b=c" });
});

test("Authenticator: an expect header that a proxy took away had one value", async (t) => {
  const whole = sign({ line: LINE, headers: { ...PLAIN_HEADERS, expect: "100-continue" } });
  const without = [...whole.headers.entries()].filter(([name]) => name !== "expect");
  t.equal(authenticator().authenticate(request(LINE, Object.fromEntries(without))).kind, "signed");
});

test("Authenticator: spaces, order and line noise in the header are the client's choice", async (t) => {
  const authorization = signed().headers.get("authorization") ?? "";
  const [, rest = ""] = authorization.split(" ");
  for (const text of [rest.replaceAll(",", ", "), rest.split(",").reverse().join(" ,  ")]) {
    const again = request(LINE, { ...PLAIN_HEADERS, authorization: `AWS4-HMAC-SHA256   ${text} ` });
    t.equal(authenticator().authenticate(again).kind, "signed");
  }
});

test("Authenticator: streaming modes carry what continues the chain", async (t) => {
  for (const [value, payload] of [
    ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", { kind: "chunked-unsigned" }],
    ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", { kind: "chunked-signed", trailer: false }],
    ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", { kind: "chunked-signed", trailer: true }],
  ] as const) {
    const streamed = signed({ headers: { ...PLAIN_HEADERS, "x-amz-content-sha256": value } });
    const result = authenticator().authenticate(streamed);
    t.match(result.payload, payload);
    if (result.payload.kind !== "chunked-signed") continue;
    const signature = streamed.headers.get("authorization")?.slice(-64);
    t.equal(result.payload.signing.seedSignature, signature);
    t.equal(result.payload.signing.scope, SCOPE);
  }
});

// One wrong thing each, against a request that is right but for it.
for (const [title, input, code] of [
  ["another method", { line: "PUT /key" }, "SignatureDoesNotMatch"],
  ["another path", { line: "GET /other" }, "SignatureDoesNotMatch"],
  ["one slash more", { line: "GET //key" }, "SignatureDoesNotMatch"],
  ["a parameter more", { line: "GET /key?acl" }, "SignatureDoesNotMatch"],
  ["another host", { headers: { ...PLAIN_HEADERS, host: "evil" } }, "SignatureDoesNotMatch"],
  [
    "another payload",
    { headers: { ...PLAIN_HEADERS, "x-amz-content-sha256": ZEROS } },
    "SignatureDoesNotMatch",
  ],
  [
    "another second",
    { headers: { ...PLAIN_HEADERS, "x-amz-date": "20130524T000001Z" } },
    "SignatureDoesNotMatch",
  ],
  ["no host header", { headers: { ...PLAIN_HEADERS, host: [] } }, "SignatureDoesNotMatch"],
  [
    "an added header of AWS",
    { headers: { ...PLAIN_HEADERS, "x-amz-acl": "public-read" } },
    "AccessDenied",
  ],
  [
    "an added header of MinIO",
    { headers: { ...PLAIN_HEADERS, "x-minio-force-delete": "true" } },
    "AccessDenied",
  ],
  ["added metadata", { headers: { ...PLAIN_HEADERS, "x-amz-meta-a": "b" } }, "AccessDenied"],
  [
    "an added copy source",
    { headers: { ...PLAIN_HEADERS, "x-amz-copy-source": "/b/k" } },
    "AccessDenied",
  ],
  [
    "an added token",
    { headers: { ...PLAIN_HEADERS, "x-amz-security-token": "t" } },
    "AccessDenied",
  ],
  ["a broken escape", { line: "GET /key%" }, "InvalidURI"],
  ["a broken escape in the query", { line: "GET /key?a=%zz" }, "InvalidURI"],
] as const satisfies ReadonlyArray<readonly [string, Partial<SignInput>, string]>) {
  test(`Authenticator: refuses a signature of something else: ${title}`, async (t) => {
    const authorization = signed().headers.get("authorization") ?? "";
    const { line = LINE, headers = PLAIN_HEADERS }: Partial<SignInput> = input;
    const changed = request(line, { ...headers, authorization });
    t.equal(refusal(() => authenticator().authenticate(changed)).code, code);
  });
}

test("Authenticator: a wrong signature is explained, without secrets", async (t) => {
  const headers = {
    ...PLAIN_HEADERS,
    "x-amz-security-token": "TOKEN-SECRET",
    "x-amz-server-side-encryption-customer-key": "SSEC-SECRET",
  };
  const right = sign({ line: "GET /key?X-Amz-Security-Token=QUERY-SECRET", headers });
  const authorization = (right.headers.get("authorization") ?? "").replace(/.{64}$/, ZEROS);
  const wrong = request("GET /key?X-Amz-Security-Token=QUERY-SECRET", {
    ...headers,
    authorization,
  });
  const error = refusal(() => authenticator().authenticate(wrong));
  t.match(error, { status: 403, code: "SignatureDoesNotMatch" });
  t.equal(detail(error, "AWSAccessKeyId"), EXAMPLE.accessKey);
  t.equal(detail(error, "SignatureProvided"), ZEROS);
  t.match(detail(error, "StringToSign"), /^AWS4-HMAC-SHA256\n20130524T000000Z\n/);
  t.match(detail(error, "StringToSignBytes"), /^41 57 53 34 2d/);
  t.match(detail(error, "CanonicalRequest"), /^GET\n\/key\n/);
  const body = renderError(error, { requestId: "r", hostId: "h", resource: "/key" });
  const hex = (text: string) =>
    Buffer.from(text)
      .toString("hex")
      .replace(/..(?!$)/g, "$& ");
  for (const secret of ["TOKEN-SECRET", "SSEC-SECRET", "QUERY-SECRET", EXAMPLE.secretKey]) {
    t.notOk(body.includes(secret), secret);
    t.notOk(body.includes(hex(secret)), secret);
  }
});

for (const [title, authorization, code] of [
  ["nothing", "", "InvalidArgument"],
  ["another scheme", "Basic dXNlcjpwYXNz", "InvalidArgument"],
  ["a bearer token", "Bearer abc", "InvalidArgument"],
  ["the scheme in lower case", "aws4-hmac-sha256 Credential=a", "InvalidArgument"],
  ["the scheme alone", "AWS4-HMAC-SHA256", "InvalidArgument"],
  ["asymmetric signatures", "AWS4-ECDSA-P256-SHA256 Credential=a", "InvalidArgument"],
  [
    "signature version 2",
    "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
    "InvalidRequest",
  ],
  ["signature version 2 without anything", "AWS", "InvalidRequest"],
  ["no fields", "AWS4-HMAC-SHA256 ", "AuthorizationHeaderMalformed"],
  [
    "no signature",
    `AWS4-HMAC-SHA256 Credential=a/${SCOPE},SignedHeaders=${SIGNED}`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "no signed headers",
    `AWS4-HMAC-SHA256 Credential=a/${SCOPE},Signature=${ZEROS}`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "no credential",
    `AWS4-HMAC-SHA256 SignedHeaders=${SIGNED},Signature=${ZEROS}`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "an empty field",
    `AWS4-HMAC-SHA256 Credential=,SignedHeaders=${SIGNED},Signature=${ZEROS}`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "a field twice",
    `AWS4-HMAC-SHA256 Credential=a/${SCOPE},Credential=a/${SCOPE},SignedHeaders=host,Signature=${ZEROS}`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "a fourth field",
    `AWS4-HMAC-SHA256 Credential=a/${SCOPE},SignedHeaders=${SIGNED},Signature=${ZEROS},X=y`,
    "AuthorizationHeaderMalformed",
  ],
  [
    "a field without a value",
    `AWS4-HMAC-SHA256 Credential,SignedHeaders=${SIGNED},Signature=${ZEROS}`,
    "AuthorizationHeaderMalformed",
  ],
] as const) {
  test(`Authenticator: refuses an Authorization of ${title}`, async (t) => {
    t.match(withAuthorization(authorization), { status: 400, code });
  });
}

test("Authenticator: what follows a foreign scheme is not repeated", async (t) => {
  const error = withAuthorization("Bearer SECRET-TOKEN");
  t.equal(detail(error, "ArgumentValue"), "Bearer");
  t.notMatch(JSON.stringify(error.details) + error.message, /SECRET/);
});

for (const [title, credential, message] of [
  ["nothing but slashes", "////", /non-empty Access Key/],
  ["four parts", "20130524/us-east-1/s3/aws4_request", /mal-formed/],
  ["one part", "AKIA", /mal-formed/],
  ["no access key", `/${SCOPE}`, /non-empty Access Key/],
  ["another terminal", "a/20130524/us-east-1/s3/aws5_request", /incorrect terminal "aws5_request"/],
  ["another service", "a/20130524/us-east-1/ec2/aws4_request", /incorrect service "ec2"/],
  ["STS", "a/20130524/us-east-1/sts/aws4_request", /incorrect service "sts"/],
  ["no region", "a/20130524//s3/aws4_request", /non-empty region/],
  ["another day", "a/20130523/us-east-1/s3/aws4_request", /invalid credential date "20130523"/],
  ["no day", "a//us-east-1/s3/aws4_request", /invalid credential date ""/],
] as const) {
  test(`Authenticator: refuses a credential with ${title}`, async (t) => {
    const fields = `SignedHeaders=${SIGNED},Signature=${ZEROS}`;
    t.match(withAuthorization(`AWS4-HMAC-SHA256 Credential=${credential},${fields}`), {
      code: "AuthorizationHeaderMalformed",
      message,
    });
  });
}

test("Authenticator: a configured region is the only one, but for finding it out", async (t) => {
  const settings = { region: "eu-west-1" };
  const right = signed({ scope: "20130524/eu-west-1/s3/aws4_request" });
  t.equal(authenticator(settings).authenticate(right).kind, "signed");
  const error = refused({}, settings);
  t.match(error, {
    code: "AuthorizationHeaderMalformed",
    message:
      "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
  });
  t.equal(detail(error, "Region"), "eu-west-1");
  t.strictSame(error.headers, [["x-amz-bucket-region", "eu-west-1"]]);
  for (const line of ["GET /", "GET //", "GET /bucket?location", "GET /bucket?location="]) {
    const found = signed({
      line,
      ...(line.endsWith("location") ? { canonicalQuery: "location=" } : {}),
    });
    t.equal(authenticator(settings).authenticate(found).kind, "signed", line);
  }
  for (const line of [
    "GET /bucket",
    "PUT /bucket?location=",
    "PUT /",
    "GET /bucket?prefix=location",
  ]) {
    t.equal(refused({ line }, settings).code, "AuthorizationHeaderMalformed", line);
  }
});

test("Authenticator: clocks may differ by 15 minutes, not by a millisecond more", async (t) => {
  const limit = 15 * 60 * 1000;
  for (const offset of [-limit, limit]) {
    const auth = authenticator({ nowMs: EXAMPLE_TIME_MS + offset });
    t.equal(auth.authenticate(signed()).kind, "signed");
  }
  for (const offset of [-limit - 1, limit + 1]) {
    const error = refused({}, { nowMs: EXAMPLE_TIME_MS + offset });
    t.match(error, { status: 403, code: "RequestTimeTooSkewed" });
    t.equal(detail(error, "RequestTime"), "20130524T000000Z");
    t.equal(detail(error, "MaxAllowedSkewMilliseconds"), limit);
  }
});

test("Authenticator: a request needs a readable date, and the payload hash", async (t) => {
  const { "x-amz-date": _date, ...undated } = PLAIN_HEADERS;
  const authorization = signed().headers.get("authorization") ?? "";
  for (const headers of [
    undated,
    { ...undated, date: "yesterday" },
    { ...PLAIN_HEADERS, "x-amz-date": "2013-05-24T00:00:00Z" },
    { ...PLAIN_HEADERS, "x-amz-date": ["20130524T000000Z", "20130524T000000Z"] },
    { ...PLAIN_HEADERS, "x-amz-date": "20130230T000000Z" },
  ]) {
    t.match(withAuthorization(authorization, headers), {
      status: 403,
      code: "AccessDenied",
      message: /valid Date or x-amz-date/,
    });
  }
  const { "x-amz-content-sha256": _hash, ...unhashed } = PLAIN_HEADERS;
  t.match(withAuthorization(authorization, unhashed), {
    status: 400,
    code: "InvalidRequest",
    message: "Missing required header for this request: x-amz-content-sha256",
  });
});

for (const value of [
  "",
  "unsigned-payload",
  "UNSIGNED-PAYLOAD ",
  EMPTY_HASH.slice(1),
  `${EMPTY_HASH}0`,
  `${EMPTY_HASH.slice(1)}g`,
  "STREAMING-PAYLOAD",
  "STREAMING-UNSIGNED-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER-X",
] as const) {
  test(`Authenticator: refuses a payload hash of ${JSON.stringify(value)}`, async (t) => {
    const error = refused({ headers: { ...PLAIN_HEADERS, "x-amz-content-sha256": value } });
    t.equal(error.code, "InvalidArgument");
    t.equal(detail(error, "ArgumentName"), "x-amz-content-sha256");
  });
}

test("Authenticator: asymmetric chunk signatures are not implemented", async (t) => {
  for (const value of [
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
    "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
  ]) {
    const error = refused({ headers: { ...PLAIN_HEADERS, "x-amz-content-sha256": value } });
    t.match(error, { status: 501, code: "NotImplemented" });
  }
});

test("Authenticator: headers that must be signed are named when they are not", async (t) => {
  const headers = { ...PLAIN_HEADERS, "x-amz-acl": "a", "x-amz-meta-b": "b" };
  const error = refused({ headers, signedHeaders: ["x-amz-content-sha256", "x-amz-date"] });
  t.match(error, {
    status: 403,
    code: "AccessDenied",
    message: "There were headers present in the request which were not signed",
  });
  t.equal(detail(error, "HeadersNotSigned"), "host, x-amz-acl, x-amz-meta-b");
  const many = Array.from({ length: SIGNED_HEADERS_MAX }, (_, index) => `h${index}`);
  t.equal(refused({ signedHeaders: ["host", ...many] }).code, "AuthorizationHeaderMalformed");
});

test("Authenticator: unknown keys and wrong secrets", async (t) => {
  const stranger = { ...EXAMPLE, accessKey: "NOBODY" };
  const error = refused({ credential: stranger });
  t.match(error, { status: 403, code: "InvalidAccessKeyId" });
  t.equal(detail(error, "AWSAccessKeyId"), "NOBODY");
  const guess = { ...EXAMPLE, secretKey: `${EXAMPLE.secretKey}x` };
  t.equal(refused({ credential: guess }).code, "SignatureDoesNotMatch");
});

test("Authenticator: a signature of the wrong shape is no signature", async (t) => {
  const right = signed().headers.get("authorization") ?? "";
  for (const signature of [
    "x",
    ZEROS.slice(1),
    `${ZEROS}0`,
    right.slice(-64).toUpperCase(),
    "é".repeat(64),
  ]) {
    const error = withAuthorization(right.replace(/.{64}$/, signature));
    t.equal(error.code, "SignatureDoesNotMatch", signature);
  }
});

test("Authenticator: every changed digit of a signature is noticed", async (t) => {
  const right = signed().headers.get("authorization") ?? "";
  for (let index = right.length - 64; index < right.length; index++) {
    const digit = right[index] === "0" ? "1" : "0";
    const wrong = right.slice(0, index) + digit + right.slice(index + 1);
    t.equal(withAuthorization(wrong).code, "SignatureDoesNotMatch");
  }
});

test("Authenticator: temporary credentials come with their token, others without one", async (t) => {
  const temporary = { ...EXAMPLE, sessionToken: "the-token" };
  const auth = authenticator({ credentials: [temporary] });
  const headers = { ...PLAIN_HEADERS, "x-amz-security-token": "the-token" };
  t.equal(auth.authenticate(signed({ headers })).kind, "signed");
  const other = { ...PLAIN_HEADERS, "x-amz-security-token": "the-token2" };
  t.match(
    refusal(() => auth.authenticate(signed({ headers: other }))),
    { code: "InvalidToken" },
  );
  t.match(
    refusal(() => auth.authenticate(signed())),
    { code: "InvalidToken" },
  );
  t.equal(refused({ headers }).code, "InvalidToken");
});

test("Authenticator: a changed secret counts at once, whatever was cached", async (t) => {
  let secretKey = EXAMPLE.secretKey;
  const auth = authenticator({
    credentials: [
      {
        ...EXAMPLE,
        get secretKey() {
          return secretKey;
        },
      },
    ],
  });
  t.equal(auth.authenticate(signed()).kind, "signed");
  secretKey = "changed";
  t.equal(refusal(() => auth.authenticate(signed())).code, "SignatureDoesNotMatch");
  const renewed = signed({ credential: { ...EXAMPLE, secretKey } });
  t.equal(auth.authenticate(renewed).kind, "signed");
});

test("Authenticator: throws nothing but S3Error, whatever comes", async (t) => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constantFrom(
      "AWS4-HMAC-SHA256 ",
      "Credential=",
      `a/${SCOPE}`,
      ",SignedHeaders=",
      "host",
      ";",
      ",Signature=",
      ZEROS,
    ),
  );
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, text, text, (authorization, path, query) => {
      const strange = request(`GET /${path.replace(/[ ?]/g, "")}?${query.replaceAll(" ", "")}`, {
        ...PLAIN_HEADERS,
        authorization,
      });
      try {
        authenticator().authenticate(strange);
        t.fail("a strange request was signed");
      } catch (error) {
        t.type(error, S3Error);
      }
    }),
    { numRuns: 300 },
  );
});
