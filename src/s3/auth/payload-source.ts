/**
 * The body of a request as the payload it carries: decoded, with everything that the client said
 * about it collected for whoever stores it. Nothing is verified here but the framing; the sink
 * computes digests and compares.
 */
import type { PayloadExpectations, PayloadSink, PayloadSource } from "../../base/payload.ts";
import type { HttpHeaders } from "../../http/headers.ts";
import type { HttpBody } from "../../http/request.ts";
import { type BodyChecksum, decodeBase64, parseBodyChecksum } from "../checksum-headers.ts";
import { QueryParameters } from "../query.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import type { AuthResult, PayloadMode } from "./auth-result.ts";
import { ChunkedDecoder, type ChunkedDecoderOptions } from "./aws-chunked.ts";
import { SignatureChain } from "./chunk-signatures.ts";
import { effectiveHeaders } from "./hoisted-headers.ts";

export interface PayloadRequest {
  readonly headers: HttpHeaders;
  readonly rawQuery: string;
  /** Undefined without one: no body, or a chunked one. */
  readonly contentLength: number | undefined;
  /** Transfer-Encoding: chunked. */
  readonly chunked: boolean;
  readonly body: HttpBody;
}

export interface PayloadSourceOptions {
  /**
   * "object": `x-amz-checksum-*` headers describe the object that results, not this body
   * (CompleteMultipartUpload), and are left to the operation.
   */
  readonly checksumHeaders?: "body" | "object";
}

/** Throws S3Error for contradictory or unreadable promises; reads nothing yet. */
export function createPayloadSource(
  request: PayloadRequest,
  auth: AuthResult,
  options: PayloadSourceOptions = {},
): PayloadSource {
  const headers = payloadHeaders(request, auth);
  const { payload } = auth;
  const chunked = payload.kind === "chunked-signed" || payload.kind === "chunked-unsigned";
  const body: BodyChecksum =
    options.checksumHeaders === "object"
      ? { checksum: undefined, trailing: undefined }
      : parseBodyChecksum(headers);
  checkTrailerMode(payload, body);
  const expectations = readExpectations(headers, payload, body);
  if (!chunked) return new PlainSource(request, expectations);
  return new ChunkedSource(request.body, expectations, {
    payload,
    decodedLength: readDecodedLength(headers),
    trailing: body.trailing,
  });
}

function payloadHeaders(request: PayloadRequest, auth: AuthResult): HttpHeaders {
  if (auth.kind !== "signed" || auth.via !== "query") return request.headers;
  return effectiveHeaders(request.headers, QueryParameters.parse(request.rawQuery), auth);
}

/** A trailer can only come where the encoding has a place for it. */
function checkTrailerMode(payload: PayloadMode, { trailing }: BodyChecksum): void {
  if (trailing === undefined || payload.kind === "chunked-unsigned") return;
  if (payload.kind === "chunked-signed" && payload.trailer) return;
  throw new S3Error("InvalidRequest", {
    message: "x-amz-trailer requires an x-amz-content-sha256 that ends in -TRAILER",
  });
}

const MD5_BYTES = 16;

function readExpectations(
  headers: HttpHeaders,
  payload: PayloadMode,
  { checksum }: BodyChecksum,
): PayloadExpectations {
  const md5Text = headers.get("content-md5");
  const md5 = md5Text === undefined ? undefined : decodeBase64(md5Text, MD5_BYTES);
  if (md5Text !== undefined && md5 === undefined) throw new S3Error("InvalidDigest");
  return {
    ...(md5 === undefined ? {} : { md5 }),
    ...(payload.kind === "digest" ? { sha256: Buffer.from(payload.sha256, "hex") } : {}),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

const DECODED_LENGTH = "x-amz-decoded-content-length";

function readDecodedLength(headers: HttpHeaders): number {
  const text = headers.get(DECODED_LENGTH);
  if (text === undefined) throw new S3Error("MissingContentLength");
  const length = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(length)) return length;
  throw invalidArgument(`${DECODED_LENGTH} must be a whole number of bytes`, DECODED_LENGTH, text);
}

/** A body that is the payload: the HTTP body feeds the sink directly. */
class PlainSource implements PayloadSource {
  readonly length: number | undefined;
  readonly segmentDigests = false;
  readonly expectations: PayloadExpectations;
  readonly trailingChecksum = undefined;
  readonly #body: HttpBody;

  constructor(request: PayloadRequest, expectations: PayloadExpectations) {
    this.length = request.chunked ? undefined : (request.contentLength ?? 0);
    this.expectations = expectations;
    this.#body = request.body;
  }

  start(sink: PayloadSink): void {
    this.#body.start(sink);
  }

  resume(): void {
    this.#body.resume();
  }
}

interface ChunkedSettings {
  readonly payload: PayloadMode;
  readonly decodedLength: number;
  readonly trailing: PayloadSource["trailingChecksum"];
}

/** A body in aws-chunked encoding. */
class ChunkedSource implements PayloadSource {
  readonly length: number;
  readonly segmentDigests: boolean;
  readonly expectations: PayloadExpectations;
  readonly trailingChecksum: PayloadSource["trailingChecksum"];
  readonly #body: HttpBody;
  readonly #decoderOptions: ChunkedDecoderOptions;

  constructor(body: HttpBody, expectations: PayloadExpectations, settings: ChunkedSettings) {
    const { payload, decodedLength, trailing } = settings;
    const signed = payload.kind === "chunked-signed" ? payload : undefined;
    this.length = decodedLength;
    this.segmentDigests = signed !== undefined;
    this.expectations = expectations;
    this.trailingChecksum = trailing;
    this.#body = body;
    const trailer = { checksum: trailing, signed: signed !== undefined };
    this.#decoderOptions = {
      decodedLength,
      signatures: signed === undefined ? undefined : new SignatureChain(signed.signing),
      trailer: signed?.trailer === false ? undefined : trailer,
    };
  }

  start(sink: PayloadSink): void {
    this.#body.start(new ChunkedDecoder(sink, this.#decoderOptions));
  }

  resume(): void {
    this.#body.resume();
  }
}
