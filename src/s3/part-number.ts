/** The `partNumber` parameter: 1 to 10,000. */
import type { QueryParameters } from "./query.ts";
import { invalidArgument } from "./s3-error.ts";

export const PART_NUMBER_MAX = 10_000;

/** Undefined when the parameter is absent. */
export function parsePartNumber(query: QueryParameters): number | undefined {
  const text = query.get("partNumber");
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > PART_NUMBER_MAX) {
    const message = `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`;
    throw invalidArgument(message, "partNumber", text);
  }
  return value;
}
