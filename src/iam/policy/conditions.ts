/**
 * The Condition block of a statement. All conditions must hold; a condition holds when one of its
 * values does. What a key without a value means:
 *
 *   plain            does not hold; negated (`StringNotEquals` …) holds
 *   …IfExists        holds
 *   ForAnyValue:     does not hold
 *   ForAllValues:    holds
 *   Null             holds when the policy says "true"
 */
import { isKnownConditionKey } from "./condition-keys.ts";
import {
  NULL_OPERATOR,
  OPERATORS,
  type Operator,
  type OperatorSyntax,
  type ValueMatcher,
} from "./condition-operators.ts";
import { type ConditionValues, conditionKey } from "./condition-values.ts";
import type { Effect } from "./effect.ts";
import { isJsonObject, type JsonValue } from "./json-reader.ts";
import { PolicyError } from "./policy-error.ts";

type Qualifier = "ForAllValues" | "ForAnyValue" | undefined;

export class Condition {
  /** As written, with qualifier and suffix. */
  readonly operator: string;
  readonly key: string;
  readonly matchers: readonly ValueMatcher[];
  readonly #test: Operator;
  readonly #qualifier: Qualifier;
  readonly #ifExists: boolean;

  constructor(name: OperatorName, key: string, matchers: readonly ValueMatcher[]) {
    this.operator = name.written;
    this.key = key;
    this.matchers = matchers;
    this.#test = name.operator;
    this.#qualifier = name.qualifier;
    this.#ifExists = name.ifExists;
  }

  /**
   * A variable without a value never widens what is allowed: an Allow that names one does not apply,
   * and in a Deny it equals nothing.
   */
  holds(values: ConditionValues, effect: Effect): boolean {
    if (effect === "Allow" && this.matchers.some((matcher) => matcher.isUnresolved(values))) {
      return false;
    }
    const found = values.get(this.key);
    const present = found !== undefined && found.length > 0;
    if (this.operator === NULL_OPERATOR) return this.#equals(String(!present), values);
    if (!present) {
      if (this.#ifExists || this.#qualifier === "ForAllValues") return true;
      return this.#qualifier === undefined && this.#test.negated;
    }
    const { negated } = this.#test;
    if (this.#qualifier === "ForAllValues") {
      return found.every((value) => this.#equals(value, values) !== negated);
    }
    if (this.#qualifier === "ForAnyValue") {
      return found.some((value) => this.#equals(value, values) !== negated);
    }
    return found.some((value) => this.#equals(value, values)) !== negated;
  }

  #equals(value: string, values: ConditionValues): boolean {
    return this.matchers.some((matcher) => matcher.matches(value, values));
  }
}

interface OperatorName {
  readonly written: string;
  readonly operator: Operator;
  readonly qualifier: Qualifier;
  readonly ifExists: boolean;
}

/** Throws PolicyError. */
export function parseConditions(block: JsonValue, syntax: OperatorSyntax): readonly Condition[] {
  if (!isJsonObject(block)) throw new PolicyError("Condition must be an object");
  const conditions: Condition[] = [];
  for (const [written, keys] of block) {
    const name = parseOperatorName(written);
    if (!isJsonObject(keys)) {
      throw new PolicyError(`The condition operator ${written} must hold an object of keys`);
    }
    const seen = new Set<string>();
    for (const [keyText, value] of keys) {
      const key = conditionKey(keyText);
      if (!isKnownConditionKey(key)) {
        throw new PolicyError(`Policy has an invalid condition key - ${keyText}`);
      }
      if (seen.has(key)) throw new PolicyError(`The condition key ${keyText} is there twice`);
      seen.add(key);
      const texts = valueTexts(value, keyText);
      const matchers = texts.map((text) => name.operator.compile(text, syntax));
      for (const variable of matchers.flatMap((matcher) => matcher.keys)) checkVariable(variable);
      conditions.push(new Condition(name, key, matchers));
    }
  }
  return conditions;
}

/** Throws PolicyError for a variable that no request could ever have a value for. */
export function checkVariable(key: string): void {
  if (!isKnownConditionKey(key)) {
    throw new PolicyError(`Policy has an invalid policy variable - \${${key}}`);
  }
}

const QUALIFIED = /^(ForAllValues|ForAnyValue):(.*)$/s;
const IF_EXISTS = "IfExists";

function parseOperatorName(written: string): OperatorName {
  const match = QUALIFIED.exec(written);
  const qualifier = match?.[1] as Qualifier;
  const rest = match?.[2] ?? written;
  const ifExists = rest.endsWith(IF_EXISTS);
  const base = ifExists ? rest.slice(0, -IF_EXISTS.length) : rest;
  const operator = OPERATORS.get(base);
  const bare = qualifier === undefined && !ifExists;
  if (operator === undefined || (base === NULL_OPERATOR && !bare)) {
    throw new PolicyError(`Invalid Condition type : ${written}`);
  }
  return { written, operator, qualifier, ifExists };
}

function valueTexts(value: JsonValue, key: string): string[] {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
  if (list.length === 0) throw new PolicyError(`The condition key ${key} has no value`);
  return list.map((item) => {
    if (typeof item === "string") return item;
    if (typeof item === "number" || typeof item === "boolean") return String(item);
    throw new PolicyError(`The condition key ${key} has a value that is no text`);
  });
}
