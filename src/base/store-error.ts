/**
 * Operating errors: one closed union, plain data inside one Error class.
 *
 * Across a thread or a peer only the data travels (`toData` / `fromData`), because structured clone
 * strips classes. Messages name no secret and no path of the machine.
 */

export type StoreErrorData =
  /** The object, version, upload, bucket named by the caller is known not to exist. */
  | { readonly code: "no-such-bucket" }
  | { readonly code: "no-such-key"; readonly deleteMarker?: DeleteMarkerInfo }
  | { readonly code: "no-such-version" }
  | { readonly code: "no-such-upload" }
  | { readonly code: "method-not-allowed"; readonly deleteMarker?: DeleteMarkerInfo }
  | { readonly code: "bucket-exists" }
  | { readonly code: "bucket-not-empty" }
  /** A condition (`If-Match` …) does not hold for the chosen value. */
  | { readonly code: "precondition-failed"; readonly condition: string }
  | {
      readonly code: "not-modified";
      readonly etag: string;
      readonly mtimeMs: number;
      readonly versionId: string | undefined;
    }
  /** Another node has changed the bucket's settings since they were read: read them again. */
  | { readonly code: "stale-bucket"; readonly bucketEpoch: number }
  /** Lost a duel with another conditional writer. */
  | { readonly code: "conditional-conflict" }
  /** What the client declared about the body is not true. */
  | {
      readonly code: "digest-mismatch";
      readonly digest: "md5" | "sha256" | "checksum";
      readonly algorithm?: string;
    }
  | { readonly code: "incomplete-body" }
  | { readonly code: "entity-too-large"; readonly bytesMax: number }
  | {
      readonly code: "entity-too-small";
      readonly partNumber: number;
      readonly bytes: number;
      readonly etag: string;
    }
  | { readonly code: "invalid-part"; readonly partNumber: number }
  | { readonly code: "invalid-part-order" }
  | { readonly code: "range-not-satisfiable"; readonly size: number }
  | { readonly code: "invalid-part-number" }
  | { readonly code: "invalid-argument"; readonly message: string }
  | { readonly code: "too-many-versions" }
  /** The bucket may not hold so many bytes. */
  | { readonly code: "quota-exceeded" }
  /** The version is under retention or legal hold. */
  | { readonly code: "object-locked" }
  /** About the keys of an encrypted object; never with anything of a key. */
  | { readonly code: "encryption"; readonly problem: EncryptionProblem }
  /** A rule of the caller's own, asked about the chosen value, says no. */
  | { readonly code: "refused"; readonly s3Code: string; readonly message: string }
  /** The caller's source of bytes failed with an answer of its own (a bad chunk signature …). */
  | { readonly code: "payload-rejected"; readonly s3Code: string; readonly message: string }
  | { readonly code: "client-gone" }
  /** Not enough drives answered: nothing was changed. */
  | { readonly code: "no-quorum"; readonly needed: number; readonly got: number }
  /** The write may or may not have happened (invariant a): the client must ask again. */
  | { readonly code: "unknown-outcome" }
  /** Fewer than k good shards: "cannot tell" or "cannot read", never "absent". */
  | { readonly code: "data-unavailable"; readonly message: string }
  | { readonly code: "drive-faulty"; readonly drive: string; readonly message: string }
  | { readonly code: "drive-full" }
  | { readonly code: "corrupt"; readonly what: string }
  | { readonly code: "busy" }
  | { readonly code: "deadline" }
  | { readonly code: "shutting-down" }
  | { readonly code: "internal"; readonly message: string };

export type EncryptionProblem =
  /** The object is encrypted with a customer's key, and none was given. */
  | "key-required"
  /** Another customer's key. */
  | "key-wrong"
  /** A customer's key was given for what is not encrypted with one. */
  | "key-not-applicable"
  /** There is no key to seal anew. */
  | "not-encrypted"
  /** The key management service has no key of that name. */
  | "no-such-key"
  /** No key was named, and there is no default. */
  | "no-default-key"
  /** There is no key management service. */
  | "no-service"
  /** The service cannot be asked: nobody can tell. */
  | "service-unavailable";

export interface DeleteMarkerInfo {
  readonly versionId: string;
  readonly mtimeMs: number;
}

export type StoreErrorCode = StoreErrorData["code"];

export class StoreError extends Error {
  readonly data: StoreErrorData;

  constructor(data: StoreErrorData, options?: { cause?: unknown }) {
    super(describe(data), options);
    this.name = "StoreError";
    this.data = data;
  }

  get code(): StoreErrorCode {
    return this.data.code;
  }

  /** The one place where foreign errors become ours; the original stays in `cause` for the log. */
  static from(error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new StoreError({ code: "internal", message }, { cause: error });
  }
}

function describe(data: StoreErrorData): string {
  const { code, ...details } = data;
  return Object.keys(details).length === 0 ? code : `${code} ${JSON.stringify(details)}`;
}
