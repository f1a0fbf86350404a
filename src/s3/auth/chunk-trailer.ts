/**
 * The lines after the final chunk: at most the one announced checksum and, when chunks are signed,
 * the trailer's own signature.
 *
 * Lines end with CR LF or a bare LF: AWS's documentation and the Go client put both into one
 * trailer, `name:value LF CR LF x-amz-trailer-signature:… CR LF CR LF`. So with signatures an empty
 * line before the signature is skipped, and otherwise the first empty line ends the trailer.
 */
import type { Checksum, ChecksumAlgorithm } from "../../base/payload.ts";
import { decodeChecksum } from "../checksum-headers.ts";

export type TrailerResult =
  | { readonly kind: "more" }
  | { readonly kind: "malformed" }
  | { readonly kind: "invalid-checksum"; readonly name: string }
  | {
      readonly kind: "complete";
      readonly checksum: Checksum | undefined;
      /** What the signature covers. */
      readonly lines: string;
      readonly signature: string | undefined;
    };

const MORE: TrailerResult = { kind: "more" };
const MALFORMED: TrailerResult = { kind: "malformed" };
const SIGNATURE_NAME = "x-amz-trailer-signature";

export interface TrailerExpectations {
  readonly checksum: ChecksumAlgorithm | undefined;
  readonly signed: boolean;
}

export class TrailerReader {
  readonly #expected: TrailerExpectations;
  #value: string | undefined;
  #signature: string | undefined;

  constructor(expected: TrailerExpectations) {
    this.#expected = expected;
  }

  /** Takes one line without its line end. */
  readLine(line: string): TrailerResult {
    if (line === "") return this.#readEnd();
    const colon = line.indexOf(":");
    const name = trimBlanks(line.slice(0, Math.max(colon, 0))).toLowerCase();
    const value = trimBlanks(line.slice(colon + 1));
    if (name === SIGNATURE_NAME) {
      if (!this.#expected.signed || this.#signature !== undefined) return MALFORMED;
      this.#signature = value;
      return MORE;
    }
    const announced = this.#expected.checksum;
    if (announced === undefined || name !== `x-amz-checksum-${announced}`) return MALFORMED;
    if (this.#value !== undefined || this.#signature !== undefined) return MALFORMED;
    this.#value = value;
    return MORE;
  }

  #readEnd(): TrailerResult {
    const { checksum: algorithm, signed } = this.#expected;
    if (signed && this.#signature === undefined) {
      // Only the line end between the checksum and the signature.
      return this.#value === undefined && algorithm !== undefined ? MALFORMED : MORE;
    }
    if (algorithm === undefined) {
      return { kind: "complete", checksum: undefined, lines: "", signature: this.#signature };
    }
    if (this.#value === undefined) return MALFORMED;
    const name = `x-amz-checksum-${algorithm}`;
    const value = decodeChecksum(algorithm, this.#value);
    if (value === undefined) return { kind: "invalid-checksum", name };
    const lines = `${name}:${this.#value}\n`;
    return { kind: "complete", checksum: { algorithm, value }, lines, signature: this.#signature };
  }
}

/** Blanks around a value mean nothing; other control characters are not white space of HTTP. */
function trimBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
