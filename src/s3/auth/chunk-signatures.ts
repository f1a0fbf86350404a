/**
 * The chain of signatures over an aws-chunked body. Each chunk's string to sign names the signature
 * before it, so that no chunk can be dropped, repeated, moved or cut off.
 *
 * A link names the signatures that the client sent, not computed ones: when every link holds they
 * are the same, and so links can be checked as their digests arrive.
 */
import { hash } from "node:crypto";
import { toHex } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";
import { S3_ERRORS } from "../s3-error-codes.ts";
import type { ChunkSigning } from "./auth-result.ts";
import { EMPTY_SHA256 } from "./payload-mode.ts";
import { equalSignatures } from "./signature.ts";

export class SignatureChain {
  readonly #signing: ChunkSigning;
  #previous: string;

  constructor(signing: ChunkSigning) {
    this.#signing = signing;
    this.#previous = signing.seedSignature;
  }

  /** The check of the next chunk, to be called with the digest of its data. */
  next(signature: string): (sha256: Uint8Array) => StoreError | undefined {
    const previous = this.#previous;
    this.#previous = signature;
    return (sha256) => this.#check(`${previous}\n${EMPTY_SHA256}\n${toHex(sha256)}`, signature);
  }

  /** Checks the final chunk, which has no data. */
  checkFinal(signature: string): StoreError | undefined {
    const previous = this.#previous;
    this.#previous = signature;
    return this.#check(`${previous}\n${EMPTY_SHA256}\n${EMPTY_SHA256}`, signature);
  }

  /** Checks the trailer: its lines `name:value\n`, signed after the final chunk. */
  checkTrailer(lines: string, signature: string): StoreError | undefined {
    const expected = this.#sign(
      "AWS4-HMAC-SHA256-TRAILER",
      `${this.#previous}\n${hash("sha256", lines, "hex")}`,
    );
    return equalSignatures(expected, signature) ? undefined : signatureMismatch();
  }

  #check(link: string, signature: string): StoreError | undefined {
    const expected = this.#sign("AWS4-HMAC-SHA256-PAYLOAD", link);
    return equalSignatures(expected, signature) ? undefined : signatureMismatch();
  }

  #sign(kind: string, link: string): string {
    const { timestamp, scope, signingKey } = this.#signing;
    return signingKey.sign(`${kind}\n${timestamp}\n${scope}\n${link}`);
  }
}

function signatureMismatch(): StoreError {
  const [, message] = S3_ERRORS.SignatureDoesNotMatch;
  return new StoreError({ code: "payload-rejected", s3Code: "SignatureDoesNotMatch", message });
}
