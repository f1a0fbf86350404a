/** Builds raw HTTP/1.1 requests signed with Signature V4, before the clock of a benchmark starts. */
import { createHash, createHmac } from "node:crypto";

export interface Credentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface RequestSpec {
  readonly method: "GET" | "PUT" | "HEAD" | "DELETE" | "POST";
  /** Already encoded. */
  readonly path: string;
  readonly query?: string;
  readonly body?: Buffer;
  /** Sends `UNSIGNED-PAYLOAD` instead of the body's digest. */
  readonly unsignedPayload?: boolean;
}

const REGION = "us-east-1";

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** A signer for one host and one moment; the signing key is derived once. */
export function createSigner(host: string, credentials: Credentials, now = new Date()) {
  const timestamp = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);
  const scope = `${date}/${REGION}/s3/aws4_request`;
  const dateKey = hmac(`AWS4${credentials.secretKey}`, date);
  const signingKey = hmac(hmac(hmac(dateKey, REGION), "s3"), "aws4_request");
  const signedHeaders = "host;x-amz-content-sha256;x-amz-date";

  return (spec: RequestSpec): Buffer[] => {
    const body = spec.body ?? Buffer.alloc(0);
    const payload = spec.unsignedPayload === true ? "UNSIGNED-PAYLOAD" : sha256(body);
    const query = spec.query ?? "";
    const headers = `host:${host}\nx-amz-content-sha256:${payload}\nx-amz-date:${timestamp}\n`;
    const canonical = [spec.method, spec.path, query, headers, signedHeaders, payload].join("\n");
    const toSign = ["AWS4-HMAC-SHA256", timestamp, scope, sha256(canonical)].join("\n");
    const signature = hmac(signingKey, toSign).toString("hex");
    const target = query === "" ? spec.path : `${spec.path}?${query}`;
    const head =
      `${spec.method} ${target} HTTP/1.1\r\nHost: ${host}\r\n` +
      `x-amz-content-sha256: ${payload}\r\nx-amz-date: ${timestamp}\r\n` +
      `Authorization: AWS4-HMAC-SHA256 Credential=${credentials.accessKey}/${scope}, ` +
      `SignedHeaders=${signedHeaders}, Signature=${signature}\r\n` +
      (spec.method === "GET" || spec.method === "HEAD"
        ? "\r\n"
        : `Content-Length: ${body.length}\r\n\r\n`);
    return body.length === 0 ? [Buffer.from(head)] : [Buffer.from(head), body];
  };
}
