/** Sends one request to the administration API of a server: signed, and sealed where the route asks. */
import { createHash } from "node:crypto";
import { decryptBody, encryptBody } from "../admin/body-encryption.ts";
import { canonicalQuery, canonicalRequest } from "../s3/auth/canonical-request.ts";
import { SIGNATURE_ALGORITHM } from "../s3/auth/signature.ts";
import { deriveSigningKey, SigningKey } from "../s3/auth/signing-key.ts";
import { formatAmzDate } from "../s3/dates.ts";
import { argon2InWorker } from "./argon2.ts";
import { systemClock } from "./system-clock.ts";
import { systemRandom } from "./system-random.ts";

/** What to ask. */
export interface AdminCall {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** After `/minio/admin/v3/`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Sent as JSON, sealed when `sealed`; a text and bytes are sent as they are. */
  readonly body: object | string | Uint8Array | undefined;
  readonly sealed: boolean;
}

/** Whom to ask, and as whom. */
export interface AdminTarget {
  /** `http://127.0.0.1:9000` */
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface AdminReply {
  readonly status: number;
  /** JSON, unsealed; "" when there is none. */
  readonly text: string;
  /** A file instead. */
  readonly file?: Buffer;
}

const DEADLINE_MS = 60_000;

export async function callAdmin(call: AdminCall, target: AdminTarget): Promise<AdminReply> {
  const body = await bodyOf(call, target);
  const path = `/minio/admin/v3/${call.path}`;
  const query = new URLSearchParams(call.query).toString().replaceAll("+", "%20");
  const { host, origin } = new URL(target.url);
  const headers = signed({ method: call.method, path, query, host, body }, target);
  const response = await fetch(`${origin}${path}${query === "" ? "" : `?${query}`}`, {
    method: call.method,
    headers,
    redirect: "error",
    signal: AbortSignal.timeout(DEADLINE_MS),
    ...(body.length === 0 ? {} : { body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const { status } = response;
  const contentType = response.headers.get("content-type");
  if (contentType === "application/zip") return { status, text: "", file: bytes };
  if (contentType !== "application/octet-stream") {
    return { status, text: bytes.toString("utf8") };
  }
  const plain = await decryptBody(target.secretKey, bytes, argon2InWorker);
  if (plain === undefined) throw new Error("the answer cannot be decrypted");
  return { status, text: plain.toString("utf8") };
}

async function bodyOf({ body, sealed }: AdminCall, { secretKey }: AdminTarget): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const text = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return sealed ? encryptBody(secretKey, text, systemRandom) : text;
}

interface Signable {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly host: string;
  readonly body: Buffer;
}

/** With an empty region, as MinIO's clients sign for administration. */
function signed(
  { method, path, query, host, body }: Signable,
  { accessKey, secretKey }: AdminTarget,
): Record<string, string> {
  const timestamp = formatAmzDate(systemClock.nowMs());
  const date = timestamp.slice(0, 8);
  const payloadHash = createHash("sha256").update(body).digest("hex");
  const headers = new Map([
    ["host", host],
    ["x-amz-content-sha256", payloadHash],
    ["x-amz-date", timestamp],
  ]);
  const signedHeaders = [...headers.keys()];
  const signedHeadersText = signedHeaders.join(";");
  const canonical = canonicalRequest(
    {
      method,
      rawPath: path,
      rawQuery: query,
      headers: { get: (name) => headers.get(name), entries: () => headers },
    },
    { signedHeaders, signedHeadersText, canonicalQuery: canonicalQuery(query), payloadHash },
  );
  const scope = `${date}//s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const key = new SigningKey(deriveSigningKey(secretKey, { date, region: "", service: "s3" }));
  const signature = key.sign(`${SIGNATURE_ALGORITHM}\n${timestamp}\n${scope}\n${digest}`);
  headers.delete("host");
  return {
    ...Object.fromEntries(headers),
    authorization: `${SIGNATURE_ALGORITHM} Credential=${accessKey}/${scope}, SignedHeaders=${signedHeadersText}, Signature=${signature}`,
  };
}
