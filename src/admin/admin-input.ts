/** Reading what an administration request says: parameters, JSON bodies plain and sealed. */

import type { AdminContext } from "./admin-context.ts";
import { AdminError, badRequest } from "./admin-error.ts";
import { decryptBody } from "./body-encryption.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function parameter(context: AdminContext, name: string): string {
  const value = context.query.get(name);
  if (value === null || value === "") throw badRequest(`the parameter ${name} is missing`);
  return value;
}

/** Any field that is not known is refused: an unknown one could be meant to matter. */
export async function sealedFields(
  context: AdminContext,
  known: readonly string[],
): Promise<Fields> {
  const { who, body, argon2 } = context;
  const plain = await decryptBody(who.secretKey, body, argon2);
  if (plain === undefined) throw badJson();
  return parseFields(plain, known);
}

export function plainFields({ body }: AdminContext, known: readonly string[]): Fields {
  return parseFields(body, known);
}

function parseFields(text: Buffer, known: readonly string[]): Fields {
  let fields: unknown;
  try {
    fields = JSON.parse(text.toString("utf8"));
  } catch {
    throw badJson();
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) throw badJson();
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) throw badRequest(`the field ${name} is not known`);
  }
  return fields as Fields;
}

function badJson(): AdminError {
  return new AdminError(400, "XMinioAdminConfigBadJSON", "The body cannot be read.");
}

/** Undefined for a field that is absent, null or empty. */
export function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw badRequest(`the field ${name} must be a text`);
}

export function requiredText(fields: Fields, name: string): string {
  const value = optionalText(fields, name);
  if (value === undefined) throw badRequest(`the field ${name} is missing`);
  return value;
}

export function textList(fields: Fields, name: string): readonly string[] {
  const value = fields[name];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  throw badRequest(`the field ${name} must be a list of texts`);
}

export function optionalFlag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (value === undefined || value === null) return false;
  if (typeof value === "boolean") return value;
  throw badRequest(`the field ${name} must be true or false`);
}

export function statusOf(text: string | undefined): "enabled" | "disabled" | undefined {
  if (text === undefined) return undefined;
  if (text === "enabled" || text === "on") return "enabled";
  if (text === "disabled" || text === "off") return "disabled";
  throw badRequest("the status must be enabled or disabled");
}

/** Policy names, separated by commas. */
export function namesOf(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
