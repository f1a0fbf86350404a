/** What authentication found out about a request: plain data, handed to detection and to the body. */

import type { SigningKey } from "./signing-key.ts";

/** What the request says about its payload, already covered by the signature when there is one. */
export type PayloadMode =
  /** Nothing is promised: `UNSIGNED-PAYLOAD`, or an anonymous request without a digest. */
  | { readonly kind: "unsigned" }
  /** `x-amz-content-sha256` is the digest of the body, 64 lower-case hexadecimal digits. */
  | { readonly kind: "digest"; readonly sha256: string }
  /** aws-chunked without signatures, checksum in a trailer. */
  | { readonly kind: "chunked-unsigned" }
  /** aws-chunked, every chunk signed; the trailer too when there is one. */
  | {
      readonly kind: "chunked-signed";
      readonly trailer: boolean;
      readonly signing: ChunkSigning;
    };

/** What it takes to continue the chain of signatures that the request's own one seeds. */
export interface ChunkSigning {
  readonly signingKey: SigningKey;
  /** As in the request, `20130524T000000Z`. */
  readonly timestamp: string;
  /** `20130524/us-east-1/s3/aws4_request` */
  readonly scope: string;
  readonly seedSignature: string;
}

/** How a signature came. */
export interface SignatureForm {
  /** Where from. Only header-signed requests may stream signed chunks. */
  readonly via: "header" | "query" | "form";
  readonly signatureVersion: 2 | 4;
}

export type AuthResult<Identity = unknown> =
  | (SignatureForm & {
      readonly kind: "signed";
      readonly accessKey: string;
      readonly identity: Identity;
      readonly payload: PayloadMode;
    })
  | { readonly kind: "anonymous"; readonly payload: PayloadMode };
