import { createHash } from "node:crypto";
import { test } from "tap";
import { HttpHeaders } from "../../../../src/http/headers.ts";
import type { HttpBodySink } from "../../../../src/http/request.ts";
import type { AuthResult, PayloadMode } from "../../../../src/s3/auth/auth-result.ts";
import { effectiveHeaders } from "../../../../src/s3/auth/hoisted-headers.ts";
import { createPayloadSource } from "../../../../src/s3/auth/payload-source.ts";
import { QueryParameters } from "../../../../src/s3/query.ts";
import { refusal } from "../refusal.ts";
import { encodeBody, RecordingSink, signingFrom } from "./chunked-bodies.ts";

const SEED = "c".repeat(64);
const MD5 = createHash("md5").update("x").digest("base64");

function auth(payload: PayloadMode, via: "header" | "query" = "header"): AuthResult {
  return { kind: "signed", via, signatureVersion: 4, accessKey: "k", identity: undefined, payload };
}

interface RequestFields {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly query?: string;
  readonly chunked?: boolean;
}

function request({ headers = {}, body, query = "", chunked = false }: RequestFields) {
  let resumed = 0;
  return {
    headers: new HttpHeaders(Object.entries(headers).flat()),
    rawQuery: query,
    contentLength: chunked ? undefined : body?.length,
    chunked,
    resumed: () => resumed,
    body: {
      start(sink: HttpBodySink) {
        if (body !== undefined) sink.write(body);
        sink.end();
      },
      resume() {
        resumed += 1;
      },
      discard() {},
    },
  };
}

const UNSIGNED: PayloadMode = { kind: "unsigned" };
const TRAILER: PayloadMode = { kind: "chunked-unsigned" };

test("createPayloadSource: a plain body goes straight to the sink", async (t) => {
  const sha256 = createHash("sha256").update("hello").digest();
  const plain = request({
    body: Buffer.from("hello"),
    headers: { "content-md5": MD5, "x-amz-checksum-crc32": "AAAAAQ==" },
  });
  const source = createPayloadSource(
    plain,
    auth({ kind: "digest", sha256: sha256.toString("hex") }),
  );
  t.equal(source.length, 5);
  t.equal(source.segmentDigests, false);
  t.equal(source.trailingChecksum, undefined);
  t.strictSame(source.expectations, {
    md5: createHash("md5").update("x").digest(),
    sha256,
    checksum: { algorithm: "crc32", value: Buffer.from([0, 0, 0, 1]) },
  });
  const sink = new RecordingSink();
  source.start(sink);
  t.equal(sink.data.toString(), "hello");
  t.equal(sink.outcome.kind, "ended");
  source.resume();
  t.equal(plain.resumed(), 1);
});

test("createPayloadSource: the length of a plain body", async (t) => {
  t.equal(createPayloadSource(request({}), auth(UNSIGNED)).length, 0);
  t.equal(createPayloadSource(request({ chunked: true }), auth(UNSIGNED)).length, undefined);
  const anonymous = createPayloadSource(request({}), { kind: "anonymous", payload: UNSIGNED });
  t.strictSame(anonymous.expectations, {});
});

test("createPayloadSource: unsigned chunks with a trailer", async (t) => {
  const trailer = "x-amz-checksum-crc32c:sOO8/Q==";
  const { body } = encodeBody({ chunks: [Buffer.from("hello")], trailer });
  const source = createPayloadSource(
    request({
      body,
      headers: {
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32c",
        "x-amz-sdk-checksum-algorithm": "CRC32C",
        "content-encoding": "aws-chunked",
      },
    }),
    auth(TRAILER),
  );
  t.equal(source.length, 5);
  t.equal(source.segmentDigests, false);
  t.equal(source.trailingChecksum, "crc32c");
  t.strictSame(source.expectations, {});
  const sink = new RecordingSink();
  source.start(sink);
  t.equal(sink.data.toString(), "hello");
  t.match(sink.outcome, { kind: "ended", trailing: { checksum: { algorithm: "crc32c" } } });
});

test("createPayloadSource: signed chunks, with and without a trailer", async (t) => {
  for (const trailer of [false, true]) {
    const { body } = encodeBody({
      chunks: [Buffer.from("hello")],
      seed: SEED,
      ...(trailer ? { trailer: "x-amz-checksum-crc32c:sOO8/Q==" } : {}),
    });
    const headers = {
      "x-amz-decoded-content-length": "5",
      ...(trailer ? { "x-amz-trailer": "x-amz-checksum-crc32c" } : {}),
    };
    const signing = signingFrom(SEED);
    const source = createPayloadSource(
      request({ body, headers }),
      auth({ kind: "chunked-signed", trailer, signing }),
    );
    t.equal(source.segmentDigests, true);
    const sink = new RecordingSink();
    source.start(sink);
    t.equal(sink.outcome.kind, "ended");
    t.equal(sink.segments, 1);
    t.equal(sink.runChecks(), undefined);
  }
});

for (const [title, payload, headers, code] of [
  ["a Content-MD5 that is no base64", UNSIGNED, { "content-md5": "x" }, "InvalidDigest"],
  ["a Content-MD5 of 15 bytes", UNSIGNED, { "content-md5": `${"A".repeat(20)}` }, "InvalidDigest"],
  ["an empty Content-MD5", UNSIGNED, { "content-md5": "" }, "InvalidDigest"],
  ["a Content-MD5 in hexadecimal", UNSIGNED, { "content-md5": "0".repeat(32) }, "InvalidDigest"],
  ["chunks without a decoded length", TRAILER, {}, "MissingContentLength"],
  ["a negative length", TRAILER, { "x-amz-decoded-content-length": "-1" }, "InvalidArgument"],
  ["a length in words", TRAILER, { "x-amz-decoded-content-length": "5 bytes" }, "InvalidArgument"],
  [
    "an unsafe length",
    TRAILER,
    { "x-amz-decoded-content-length": "9".repeat(16) },
    "InvalidArgument",
  ],
  [
    "a trailer on a plain body",
    UNSIGNED,
    { "x-amz-trailer": "x-amz-checksum-crc32" },
    "InvalidRequest",
  ],
  ["an unsupported trailer", TRAILER, { "x-amz-trailer": "x-amz-meta-a" }, "InvalidRequest"],
  [
    "two checksums",
    UNSIGNED,
    { "x-amz-checksum-crc32": "AAAAAQ==", "x-amz-checksum-crc32c": "AAAAAQ==" },
    "InvalidRequest",
  ],
] as const) {
  test(`createPayloadSource: refuses ${title}`, async (t) => {
    t.equal(refusal(() => createPayloadSource(request({ headers }), auth(payload))).code, code);
  });
}

test("createPayloadSource: refuses a trailer that signed chunks do not carry", async (t) => {
  const payload: PayloadMode = {
    kind: "chunked-signed",
    trailer: false,
    signing: signingFrom(SEED),
  };
  const headers = { "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": "0" };
  t.match(
    refusal(() => createPayloadSource(request({ headers }), auth(payload))),
    { code: "InvalidRequest" },
  );
});

test("createPayloadSource: checksum headers that describe the object are left alone", async (t) => {
  const headers = { "x-amz-checksum-crc32": "AAAAAQ==-3" };
  const source = createPayloadSource(request({ headers }), auth(UNSIGNED), {
    checksumHeaders: "object",
  });
  t.strictSame(source.expectations, {});
});

test("effectiveHeaders: parameters of a presigned URL count like headers", async (t) => {
  const query = "x-amz-checksum-crc32=AAAAAQ%3D%3D&X-Amz-Meta-A=1&X-Amz-Date=d&x-amz-acl=private";
  const parameters = QueryParameters.parse(`${query}&prefix=p&content-md5=m`);
  const headers = new HttpHeaders(["host", "h", "x-amz-acl", "signed"]);
  const effective = effectiveHeaders(headers, parameters, auth(UNSIGNED, "query"));
  t.strictSame(
    [...effective.entries()],
    [
      ["host", "h"],
      ["x-amz-acl", "signed"],
      ["x-amz-checksum-crc32", "AAAAAQ=="],
      ["x-amz-meta-a", "1"],
    ],
  );
  t.equal(effectiveHeaders(headers, parameters, auth(UNSIGNED)), headers);
  const ofNothing = "x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32";
  const sdk = effectiveHeaders(headers, QueryParameters.parse(ofNothing), auth(UNSIGNED, "query"));
  t.equal(sdk, headers, "the checksum of the body that the SDK did not have yet");
  const anonymous: AuthResult = { kind: "anonymous", payload: UNSIGNED };
  t.equal(effectiveHeaders(headers, parameters, anonymous), headers);
  const source = createPayloadSource(request({ query }), auth(UNSIGNED, "query"));
  t.match(source.expectations, { checksum: { algorithm: "crc32" } });
});
