/**
 * The operators of conditions: how a value written in a policy is compared with one of the request.
 * A negated operator is the exact opposite of its positive twin.
 */
import type { ConditionValues } from "./condition-values.ts";
import { contains, parseIpAddress, parseIpRange } from "./ip-range.ts";
import { parseMoment } from "./moment.ts";
import { PolicyError } from "./policy-error.ts";
import { Template } from "./template.ts";

/** One value of a policy, ready to be compared. */
export interface ValueMatcher {
  readonly source: string;
  matches(value: string, values: ConditionValues): boolean;
  /** It names a policy variable that has no value in this request. */
  isUnresolved(values: ConditionValues): boolean;
  /** Keys that its variables read. */
  readonly keys: readonly string[];
}

/** What the policy's version says about "${". */
export interface OperatorSyntax {
  readonly variables: boolean;
}

export interface Operator {
  readonly negated: boolean;
  /** Throws PolicyError for a value that the operator cannot compare with. */
  compile(text: string, syntax: OperatorSyntax): ValueMatcher;
}

/** The operator that asks whether a key is there at all. */
export const NULL_OPERATOR = "Null";

/** By name; names distinguish case. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ...pair("StringEquals", "StringNotEquals", compileEquals),
  ...pair("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", compileEqualsIgnoringCase),
  ...pair("StringLike", "StringNotLike", compileLike),
  ...pair("NumericEquals", "NumericNotEquals", numeric(isEqual)),
  only("NumericLessThan", numeric(isLess)),
  only("NumericLessThanEquals", numeric(isAtMost)),
  only("NumericGreaterThan", numeric(isMore)),
  only("NumericGreaterThanEquals", numeric(isAtLeast)),
  ...pair("DateEquals", "DateNotEquals", date(isEqual)),
  only("DateLessThan", date(isLess)),
  only("DateLessThanEquals", date(isAtMost)),
  only("DateGreaterThan", date(isMore)),
  only("DateGreaterThanEquals", date(isAtLeast)),
  only("Bool", compileBool),
  only("BinaryEquals", compileBinary),
  ...pair("IpAddress", "NotIpAddress", compileIp),
  ...pair("ArnEquals", "ArnNotEquals", compileArn),
  ...pair("ArnLike", "ArnNotLike", compileArn),
  only(NULL_OPERATOR, compileBool),
]);

type Compile = Operator["compile"];

function only(name: string, compile: Compile): [string, Operator] {
  return [name, { negated: false, compile }];
}

function pair(positive: string, negative: string, compile: Compile): Array<[string, Operator]> {
  return [only(positive, compile), [negative, { negated: true, compile }]];
}

function fixed(source: string, matches: (value: string) => boolean): ValueMatcher {
  return { source, matches, isUnresolved: () => false, keys: [] };
}

function compileLike(text: string, { variables }: OperatorSyntax): ValueMatcher {
  return new Template(text, { wildcards: true, variables });
}

function compileEquals(text: string, { variables }: OperatorSyntax): ValueMatcher {
  return new Template(text, { wildcards: false, variables });
}

function compileEqualsIgnoringCase(text: string, { variables }: OperatorSyntax): ValueMatcher {
  const template = new Template(text, { wildcards: false, variables });
  return {
    source: text,
    matches: (value, values) => template.text(values)?.toLowerCase() === value.toLowerCase(),
    isUnresolved: (values) => template.isUnresolved(values),
    keys: template.keys,
  };
}

type Compare = (value: number, wanted: number) => boolean;

function isEqual(value: number, wanted: number): boolean {
  return value === wanted;
}
function isLess(value: number, wanted: number): boolean {
  return value < wanted;
}
function isAtMost(value: number, wanted: number): boolean {
  return value <= wanted;
}
function isMore(value: number, wanted: number): boolean {
  return value > wanted;
}
function isAtLeast(value: number, wanted: number): boolean {
  return value >= wanted;
}

const NUMBER = /^[+-]?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?$/;

function parseNumber(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}

/** A request's value that is no number is in no relation to any. */
function numeric(compare: Compare): Compile {
  return (text) => {
    const wanted = parseNumber(text);
    if (wanted === undefined) throw invalid(text, "number");
    return fixed(text, (value) => {
      const number = parseNumber(value);
      return number !== undefined && compare(number, wanted);
    });
  };
}

function date(compare: Compare): Compile {
  return (text) => {
    const wanted = parseMoment(text);
    if (wanted === undefined) throw invalid(text, "date");
    return fixed(text, (value) => {
      const moment = parseMoment(value);
      return moment !== undefined && compare(moment, wanted);
    });
  };
}

function compileBool(text: string): ValueMatcher {
  const wanted = text.toLowerCase();
  if (wanted !== "true" && wanted !== "false") throw invalid(text, "Boolean");
  return fixed(text, (value) => value.toLowerCase() === wanted);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function compileBinary(text: string): ValueMatcher {
  if (!BASE64.test(text)) throw invalid(text, "base64 text");
  const wanted = Buffer.from(text, "base64");
  return fixed(text, (value) => BASE64.test(value) && wanted.equals(Buffer.from(value, "base64")));
}

function compileIp(text: string): ValueMatcher {
  const range = parseIpRange(text);
  if (range === undefined) throw invalid(text, "IP address or range");
  return fixed(text, (value) => {
    const address = parseIpAddress(value);
    return address !== undefined && contains(range, address);
  });
}

const ARN_PARTS = 6;

/** Each of the six parts by itself: a wildcard in one does not reach into the next. */
function compileArn(text: string, { variables }: OperatorSyntax): ValueMatcher {
  const sources = text === "*" ? Array<string>(ARN_PARTS).fill("*") : splitArn(text, variables);
  if (sources === undefined) throw invalid(text, "ARN");
  const parts = sources.map((source) => new Template(source, { wildcards: true, variables }));
  return {
    source: text,
    matches(value, values) {
      const given = splitArn(value, false);
      return (
        given !== undefined &&
        parts.every((part, index) => part.matches(given[index] ?? "", values))
      );
    },
    isUnresolved: (values) => parts.some((part) => part.isUnresolved(values)),
    keys: parts.flatMap((part) => part.keys),
  };
}

/** The sixth part may hold colons; those inside a variable separate nothing. */
function splitArn(text: string, variables: boolean): string[] | undefined {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length && parts.length < ARN_PARTS - 1; at++) {
    if (variables && text.startsWith("${", at)) {
      const end = text.indexOf("}", at);
      at = end < 0 ? text.length : end;
    } else if (text.charAt(at) === ":") {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts.length === ARN_PARTS ? parts : undefined;
}

function invalid(text: string, kind: string): PolicyError {
  return new PolicyError(`Invalid value in a condition: "${text}" is no ${kind}`);
}
