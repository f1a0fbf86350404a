/**
 * Reads JSON as strictly as a policy needs: what `JSON.parse` accepts, but no key twice in an object
 * and no nesting beyond a limit. With two `Condition` keys in one statement `JSON.parse` would drop
 * the first without a word, and the statement would allow what its author has forbidden.
 *
 * Objects come back as maps, so that a key such as `__proto__` is a key like any other.
 */
import { PolicyError } from "./policy-error.ts";

export type JsonObject = ReadonlyMap<string, JsonValue>;
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** Throws PolicyError. */
export function readJson(text: string, depthMax: number): JsonValue {
  const reader = new Reader(text, depthMax);
  const value = reader.value(0);
  reader.end();
  return value;
}

export function isJsonObject(value: JsonValue): value is JsonObject {
  return value instanceof Map;
}

const WORDS = new Map<string, JsonValue>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

class Reader {
  readonly #text: string;
  readonly #depthMax: number;
  #at = 0;

  constructor(text: string, depthMax: number) {
    this.#text = text;
    this.#depthMax = depthMax;
  }

  value(depth: number): JsonValue {
    if (depth > this.#depthMax) throw new PolicyError("Policy document is nested too deeply");
    const next = this.#peek();
    if (next === "{") return this.#object(depth);
    if (next === "[") return this.#array(depth);
    if (next === '"') return this.#string();
    return this.#scalar();
  }

  end(): void {
    if (this.#peek() !== "") throw this.#invalid();
  }

  #object(depth: number): JsonObject {
    const entries = new Map<string, JsonValue>();
    this.#at += 1;
    if (this.#take("}")) return entries;
    do {
      if (this.#peek() !== '"') throw this.#invalid();
      const key = this.#string();
      if (entries.has(key)) throw new PolicyError(`Policy document has the key "${key}" twice`);
      if (!this.#take(":")) throw this.#invalid();
      entries.set(key, this.value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#invalid();
    return entries;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    this.#at += 1;
    if (this.#take("]")) return items;
    do {
      items.push(this.value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#invalid();
    return items;
  }

  #string(): string {
    STRING.lastIndex = this.#at;
    const match = STRING.exec(this.#text);
    if (match === null) throw this.#invalid();
    const text = parseString(match[0]);
    if (text === undefined) throw this.#invalid();
    this.#at = STRING.lastIndex;
    return text;
  }

  #scalar(): JsonValue {
    SCALAR.lastIndex = this.#at;
    const match = SCALAR.exec(this.#text);
    if (match === null) throw this.#invalid();
    this.#at = SCALAR.lastIndex;
    const word = WORDS.get(match[0]);
    return word === undefined ? Number(match[0]) : word;
  }

  #take(mark: string): boolean {
    if (this.#peek() !== mark) return false;
    this.#at += 1;
    return true;
  }

  /** The next character that is no space; "" at the end. */
  #peek(): string {
    SPACE.lastIndex = this.#at;
    SPACE.exec(this.#text);
    this.#at = SPACE.lastIndex;
    return this.#text.charAt(this.#at);
  }

  #invalid(): PolicyError {
    const found = this.#at < this.#text.length ? `at character ${this.#at + 1}` : "at its end";
    return new PolicyError(`This policy contains invalid Json: unexpected text ${found}`);
  }
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

/** The text between quotes; undefined for bad escapes and bare control characters. */
function parseString(quoted: string): string | undefined {
  try {
    const text: unknown = JSON.parse(quoted);
    return String(text);
  } catch {
    return undefined;
  }
}
