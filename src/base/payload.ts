/**
 * How an upload's bytes travel from the HTTP front, through an optional decoder (aws-chunked), into
 * the object layer: a push protocol without copies or promises, because the front's chunk is dead
 * once its callback returns.
 *
 * Exactly one of `end` and `fail` is called on a sink, once, and nothing after it.
 */
import type { StoreError } from "./store-error.ts";

/**
 * The checksums S3 knows, by the suffix of their `x-amz-checksum-` header. Records store the place
 * in this list (docs/FORMATS.md): it grows at its end only.
 */
export const CHECKSUM_ALGORITHMS = [
  "crc32",
  "crc32c",
  "crc64nvme",
  "sha1",
  "sha256",
  "sha512",
  "md5",
  "xxhash64",
  "xxhash3",
  "xxhash128",
] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

/** A checksum value, raw bytes (big-endian for the CRCs, as in the header's base64). */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly value: Uint8Array;
}

/** What the client says about the whole payload; all of it is verified before anything is stored. */
export interface PayloadExpectations {
  /** Content-MD5, 16 bytes. */
  readonly md5?: Uint8Array;
  /** x-amz-content-sha256 as a digest, 32 bytes. */
  readonly sha256?: Uint8Array;
  /** x-amz-checksum-*, from a header or from a trailer. */
  readonly checksum?: Checksum;
}

export interface PayloadSink {
  /**
   * Takes a chunk and copies what it needs before returning. False asks the source to pause until
   * its `resume` is called; the chunk itself was taken all the same.
   */
  write(chunk: Uint8Array): boolean;
  /**
   * Closes a segment: `check` is called later, in order, with the SHA-256 of the bytes written
   * since the last segment (signed aws-chunked). An error that it returns fails the upload.
   * Only called on uploads opened with `segmentDigests: true`.
   */
  endSegment(check: (sha256: Uint8Array) => StoreError | undefined): void;
  /** The payload is complete; `trailing` adds to what was expected from the start. */
  end(trailing?: PayloadExpectations): void;
  /** The payload cannot be completed: the client is gone or sent nonsense. */
  fail(error: StoreError): void;
}

export interface PayloadSource {
  /** Decoded length in bytes; undefined when only the end of the stream tells. */
  readonly length: number | undefined;
  /** True when `endSegment` will be called. */
  readonly segmentDigests: boolean;
  /** Known before the first byte. */
  readonly expectations: PayloadExpectations;
  /** A checksum that will come in a trailer: the sink must compute it from the start. */
  readonly trailingChecksum: ChecksumAlgorithm | undefined;
  /** Starts the flow into `sink`, at most once. Chunks may arrive before it returns. */
  start(sink: PayloadSink): void;
  resume(): void;
  /**
   * The sink refused the payload and ignores what still comes: a source that can save itself the
   * work stops, and need call neither `end` nor `fail`.
   */
  stop?(): void;
}
