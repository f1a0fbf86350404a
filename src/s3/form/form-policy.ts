/**
 * The policy of a POST form: what its signer lets a browser send. Every field has to be covered by a
 * condition, so that nothing can be slipped in; see AWS "Creating a POST policy".
 */
import { parseIsoDate } from "../dates.ts";
import { S3Error } from "../s3-error.ts";

export const FORM_CONDITIONS_MAX = 200;

type Condition =
  | { readonly kind: "eq" | "starts-with"; readonly field: string; readonly value: string }
  | { readonly kind: "length"; readonly minimum: number; readonly maximum: number };

export interface FormPolicy {
  readonly expiresMs: number;
  readonly conditions: readonly Condition[];
}

/** `text` as it came in the field: base64 of JSON. */
export function parseFormPolicy(text: string): FormPolicy {
  const policy = parseJson(Buffer.from(text, "base64").toString("utf8"));
  if (!isRecord(policy)) throw invalid("Invalid JSON.");
  const { expiration, conditions } = policy;
  if (expiration === undefined) throw invalid("Policy missing expiration.");
  if (conditions === undefined) throw invalid("Policy missing conditions.");
  const expiresMs = typeof expiration === "string" ? parseIsoDate(expiration) : undefined;
  if (expiresMs === undefined) throw invalid(`Invalid 'expiration' value: '${String(expiration)}'`);
  if (!Array.isArray(conditions) || conditions.length > FORM_CONDITIONS_MAX) {
    throw invalid("Invalid 'conditions' value: must be a List.");
  }
  return { expiresMs, conditions: conditions.flatMap(parseCondition) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("Invalid JSON.");
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseCondition(condition: unknown): readonly Condition[] {
  if (Array.isArray(condition)) return [parseListCondition(condition)];
  if (!isRecord(condition)) throw invalid("Invalid Condition.");
  const entries = Object.entries(condition);
  if (entries.length === 0)
    throw invalid(
      "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
    );
  return entries.map(([name, value]) => {
    if (typeof value !== "string")
      throw invalid("Invalid Simple-Condition: value must be a string.");
    return { kind: "eq", field: name.toLowerCase(), value };
  });
}

function parseListCondition(list: readonly unknown[]): Condition {
  const [operator, left, right] = list;
  const kind = typeof operator === "string" ? operator.toLowerCase() : "";
  if (list.length !== 3) throw invalid("Invalid Condition: wrong number of arguments.");
  if (kind === "content-length-range") {
    return { kind: "length", minimum: toLength(left), maximum: toLength(right) };
  }
  const field = typeof left === "string" ? left : "";
  if ((kind !== "eq" && kind !== "starts-with") || !field.startsWith("$")) {
    throw invalid("Invalid Condition: unknown operation or field.");
  }
  if (typeof right !== "string") throw invalid("Invalid Condition: value must be a string.");
  return { kind, field: field.slice(1).toLowerCase(), value: right };
}

function toLength(value: unknown): number {
  const length = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof length === "number" && Number.isSafeInteger(length) && length >= 0) return length;
  throw invalid("Invalid content-length-range: bounds must be whole numbers.");
}

/** Fields that no condition has to cover. */
const UNCOVERED = new Set(["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"]);
const UNCOVERED_PREFIX = /^x-(?:ignore|amz-checksum|amz-sdk-checksum)-/;
/** Fields that may hold a list, each item of which starts with the value. */
const LISTED = new Set(["content-type"]);

/** Throws AccessDenied, as AWS words it. `bucket` is that of the address. */
export function checkFormPolicy(
  policy: FormPolicy,
  fields: ReadonlyMap<string, string>,
  { bucket, nowMs }: { readonly bucket: string; readonly nowMs: number },
): void {
  if (policy.expiresMs <= nowMs) throw denied("Policy expired.");
  const covered = new Set<string>();
  for (const condition of policy.conditions) {
    if (condition.kind === "length") continue;
    const { field } = condition;
    covered.add(field);
    const value = field === "bucket" ? bucket : (fields.get(field) ?? "");
    if (meets(condition, value)) continue;
    throw denied(
      `Policy Condition failed: ["${condition.kind}", "$${field}", "${condition.value}"]`,
    );
  }
  for (const name of fields.keys()) {
    if (covered.has(name) || UNCOVERED.has(name) || UNCOVERED_PREFIX.test(name)) continue;
    throw denied(`Extra input fields: ${name}`);
  }
}

function meets(
  { kind, field, value: wanted }: Exclude<Condition, { kind: "length" }>,
  value: string,
): boolean {
  if (kind === "eq") return value === wanted;
  if (LISTED.has(field)) return value.split(",").every((item) => item.trim().startsWith(wanted));
  return value.startsWith(wanted);
}

/** The bounds that the policy sets to the file. */
export function fileBounds(policy: FormPolicy): {
  readonly minimum: number;
  readonly maximum: number;
} {
  let minimum = 0;
  let maximum = Number.POSITIVE_INFINITY;
  for (const condition of policy.conditions) {
    if (condition.kind !== "length") continue;
    minimum = Math.max(minimum, condition.minimum);
    maximum = Math.min(maximum, condition.maximum);
  }
  return { minimum, maximum };
}

function invalid(message: string): S3Error {
  return new S3Error("InvalidPolicyDocument", { message: `Invalid Policy: ${message}` });
}

function denied(message: string): S3Error {
  return new S3Error("AccessDenied", { message: `Invalid according to Policy: ${message}` });
}
