/** Paging parameters of the listings: page sizes, opaque tokens, url encoding of names. */

import type { QueryParameters } from "./query.ts";
import { invalidArgument, S3Error } from "./s3-error.ts";

export const PAGE_SIZE_MAX = 1000;

/**
 * A page-size parameter: absent or empty means `default`, larger than the maximum is cut, negative
 * or no number is refused.
 */
export function parsePageSize(query: QueryParameters, name: string): number {
  const text = query.get(name);
  if (text === undefined || text === "") return PAGE_SIZE_MAX;
  if (!/^[+-]?\d{1,10}$/.test(text)) {
    throw invalidArgument(`Provided ${name} not an integer or within integer range`, name, text);
  }
  const value = Number(text);
  if (value < 0 || value > 0x7fffffff) {
    throw invalidArgument(
      `Argument ${name} must be an integer between 0 and 2147483647`,
      name,
      text,
    );
  }
  return Math.min(value, PAGE_SIZE_MAX);
}

/** Names as the client asked for them: as they are, or percent-encoded (`encoding-type=url`). */
export type NameEncoder = (name: string) => string;

export function parseEncodingType(query: QueryParameters): {
  readonly type: string | undefined;
  readonly encode: NameEncoder;
} {
  const type = query.get("encoding-type");
  if (type === undefined || type === "") return { type: undefined, encode: (name) => name };
  if (type.toLowerCase() !== "url") {
    throw invalidArgument("Invalid Encoding Method specified in Request", "encoding-type", type);
  }
  return { type: "url", encode: urlEncodeName };
}

/**
 * Names in listings, like a query value, but "/" stays. A space is "%20": clients that take "+" for a
 * space read it as well as those that do not.
 */
export function urlEncodeName(name: string): string {
  if (/^[A-Za-z0-9/._-]*$/.test(name)) return name;
  return encodeURIComponent(name)
    .replace(/%2F/g, "/")
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

const TOKEN_PREFIX = "1";

/** A continuation token: opaque for clients, versioned for us. */
export function encodeToken(position: string): string {
  return Buffer.from(`${TOKEN_PREFIX}${position}`, "utf8").toString("base64");
}

export function decodeToken(token: string): string {
  const bytes = Buffer.from(token, "base64");
  const text = bytes.toString("utf8");
  if (!text.startsWith(TOKEN_PREFIX) || bytes.toString("base64") !== token) {
    throw invalidArgument(
      "The continuation token provided is incorrect",
      "continuation-token",
      token,
    );
  }
  return text.slice(TOKEN_PREFIX.length);
}

/** The delimiter parameter; an empty one is none. */
export function parseDelimiter(query: QueryParameters): string | undefined {
  const delimiter = query.get("delimiter");
  return delimiter === "" ? undefined : delimiter;
}

/** A boolean parameter as S3 takes it. */
export function parseFlag(query: QueryParameters, name: string): boolean {
  const text = query.get(name);
  if (text === undefined || text === "" || text === "false") return false;
  if (text === "true") return true;
  throw new S3Error("InvalidArgument", { message: `The ${name} parameter is true or false.` });
}
