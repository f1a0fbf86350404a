import fc from "fast-check";
import { test } from "tap";
import { CLAIMANTS_MAX } from "../../../../src/s3/auth/header-auth.ts";
import { SIGNED_HEADERS_MAX } from "../../../../src/s3/auth/signature.ts";
import { percentEncode } from "../../../../src/s3/percent.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";
import { refusal } from "../refusal.ts";
import {
  detail,
  LINE,
  refused,
  SCOPE,
  SIGNED,
  signed,
  withAuthorization,
  ZEROS,
} from "./header-requests.ts";
import {
  authenticator,
  EMPTY_HASH,
  EXAMPLE,
  EXAMPLE_TIME_MS,
  PLAIN_HEADERS,
  request,
  type SignInput,
  sign,
} from "./signed-requests.ts";

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

test("Authenticator: remembers who signs, not that it was right", async (t) => {
  const auth = authenticator();
  t.equal(auth.authenticate(signed()).kind, "signed");
  const before = signed().headers.get("authorization")?.slice(0, -ZEROS.length) ?? "";
  for (const signature of [ZEROS, `${ZEROS.slice(2)},x`, ` ${ZEROS.slice(1)}`]) {
    const error = withAuthorization(before + signature);
    t.match(error.code, /^(?:SignatureDoesNotMatch|AuthorizationHeaderMalformed)$/, signature);
  }
  t.equal(auth.authenticate(signed()).kind, "signed");
});

test("Authenticator: knows more claimants than it remembers", async (t) => {
  const auth = authenticator();
  for (let number = 0; number <= CLAIMANTS_MAX; number++) {
    const credential = { ...EXAMPLE, accessKey: `stranger${number}` };
    t.equal(refusal(() => auth.authenticate(signed({ credential }))).code, "InvalidAccessKeyId");
  }
  t.equal(auth.authenticate(signed()).kind, "signed");
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
