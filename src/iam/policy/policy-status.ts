/**
 * Whether a bucket policy lets the public in, as AWS defines it: it is assumed to, unless every Allow
 * names fixed principals, or is bound to fixed values of a key that a stranger cannot choose.
 */
import type { Condition } from "./conditions.ts";
import { parseIpRange } from "./ip-range.ts";
import type { Policy, Statement } from "./policy.ts";

export function isPublicPolicy(policy: Policy): boolean {
  return policy.statements.some(isPublicStatement);
}

function isPublicStatement(statement: Statement): boolean {
  if (statement.effect === "Deny" || statement.principals?.open !== true) return false;
  return !statement.conditions.some(bindsToFixedValues);
}

/** Keys whose fixed values make a statement non-public. */
const FIXING_KEYS = new Set([
  "aws:principalaccount",
  "aws:principalarn",
  "aws:principalorgid",
  "aws:sourceaccount",
  "aws:sourcearn",
  "aws:sourceorgid",
  "aws:sourceowner",
  "aws:sourcevpc",
  "aws:sourcevpcarn",
  "aws:sourcevpce",
  "aws:userid",
  "aws:username",
  "s3:dataaccesspointaccount",
  "s3:dataaccesspointarn",
]);
/** Operators that compare with what is written; negations and `…IfExists` leave others in. */
const FIXING_OPERATORS =
  /^(?:ForAnyValue:)?(?:StringEquals|StringEqualsIgnoreCase|StringLike|ArnEquals|ArnLike)$/;
const IP_OPERATOR = /^(?:ForAnyValue:)?IpAddress$/;

/** Wider ranges than these count as everybody. */
const IPV4_PREFIX_BITS_MIN = 8;
const IPV6_PREFIX_BITS_MIN = 32;

function bindsToFixedValues({ operator, key, matchers }: Condition): boolean {
  const sources = matchers.map(({ source }) => source);
  if (key === "aws:sourceip") return IP_OPERATOR.test(operator) && sources.every(isNarrowRange);
  return FIXING_KEYS.has(key) && FIXING_OPERATORS.test(operator) && sources.every(isFixed);
}

/** Neither wildcards nor variables. */
function isFixed(text: string): boolean {
  return !/[*?]|\$\{/.test(text);
}

function isNarrowRange(text: string): boolean {
  const range = parseIpRange(text);
  if (range === undefined) return false;
  const least = range.address.bits === 32 ? IPV4_PREFIX_BITS_MIN : IPV6_PREFIX_BITS_MIN;
  return range.prefixBits >= least;
}
