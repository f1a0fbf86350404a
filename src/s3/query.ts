/**
 * The parameters of a query string, decoded once: "+" and "%20" are spaces, a name without "=" has
 * the value "", of a repeated name the first value counts. Names keep their case, as in S3.
 */
import { percentDecode } from "./percent.ts";
import { S3Error } from "./s3-error.ts";

/** More parameters than any client sends; bounds the work that a stranger can ask for. */
export const QUERY_PARAMETERS_MAX = 256;

export class QueryParameters {
  static readonly empty = new QueryParameters([]);
  readonly #pairs: ReadonlyArray<readonly [name: string, value: string]>;

  private constructor(pairs: ReadonlyArray<readonly [name: string, value: string]>) {
    this.#pairs = pairs;
  }

  /** Throws InvalidURI for broken escapes and for text that is not UTF-8. */
  static parse(rawQuery: string): QueryParameters {
    if (rawQuery === "") return QueryParameters.empty;
    const fields = rawQuery.split("&");
    if (fields.length > QUERY_PARAMETERS_MAX) {
      throw new S3Error("InvalidURI", { message: "The query string has too many parameters." });
    }
    const pairs: Array<readonly [string, string]> = [];
    for (const field of fields) {
      if (field === "") continue;
      const equals = field.indexOf("=");
      const name = equals < 0 ? field : field.slice(0, equals);
      const value = equals < 0 ? "" : field.slice(equals + 1);
      pairs.push([decode(name), decode(value)]);
    }
    return new QueryParameters(pairs);
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get(name: string): string | undefined {
    for (const pair of this.#pairs) {
      if (pair[0] === name) return pair[1];
    }
    return undefined;
  }

  entries(): ReadonlyArray<readonly [name: string, value: string]> {
    return this.#pairs;
  }
}

function decode(text: string): string {
  const decoded = percentDecode(text, "space");
  if (decoded === undefined) throw new S3Error("InvalidURI");
  return decoded;
}
