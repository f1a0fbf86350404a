/**
 * Records of identities as JSON objects with a version, and strict reading of their fields: a record
 * that is not what it should be is `corrupt`, never half a user.
 */
import { IamError } from "./iam-error.ts";

export const RECORD_VERSION = 1;

export type Fields = Readonly<Record<string, unknown>>;

export function encodeRecord(fields: Fields): Uint8Array {
  return Buffer.from(JSON.stringify({ v: RECORD_VERSION, ...fields }));
}

/** Throws IamError "corrupt". */
export function decodeRecord(value: Uint8Array, key: string): Fields {
  let fields: unknown;
  try {
    fields = JSON.parse(Buffer.from(value).toString("utf8"));
  } catch {
    throw corrupt(key);
  }
  if (typeof fields !== "object" || fields === null || !("v" in fields)) throw corrupt(key);
  if (fields.v !== RECORD_VERSION) {
    throw new IamError("corrupt", `the record ${key} was written by a newer version`);
  }
  return fields as Fields;
}

export function textField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === "string") return value;
  throw corrupt(name);
}

export function optionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : textField(fields, name);
}

export function timeField(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw corrupt(name);
}

export function optionalTime(fields: Fields, name: string): number | undefined {
  return fields[name] === undefined ? undefined : timeField(fields, name);
}

export function listField(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw corrupt(name);
}

export function statusField(fields: Fields): Status {
  const value = fields["status"];
  if (value === "enabled" || value === "disabled") return value;
  throw corrupt("status");
}

export type Status = "enabled" | "disabled";

export function corrupt(what: string): IamError {
  return new IamError("corrupt", `a record of identities is damaged: ${what}`);
}
