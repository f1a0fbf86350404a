/** The part of an HTTP request that a signature covers, as it came over the wire. */

export interface RequestHeaders {
  /** The value of the header with this lower-case name; repeated ones joined by ",". */
  get(name: string): string | undefined;
  /** Every header, in order, names in lower case, repeats kept. */
  entries(): Iterable<readonly [name: string, value: string]>;
}

export interface SignedRequest {
  readonly method: string;
  /** Undecoded and not normalised. */
  readonly rawPath: string;
  /** Undecoded, without the "?". */
  readonly rawQuery: string;
  readonly headers: RequestHeaders;
}
