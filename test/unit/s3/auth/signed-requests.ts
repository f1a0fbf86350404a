/** Requests for authentication tests: plain ones, and ones signed by a slow twin of a client. */
import { createHash, createHmac } from "node:crypto";
import { HttpHeaders } from "../../../../src/http/headers.ts";
import { Authenticator } from "../../../../src/s3/auth/authenticate.ts";
import type { Credential } from "../../../../src/s3/auth/credentials.ts";
import type { SignedRequest } from "../../../../src/s3/auth/signed-request.ts";

/** The credentials of AWS's published examples. */
export const EXAMPLE: Credential<string> = {
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  identity: "example",
};
export const EXAMPLE_TIME = "20130524T000000Z";
export const EXAMPLE_TIME_MS = Date.UTC(2013, 4, 24);
export const EMPTY_HASH = createHash("sha256").digest("hex");

export type HeaderFields = Readonly<Record<string, string | readonly string[]>>;

export function request(line: string, headers: HeaderFields): SignedRequest {
  const [method = "", target = ""] = line.split(" ");
  const mark = target.indexOf("?");
  const flat = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [name.toLowerCase(), one]),
  );
  return {
    method,
    rawPath: mark < 0 ? target : target.slice(0, mark),
    rawQuery: mark < 0 ? "" : target.slice(mark + 1),
    headers: new HttpHeaders(flat),
  };
}

export interface AuthenticatorSettings {
  readonly nowMs?: number;
  readonly region?: string;
  /** Takes Signature Version 2, with buckets in these domains. */
  readonly versionTwo?: { readonly domains: readonly string[] };
  readonly credentials?: ReadonlyArray<Credential<string>>;
}

export function authenticator(settings: AuthenticatorSettings = {}): Authenticator<string> {
  const known = new Map((settings.credentials ?? [EXAMPLE]).map((one) => [one.accessKey, one]));
  return new Authenticator<string>(
    { region: settings.region, versionTwo: settings.versionTwo },
    {
      clock: { nowMs: () => settings.nowMs ?? EXAMPLE_TIME_MS },
      credentials: { lookup: (accessKey) => known.get(accessKey) },
    },
  );
}

export interface SignInput {
  readonly line: string;
  readonly headers: HeaderFields;
  readonly signedHeaders?: readonly string[];
  readonly scope?: string;
  readonly timestamp?: string;
  readonly credential?: Credential<string>;
  /** The canonical path and query, when they are not what the line says. */
  readonly canonicalPath?: string;
  readonly canonicalQuery?: string;
}

/** The client's side of Signature V4, written after the specification. */
export function sign(input: SignInput): SignedRequest {
  const { line, headers } = input;
  const credential = input.credential ?? EXAMPLE;
  const timestamp = input.timestamp ?? String(headers["x-amz-date"] ?? EXAMPLE_TIME);
  const scope = input.scope ?? `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const plain = request(line, headers);
  const names = input.signedHeaders ?? Object.keys(headers).sort();
  const canonical = [
    plain.method,
    input.canonicalPath ?? plain.rawPath,
    input.canonicalQuery ?? plain.rawQuery,
    ...names.map(
      (name) => `${name}:${(plain.headers.get(name) ?? "").trim().replace(/\s+/g, " ")}`,
    ),
    "",
    names.join(";"),
    plain.headers.get("x-amz-content-sha256"),
  ].join("\n");
  const digest = createHash("sha256").update(canonical).digest("hex");
  const signature = signText(
    credential.secretKey,
    scope,
    `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${digest}`,
  );
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential.accessKey}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`;
  return request(line, { ...headers, authorization });
}

export function signText(secretKey: string, scope: string, text: string): string {
  let key: string | Buffer = `AWS4${secretKey}`;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  return createHmac("sha256", key).update(text).digest("hex");
}

export const PLAIN_HEADERS = {
  host: "examplebucket.s3.amazonaws.com",
  "x-amz-content-sha256": EMPTY_HASH,
  "x-amz-date": EXAMPLE_TIME,
} as const;
