/**
 * Object keys: any UTF-8 text of 1 to 1,024 bytes. Nothing is normalised: `..`, `//`, a leading
 * slash and a trailing one are part of the name, because no key ever becomes a path of the machine.
 */
import { S3Error } from "./s3-error.ts";

declare const brand: unique symbol;
export type ObjectKey = string & { readonly [brand]: "ObjectKey" };

export const KEY_BYTES_MAX = 1024;

export function parseObjectKey(key: string): ObjectKey {
  if (key === "") throw new S3Error("InvalidArgument", { message: "The key must not be empty." });
  // Most keys are short: no UTF-8 text is longer than three bytes per UTF-16 unit.
  if (key.length * 3 > KEY_BYTES_MAX) {
    const bytes = Buffer.byteLength(key, "utf8");
    if (bytes > KEY_BYTES_MAX) {
      throw new S3Error("KeyTooLongError", {
        details: [
          ["Size", bytes],
          ["MaxSizeAllowed", KEY_BYTES_MAX],
        ],
      });
    }
  }
  return key as ObjectKey;
}
