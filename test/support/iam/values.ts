/** Condition values from a plain record, keys as people write them. */
import { type ConditionValues, conditionKey } from "../../../src/iam/policy/condition-values.ts";

export function valuesOf(
  record: Readonly<Record<string, string | readonly string[]>>,
): ConditionValues {
  const map = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(record)) {
    map.set(conditionKey(name), typeof value === "string" ? [value] : value);
  }
  return { get: (key) => map.get(key) };
}
