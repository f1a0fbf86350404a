/**
 * What the record formats share: msgpack without shared structures, 48-bit numbers, and the one
 * error of everything that cannot be decoded.
 *
 * Records use arrays, not maps: field names would be most of a small record.
 */
import { Packr } from "msgpackr";
import { asBuffer } from "../../base/bytes.ts";
import { StoreError } from "../../base/store-error.ts";

const packr = new Packr({ useRecords: false });

export const U48_BYTES = 6;
export const U48_MAX = 2 ** 48 - 1;

/** A fresh buffer, not a view of memory that will be reused. */
export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/** The value and the views of byte strings in it; throws StoreError `corrupt`. */
export function unpackArray(bytes: Uint8Array, what: string): readonly unknown[] {
  let value: unknown;
  try {
    value = packr.unpack(asBuffer(bytes));
  } catch {
    throw corrupt(`${what}: not readable`);
  }
  if (!Array.isArray(value)) throw corrupt(`${what}: not a list`);
  return value;
}

export function corrupt(what: string): StoreError {
  return new StoreError({ code: "corrupt", what });
}

export function asCount(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw corrupt(`${what}: not a count`);
  }
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== "string") throw corrupt(`${what}: not a text`);
  return value;
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw corrupt(`${what}: not a list`);
  return value;
}

/** Bytes, of an exact length when one is given. */
export function asBytes(value: unknown, what: string, length?: number): Buffer {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length)) {
    throw corrupt(`${what}: not the right bytes`);
  }
  return asBuffer(value);
}

/** The member of a closed list that a stored index means. */
export function asChoice<T>(value: unknown, choices: readonly T[], what: string): T {
  const choice = typeof value === "number" ? choices[value] : undefined;
  if (choice === undefined) throw corrupt(`${what}: unknown choice`);
  return choice;
}
