/** Writes aws-chunked bodies as a client does, and records what a decoder makes of them. */
import { createHash } from "node:crypto";
import type { PayloadExpectations, PayloadSink } from "../../../../src/base/payload.ts";
import type { StoreError } from "../../../../src/base/store-error.ts";
import type { ChunkSigning } from "../../../../src/s3/auth/auth-result.ts";
import { deriveSigningKey, SigningKey } from "../../../../src/s3/auth/signing-key.ts";
import { EMPTY_HASH, EXAMPLE, EXAMPLE_TIME, signText } from "./signed-requests.ts";

export const SCOPE = "20130524/us-east-1/s3/aws4_request";

export function signingFrom(seedSignature: string): ChunkSigning {
  const [date = "", region = "", service = ""] = SCOPE.split("/");
  return {
    signingKey: new SigningKey(deriveSigningKey(EXAMPLE.secretKey, { date, region, service })),
    timestamp: EXAMPLE_TIME,
    scope: SCOPE,
    seedSignature,
  };
}

function sha256Hex(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

export interface BodyInput {
  readonly chunks: readonly Uint8Array[];
  /** The seed when chunks are signed. */
  readonly seed?: string;
  /** `name:value` of a trailer. */
  readonly trailer?: string;
  /** What stands between the trailer and its signature, or ends the trailer. */
  readonly trailerEnd?: string;
  readonly end?: string;
}

/** The whole encoded body, and the signatures in it. */
export function encodeBody(input: BodyInput): { body: Buffer; signatures: readonly string[] } {
  const signatures: string[] = [];
  const pieces: Array<Uint8Array | string> = [];
  let previous = input.seed;
  const signChunk = (data: Uint8Array): string => {
    if (previous === undefined) return "";
    const text = `AWS4-HMAC-SHA256-PAYLOAD\n${EXAMPLE_TIME}\n${SCOPE}\n${previous}\n${EMPTY_HASH}\n${sha256Hex(data)}`;
    previous = signText(EXAMPLE.secretKey, SCOPE, text);
    signatures.push(previous);
    return `;chunk-signature=${previous}`;
  };
  for (const chunk of input.chunks) {
    pieces.push(`${chunk.length.toString(16)}${signChunk(chunk)}\r\n`, chunk, "\r\n");
  }
  pieces.push(`0${signChunk(Buffer.alloc(0))}\r\n`);
  if (input.trailer !== undefined) {
    pieces.push(`${input.trailer}${input.trailerEnd ?? "\r\n"}`);
    if (previous !== undefined) {
      const text = `AWS4-HMAC-SHA256-TRAILER\n${EXAMPLE_TIME}\n${SCOPE}\n${previous}\n${sha256Hex(`${input.trailer}\n`)}`;
      const signature = signText(EXAMPLE.secretKey, SCOPE, text);
      signatures.push(signature);
      pieces.push(`x-amz-trailer-signature:${signature}\r\n`);
    }
  }
  pieces.push(input.end ?? "\r\n");
  return { body: Buffer.concat(pieces.map((piece) => Buffer.from(piece))), signatures };
}

export type Outcome =
  | { readonly kind: "pending" }
  | { readonly kind: "ended"; readonly trailing: PayloadExpectations | undefined }
  | { readonly kind: "failed"; readonly error: StoreError };

/** A sink that copies everything and runs the checks when asked, as the hashing actors do. */
export class RecordingSink implements PayloadSink {
  outcome: Outcome = { kind: "pending" };
  segments = 0;
  afterEnd = 0;
  readonly #pieces: Buffer[] = [];
  readonly #checks: Array<() => StoreError | undefined> = [];
  #segment: Buffer[] = [];
  readonly #pauseEvery: number;
  #writes = 0;

  constructor(pauseEvery = 0) {
    this.#pauseEvery = pauseEvery;
  }

  get data(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  write(chunk: Uint8Array): boolean {
    if (this.outcome.kind !== "pending") this.afterEnd += 1;
    const copy = Buffer.from(chunk);
    this.#pieces.push(copy);
    this.#segment.push(copy);
    this.#writes += 1;
    return this.#pauseEvery === 0 || this.#writes % this.#pauseEvery !== 0;
  }

  endSegment(check: (sha256: Uint8Array) => StoreError | undefined): void {
    if (this.outcome.kind !== "pending") this.afterEnd += 1;
    const digest = createHash("sha256").update(Buffer.concat(this.#segment)).digest();
    this.#segment = [];
    this.segments += 1;
    this.#checks.push(() => check(digest));
  }

  end(trailing?: PayloadExpectations): void {
    if (this.outcome.kind !== "pending") this.afterEnd += 1;
    this.outcome = { kind: "ended", trailing };
  }

  fail(error: StoreError): void {
    if (this.outcome.kind !== "pending") this.afterEnd += 1;
    this.outcome = { kind: "failed", error };
  }

  /** The first check that fails, in order; undefined when all pass. */
  runChecks(): StoreError | undefined {
    for (const check of this.#checks) {
      const error = check();
      if (error !== undefined) return error;
    }
    return undefined;
  }
}
