import { test } from "tap";
import { renderError } from "../../../../src/s3/s3-error.ts";
import { refusal } from "../refusal.ts";
import {
  detail,
  LINE,
  SCOPE,
  SIGNED,
  signed,
  withAuthorization,
  ZEROS,
} from "./header-requests.ts";
import {
  authenticator,
  EXAMPLE,
  PLAIN_HEADERS,
  request,
  type SignInput,
  sign,
} from "./signed-requests.ts";

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
