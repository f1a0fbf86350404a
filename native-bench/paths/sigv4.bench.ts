/**
 * What authentication costs the front thread: one header-signed GET as SDKs send it, checked whole,
 * against the hashing that no implementation can leave out (one SHA-256 of the canonical request,
 * one HMAC). Microseconds per request = 1e6 / (op/s).
 */
import { createHash, createHmac, hash } from "node:crypto";
import { HttpHeaders } from "../../src/http/headers.ts";
import { Authenticator } from "../../src/s3/auth/authenticate.ts";
import type { SignedRequest } from "../../src/s3/auth/signed-request.ts";
import type { Bench, BenchCase, BenchSize } from "../harness.ts";

const NOW_MS = Date.UTC(2013, 4, 24);
const TIMESTAMP = "20130524T000000Z";
const SCOPE = "20130524/us-east-1/s3/aws4_request";
const ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY_HASH = createHash("sha256").digest("hex");
const BATCHES: Readonly<Record<BenchSize, number>> = { tiny: 4, full: 1000 };

let signingKey: string | Buffer = `AWS4${SECRET_KEY}`;
for (const part of SCOPE.split("/")) signingKey = hmac(signingKey, part);

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

interface Shape {
  readonly path: string;
  readonly query: string;
  readonly canonicalPath?: string;
  readonly canonicalQuery?: string;
}

const HEADERS: ReadonlyArray<readonly [name: string, value: string]> = [
  ["amz-sdk-invocation-id", "5b3a0c4e-8d0e-4a39-9c1f-1b2a3c4d5e6f"],
  ["amz-sdk-request", "attempt=1; max=3"],
  ["host", "storage.example.com:9000"],
  ["x-amz-content-sha256", EMPTY_HASH],
  ["x-amz-date", TIMESTAMP],
  ["x-amz-user-agent", "aws-sdk-js/3.1169.0"],
];
const SIGNED_NAMES = HEADERS.map(([name]) => name).join(";");

function signed(shape: Shape): SignedRequest {
  const canonical = canonicalText(shape);
  const signature = hmac(Buffer.from(signingKey), stringToSign(canonical)).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/${SCOPE}, SignedHeaders=${SIGNED_NAMES}, Signature=${signature}`;
  return {
    method: "GET",
    rawPath: shape.path,
    rawQuery: shape.query,
    headers: new HttpHeaders(
      [
        ...HEADERS,
        ["user-agent", "aws-sdk-js/3.1169.0 os/linux lang/js md/nodejs#20.20.2 api/s3#3.1169.0"],
        ["authorization", authorization],
        ["connection", "keep-alive"],
      ].flat(),
    ),
  };
}

function canonicalText({ path, query, canonicalPath, canonicalQuery }: Shape): string {
  const headers = HEADERS.map(([name, value]) => `${name}:${value}\n`).join("");
  return `GET\n${canonicalPath ?? path}\n${canonicalQuery ?? query}\n${headers}\n${SIGNED_NAMES}\n${EMPTY_HASH}`;
}

function stringToSign(canonical: string): string {
  return `AWS4-HMAC-SHA256\n${TIMESTAMP}\n${SCOPE}\n${hash("sha256", canonical, "hex")}`;
}

const PLAIN: Shape = { path: "/bucket/some/key/object-000123.bin", query: "x-id=GetObject" };
/** A path that has to be re-encoded and parameters that have to be sorted. */
const UNUSUAL: Shape = {
  path: "/bucket/some (key)/ü+%41",
  canonicalPath: "/bucket/some%20%28key%29/%C3%BC%2BA",
  query: "versionId=3&prefix=a+b&list-type=2&delimiter=/",
  canonicalQuery: "delimiter=%2F&list-type=2&prefix=a%20b&versionId=3",
};

export const bench: Bench = {
  name: "sigv4",
  prepare(size) {
    const batch = BATCHES[size];
    const authenticator = new Authenticator<string>(
      { region: undefined },
      {
        clock: { nowMs: () => NOW_MS },
        credentials: {
          lookup: (accessKey) =>
            accessKey === ACCESS_KEY
              ? { accessKey, secretKey: SECRET_KEY, identity: "bench" }
              : undefined,
        },
      },
    );
    const check = (name: string, shape: Shape): BenchCase => {
      const request = signed(shape);
      return {
        name,
        work: batch,
        run() {
          for (let count = 0; count < batch; count++) authenticator.authenticate(request);
        },
        check: () => authenticator.authenticate(request).kind,
      };
    };
    const canonical = canonicalText(PLAIN);
    const key = Buffer.from(signingKey);
    let last = "";
    const floor: BenchCase = {
      name: "one SHA-256 and one HMAC",
      yardstick: true,
      work: batch,
      run() {
        for (let count = 0; count < batch; count++) {
          last = createHmac("sha256", key).update(stringToSign(canonical)).digest("hex");
        }
      },
      check: () => last.slice(0, 8),
    };
    const cases = [floor, check("GET as an SDK signs it", PLAIN), check("unusual GET", UNUSUAL)];
    return [{ name: "authenticate", unit: "op/s", cases }];
  },
};
