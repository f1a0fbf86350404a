/**
 * Reads a small document (XML) whole and checks everything the client said about it: length,
 * payload hash, Content-MD5, checksum header or trailer, chunk signatures.
 *
 * These bytes are not in the arena. A budget for all requests together bounds them; it counts what
 * has arrived, so that a slow client holds no more than it has sent.
 */
import type { ByteBudget } from "../base/byte-budget.ts";
import { equalBytes, MIB } from "../base/bytes.ts";
import type { PayloadExpectations } from "../base/payload.ts";
import { StoreError } from "../base/store-error.ts";
import type { HttpRequest } from "../http/request.ts";
import { createPayloadSource } from "./auth/payload-source.ts";
import type { DocumentDigester, ServiceContext } from "./context.ts";
import { S3Error } from "./s3-error.ts";

/** Of documents that are being read, of all requests together. */
export const DOCUMENTS_BYTES_MAX: number = 64 * MIB;

export interface VerifiedBodyOptions {
  /** Refuse a body that carries neither Content-MD5 nor a checksum. */
  readonly digestRequired: boolean;
  /** Checksum headers speak of the object that results, not of this body. */
  readonly checksumHeaders?: "object";
}

/** What of a request a body takes to read. */
export type BodyContext = Pick<ServiceContext, "request" | "auth" | "digester" | "documents">;

/** Bodies that authorisation had to read: the operation gets them without reading twice. */
const READ = new WeakMap<HttpRequest, Buffer>();

/**
 * Rejects with S3Error or StoreError, "busy" when too much is being read already; nothing of an
 * unverified body is returned.
 */
export async function readVerifiedBody(
  context: BodyContext,
  bytesMax: number,
  options: VerifiedBodyOptions,
): Promise<Buffer> {
  const share = new Share(context.documents);
  try {
    return await readBody(context, bytesMax, { ...options, share });
  } finally {
    share.giveBack();
  }
}

function readBody(
  context: BodyContext,
  bytesMax: number,
  options: VerifiedBodyOptions & { readonly share: Share },
): Promise<Buffer> {
  const { share } = options;
  const source = createPayloadSource(
    context.request,
    context.auth,
    options.checksumHeaders === undefined ? {} : { checksumHeaders: "object" },
  );
  const { expectations } = source;
  const digested =
    expectations.md5 !== undefined ||
    expectations.checksum !== undefined ||
    source.trailingChecksum !== undefined;
  if (options.digestRequired && !digested) {
    throw new S3Error("InvalidRequest", {
      message: "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    });
  }
  if ((source.length ?? 0) > bytesMax) throw new StoreError({ code: "entity-too-large", bytesMax });
  const read = READ.get(context.request);
  if (read !== undefined) return Promise.resolve(read);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let segmentStart = 0;
    source.start({
      write(chunk) {
        bytes += chunk.length;
        if (bytes > bytesMax) reject(new StoreError({ code: "entity-too-large", bytesMax }));
        else if (share.take(chunk.length)) chunks.push(Buffer.from(chunk));
        else reject(new StoreError({ code: "busy" }));
        return true;
      },
      endSegment(check) {
        const segment = Buffer.concat(chunks).subarray(segmentStart);
        segmentStart += segment.length;
        const { sha256 } = context.digester.digest(segment, { sha256: true, checksums: [] });
        const failure = check(sha256 ?? segment);
        if (failure !== undefined) reject(failure);
      },
      end(trailing = {}) {
        const body = Buffer.concat(chunks);
        const { digester } = context;
        const failure = verify(body, expectations, digester) ?? verify(body, trailing, digester);
        if (failure !== undefined) return reject(failure);
        READ.set(context.request, body);
        resolve(body);
      },
      fail: reject,
    });
  });
}

/** What one request has taken of the budget. */
class Share {
  readonly #budget: ByteBudget;
  #taken = 0;
  #over = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** False once something was refused: a body with a hole is no body. */
  take(bytes: number): boolean {
    this.#over ||= !this.#budget.take(bytes);
    if (this.#over) return false;
    this.#taken += bytes;
    return true;
  }

  /** Chunks may come on after it. */
  giveBack(): void {
    this.#over = true;
    this.#budget.give(this.#taken);
    this.#taken = 0;
  }
}

function verify(
  body: Buffer,
  expected: PayloadExpectations,
  digester: DocumentDigester,
): StoreError | undefined {
  const { md5, sha256, checksum } = expected;
  const checksums = checksum === undefined ? [] : [checksum.algorithm];
  const actual = digester.digest(body, { sha256: sha256 !== undefined, checksums });
  if (md5 !== undefined && !equalBytes(actual.md5, md5)) {
    return new StoreError({ code: "digest-mismatch", digest: "md5" });
  }
  if (sha256 !== undefined && !equalBytes(actual.sha256 ?? body, sha256)) {
    return new StoreError({ code: "digest-mismatch", digest: "sha256" });
  }
  if (checksum === undefined) return undefined;
  const { algorithm, value } = checksum;
  if (equalBytes(actual.checksums[algorithm] ?? body, value)) return undefined;
  return new StoreError({ code: "digest-mismatch", digest: "checksum", algorithm });
}
