/**
 * What a request says about encryption, and what an answer does: SSE-C with a key of the customer's,
 * SSE-S3 and SSE-KMS with keys of ours. A key that a client sends goes to the object layer and nowhere
 * else: no error and no log repeats it.
 */
import { createHash } from "node:crypto";
import { equalBytes } from "../base/bytes.ts";
import type {
  Bucket,
  EncryptionAccess,
  EncryptionRequest,
  ObjectEncryptionFacts,
} from "../object/contract/object-store.ts";
import { decodeBase64 } from "./checksum-headers.ts";
import type { ServiceContext } from "./context.ts";
import { bucketEncryptionOf } from "./documents/encryption.ts";
import type { HeaderList } from "./respond.ts";
import { invalidArgument, S3Error } from "./s3-error.ts";

const SSE = "x-amz-server-side-encryption";
const KMS_KEY_ID = `${SSE}-aws-kms-key-id`;
const KMS_CONTEXT = `${SSE}-context`;
const BUCKET_KEY = `${SSE}-bucket-key-enabled`;
const CUSTOMER = customerNames(`${SSE}-customer-`);
const COPY_CUSTOMER = customerNames("x-amz-copy-source-server-side-encryption-customer-");

const CUSTOMER_KEY_BYTES = 32;
const MD5_BYTES = 16;
/** A context as JSON; it is stored with the object. */
export const ENCRYPTION_CONTEXT_BYTES_MAX = 2048;

/** What of a request is looked at. */
export type EncryptionContext = Pick<ServiceContext, "headers" | "request" | "options">;

/** How a new object is to be encrypted: as the request says, else the bucket, else the settings. */
export function writeEncryption(
  context: EncryptionContext,
  bucket: Bucket,
): EncryptionRequest | undefined {
  const asked = requestedEncryption(context);
  const defaults = bucketEncryptionOf(bucket);
  if (asked?.mode === "customer" && defaults?.blocked?.includes("SSE-C")) {
    throw new S3Error("AccessDenied", {
      message: "The bucket does not accept Server Side Encryption with Customer provided keys.",
    });
  }
  return asked ?? defaultEncryption(bucket) ?? context.options.automaticEncryption;
}

/** What the bucket wants for objects that say nothing. */
export function defaultEncryption(bucket: Bucket): EncryptionRequest | undefined {
  const { algorithm, keyId } = bucketEncryptionOf(bucket) ?? {};
  if (algorithm === undefined) return undefined;
  if (algorithm === "AES256") return { mode: "managed" };
  return { mode: "kms", ...(keyId === undefined ? {} : { keyId: keyName(keyId) }) };
}

/** What the request asks for itself. */
export function requestedEncryption(context: EncryptionContext): EncryptionRequest | undefined {
  const { headers } = context;
  const { customerKey } = customerAccess(context, CUSTOMER);
  const method = headers.get(SSE);
  if (customerKey !== undefined) {
    if (method === undefined && !hasKmsHeader(context)) {
      return { mode: "customer", key: customerKey };
    }
    throw conflict(
      "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
      method ?? "",
    );
  }
  if (method === "aws:kms") return kmsRequest(context);
  if (hasKmsHeader(context)) {
    throw conflict(
      "Server Side Encryption with KMS managed key requires the encryption method aws:kms",
      method ?? "",
    );
  }
  if (method === undefined) return undefined;
  if (method === "AES256") return { mode: "managed" };
  if (method === "aws:kms:dsse") throw noDoubleEncryption(SSE);
  throw conflict("The encryption method specified is not supported", method);
}

/** The customer's key for what is read, or written as a part. */
export function readAccess(context: EncryptionContext): EncryptionAccess {
  const method = context.headers.get(SSE);
  if (method !== undefined || hasKmsHeader(context)) {
    throw conflict("The encryption method belongs to requests that write", method ?? "");
  }
  return customerAccess(context, CUSTOMER);
}

/** The customer's key for the parts of an upload, whose encryption was chosen when it began. */
export function partAccess(context: EncryptionContext): EncryptionAccess {
  return customerAccess(context, CUSTOMER);
}

/** The customer's key for the source of a copy. */
export function copySourceAccess(context: EncryptionContext): EncryptionAccess {
  return customerAccess(context, COPY_CUSTOMER);
}

/** Headers of an answer about an object, or a part of one. */
export function encryptionHeaders(
  facts: ObjectEncryptionFacts | undefined,
  { headers }: Pick<EncryptionContext, "headers">,
): HeaderList {
  if (facts === undefined) return [];
  if (facts.mode === "managed") return [[SSE, "AES256"]];
  if (facts.mode === "customer") {
    const md5 = headers.get(CUSTOMER.md5);
    const algorithm: HeaderList = [[CUSTOMER.algorithm, "AES256"]];
    return md5 === undefined ? algorithm : [...algorithm, [CUSTOMER.md5Shown, md5]];
  }
  const shown: HeaderList = [[SSE, "aws:kms"]];
  if (facts.keyId !== undefined) shown.push([KMS_KEY_ID, facts.keyId]);
  if (facts.context !== undefined) {
    shown.push([KMS_CONTEXT, Buffer.from(facts.context).toString("base64")]);
  }
  return shown;
}

/** `arn:aws:kms:NAME` as MinIO writes it, a whole ARN as AWS does, or the name alone. */
export function keyName(keyId: string): string {
  const arn = /^arn:aws[a-z-]*:kms:(?:[^:]*:[^:]*:key\/)?(.*)$/s.exec(keyId);
  return arn?.[1] ?? keyId;
}

export function noDoubleEncryption(header: string): S3Error {
  return new S3Error("NotImplemented", {
    message: "Dual-layer server-side encryption (aws:kms:dsse) is not implemented.",
    details: [["Header", header]],
  });
}

function hasKmsHeader({ headers }: EncryptionContext): boolean {
  return headers.has(KMS_KEY_ID) || headers.has(KMS_CONTEXT);
}

function kmsRequest({ headers }: EncryptionContext): EncryptionRequest {
  const keyId = headers.get(KMS_KEY_ID);
  const context = headers.get(KMS_CONTEXT);
  const bucketKey = headers.get(BUCKET_KEY);
  if (bucketKey !== undefined && bucketKey !== "true" && bucketKey !== "false") {
    throw invalidArgument("A bucket key is enabled with true or false", BUCKET_KEY, bucketKey);
  }
  if (keyId === "") throw invalidArgument("The key id is empty", KMS_KEY_ID, "");
  return {
    mode: "kms",
    ...(keyId === undefined ? {} : { keyId: keyName(keyId) }),
    ...(context === undefined ? {} : { context: canonicalContext(context) }),
  };
}

/** Base64 of a JSON object of texts; in the one form that stands for it. */
function canonicalContext(header: string): string {
  const problem = () =>
    invalidArgument(
      `The encryption context must be base64 of a JSON object of texts, at most ${ENCRYPTION_CONTEXT_BYTES_MAX} bytes`,
      KMS_CONTEXT,
      header.slice(0, ENCRYPTION_CONTEXT_BYTES_MAX),
    );
  const json = Buffer.from(header, "base64");
  if (json.length === 0 || json.length > ENCRYPTION_CONTEXT_BYTES_MAX) throw problem();
  let value: unknown;
  try {
    value = JSON.parse(json.toString("utf8"));
  } catch {
    throw problem();
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw problem();
  const entries = Object.entries(value);
  if (!entries.every(([, text]) => typeof text === "string")) throw problem();
  entries.sort(([left], [right]) => (left < right ? -1 : 1));
  return entries.length === 0 ? "" : JSON.stringify(Object.fromEntries(entries));
}

/** The names of the headers that bring a customer's key, made once. */
interface CustomerNames {
  readonly algorithm: string;
  readonly key: string;
  readonly md5: string;
  /** As answers and errors write it. */
  readonly md5Shown: string;
}

function customerNames(prefix: string): CustomerNames {
  return {
    algorithm: `${prefix}algorithm`,
    key: `${prefix}key`,
    md5: `${prefix}key-md5`,
    md5Shown: `${prefix}key-MD5`,
  };
}

const NO_CUSTOMER_KEY: EncryptionAccess = {};

/** Algorithm, key and its MD5, all three or none. */
function customerAccess(context: EncryptionContext, names: CustomerNames): EncryptionAccess {
  const { headers } = context;
  const algorithm = headers.get(names.algorithm);
  const keyText = headers.get(names.key);
  const md5Text = headers.get(names.md5);
  if (algorithm === undefined && keyText === undefined && md5Text === undefined) {
    return NO_CUSTOMER_KEY;
  }
  requireSafeTransport(context);
  if (algorithm === undefined) {
    throw incomplete(names.algorithm, "must provide a valid encryption algorithm.");
  }
  if (algorithm !== "AES256") {
    throw new S3Error("InvalidEncryptionAlgorithmError", {
      details: [
        ["ArgumentName", names.algorithm],
        ["ArgumentValue", algorithm],
      ],
    });
  }
  const key = keyText === undefined ? undefined : decodeBase64(keyText, CUSTOMER_KEY_BYTES);
  if (key === undefined) {
    throw incomplete(names.key, "must provide an appropriate secret key.");
  }
  const md5 = md5Text === undefined ? undefined : decodeBase64(md5Text, MD5_BYTES);
  if (md5 === undefined) {
    throw incomplete(names.md5Shown, "must provide the client calculated MD5 of the secret key.");
  }
  if (!equalBytes(md5, createHash("md5").update(key).digest())) {
    throw new S3Error("InvalidArgument", {
      message: "The calculated MD5 hash of the key did not match the hash that was provided.",
      details: [["ArgumentName", names.md5Shown]],
    });
  }
  return { customerKey: key };
}

/** A key in the clear on a network is nobody's secret any more. */
function requireSafeTransport({ request, options }: EncryptionContext): void {
  const { customerKeys } = options;
  if (request.secure || customerKeys === "any") return;
  if (customerKeys === "local" && isLoopback(request.remoteAddress)) return;
  throw new S3Error("InvalidRequest", {
    message:
      "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.",
  });
}

function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\./.test(address) || address === "::1";
}

function incomplete(name: string, what: string): S3Error {
  return new S3Error("InvalidArgument", {
    message: `Requests specifying Server Side Encryption with Customer provided keys ${what}`,
    details: [["ArgumentName", name]],
  });
}

function conflict(message: string, value: string): S3Error {
  return invalidArgument(message, SSE, value);
}
