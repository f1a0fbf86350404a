/**
 * Texts of a policy that stand for many: wildcards `*` (any run of characters, "/" included) and `?`
 * (one UTF-16 unit), and policy variables such as `${aws:username}`.
 *
 * What a variable stands for is taken literally: a user called `*` does not own everything. A
 * variable without a value matches nothing. `${*}`, `${?}` and `${$}` are those characters
 * themselves. In documents of version 2008-10-17 "${" is plain text.
 */
import type { ConditionValues } from "./condition-values.ts";
import { conditionKey } from "./condition-values.ts";
import { PolicyError } from "./policy-error.ts";

/** Beyond every UTF-16 unit, so that no text can contain them. */
const STAR = 0x10000;
const ANY = 0x10001;

interface Variable {
  readonly key: string;
  readonly fallback: string | undefined;
}

type Piece = number | Variable;

export interface TemplateSyntax {
  readonly wildcards: boolean;
  readonly variables: boolean;
}

export class Template {
  readonly source: string;
  readonly #pieces: readonly Piece[];
  readonly #variables: readonly Variable[];
  /** What every text that it matches begins with, whatever its variables stand for. */
  readonly #lead: string;
  /** The longest of the other texts that every match contains; it rules out most that do not match. */
  readonly #mark: string;
  /** Without variables: the pattern once and for all. */
  readonly #fixed: Pattern | undefined;
  /** What the variables last stood for, and the pattern that made: callers ask many times. */
  #lastTexts = "";
  #last: Pattern | undefined;

  /** Throws PolicyError for a variable that cannot be read. */
  constructor(source: string, syntax: TemplateSyntax) {
    this.source = source;
    this.#pieces = readPieces(source, syntax);
    this.#variables = this.#pieces.filter((piece) => typeof piece !== "number");
    const units = this.#pieces.filter((piece) => typeof piece === "number");
    if (this.#variables.length === 0) this.#fixed = new Pattern(units);
    const open = this.#pieces.findIndex((piece) => typeof piece !== "number" || piece >= STAR);
    this.#lead = textOf(open < 0 ? units : units.slice(0, open));
    this.#mark = this.#fixed === undefined ? longestText(this.#pieces.slice(open)) : "";
  }

  get hasVariables(): boolean {
    return this.#fixed === undefined;
  }

  get hasWildcards(): boolean {
    return this.#pieces.some((piece) => piece === STAR || piece === ANY);
  }

  /** Names of the condition keys that its variables read. */
  get keys(): readonly string[] {
    return this.#variables.map(({ key }) => key);
  }

  matches(text: string, values: ConditionValues): boolean {
    if (!text.startsWith(this.#lead)) return false;
    // Before variables are looked up: that takes longer.
    if (this.#mark !== "" && !text.includes(this.#mark)) return false;
    const pattern = this.#fixed ?? this.#resolve(values);
    return pattern?.matches(text) ?? false;
  }

  /** False when it can match nothing that begins so, whatever its variables stand for. */
  mayMatchUnder(prefix: string): boolean {
    return prefix.startsWith(this.#lead) || this.#lead.startsWith(prefix);
  }

  /** A variable in it has neither a value nor a default. */
  isUnresolved(values: ConditionValues): boolean {
    return this.#fixed === undefined && this.#resolve(values) === undefined;
  }

  /** The text it stands for; undefined when a variable has no value. Not for wildcards. */
  text(values: ConditionValues): string | undefined {
    return (this.#fixed ?? this.#resolve(values))?.literal;
  }

  #resolve(values: ConditionValues): Pattern | undefined {
    const texts: string[] = [];
    for (const variable of this.#variables) {
      const text = variableValue(variable, values);
      if (text === undefined) return undefined;
      texts.push(text);
    }
    const joined = texts.length === 1 ? (texts[0] ?? "") : JSON.stringify(texts);
    if (this.#last === undefined || joined !== this.#lastTexts) {
      this.#last = new Pattern(this.#unitsFor(texts));
      this.#lastTexts = joined;
    }
    return this.#last;
  }

  #unitsFor(texts: readonly string[]): number[] {
    const units: number[] = [];
    let next = 0;
    for (const piece of this.#pieces) {
      if (typeof piece === "number") {
        units.push(piece);
        continue;
      }
      const text = texts[next++] ?? "";
      for (let index = 0; index < text.length; index++) units.push(text.charCodeAt(index));
    }
    return units;
  }
}

/** A key with several values names no single text. */
function variableValue({ key, fallback }: Variable, values: ConditionValues): string | undefined {
  const found = values.get(key);
  return found?.length === 1 ? found[0] : fallback;
}

/** Units and wildcards, with the commoner shapes set apart. */
class Pattern {
  readonly #units: readonly number[];
  /** Text before the first wildcard. */
  readonly #prefix: string;
  /** Where all wildcards are stars: the texts between them, and the one after the last. */
  readonly #between: readonly string[] = [];
  readonly #suffix: string = "";
  readonly #shape: "literal" | "stars" | "general";

  constructor(units: readonly number[]) {
    this.#units = units;
    const wild = units.findIndex((unit) => unit >= STAR);
    this.#prefix = textOf(wild < 0 ? units : units.slice(0, wild));
    if (wild < 0) this.#shape = "literal";
    else this.#shape = units.includes(ANY) ? "general" : "stars";
    if (this.#shape !== "stars") return;
    const texts = textsBetweenStars(units.slice(wild + 1));
    this.#suffix = texts.at(-1) ?? "";
    this.#between = texts.slice(0, -1);
  }

  get literal(): string | undefined {
    return this.#shape === "literal" ? this.#prefix : undefined;
  }

  matches(text: string): boolean {
    if (this.#shape === "literal") return text === this.#prefix;
    if (!text.startsWith(this.#prefix)) return false;
    return this.#shape === "stars" ? this.#matchStars(text) : matchUnits(this.#units, text);
  }

  /** Each text at its first place: a later one could not do better. */
  #matchStars(text: string): boolean {
    let at = this.#prefix.length;
    for (const between of this.#between) {
      const found = text.indexOf(between, at);
      if (found < 0) return false;
      at = found + between.length;
    }
    return text.length - this.#suffix.length >= at && text.endsWith(this.#suffix);
  }
}

/** Of the texts between variables and wildcards. */
function longestText(pieces: readonly Piece[]): string {
  let longest: readonly number[] = [];
  let run: number[] = [];
  for (const piece of pieces) {
    if (typeof piece !== "number" || piece >= STAR) run = [];
    else run.push(piece);
    if (run.length > longest.length) longest = run;
  }
  return textOf(longest);
}

function textsBetweenStars(units: readonly number[]): string[] {
  const texts: string[] = [];
  let from = 0;
  for (let star = units.indexOf(STAR); star >= 0; star = units.indexOf(STAR, from)) {
    texts.push(textOf(units.slice(from, star)));
    from = star + 1;
  }
  return [...texts, textOf(units.slice(from))];
}

function textOf(units: readonly number[]): string {
  // In slices, because arguments of a call live on the stack.
  let text = "";
  for (let from = 0; from < units.length; from += 1024) {
    text += String.fromCharCode(...units.slice(from, from + 1024));
  }
  return text;
}

/** Going back to the last star only is enough: an earlier one could not do better. */
function matchUnits(units: readonly number[], text: string): boolean {
  let at = 0;
  let unit = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length) {
    const wanted = units[unit];
    if (wanted === STAR) {
      star = unit++;
      starAt = at;
    } else if (wanted === ANY || wanted === text.charCodeAt(at)) {
      unit += 1;
      at += 1;
    } else if (star >= 0) {
      unit = star + 1;
      at = ++starAt;
    } else {
      return false;
    }
  }
  while (units[unit] === STAR) unit += 1;
  return unit === units.length;
}

const ESCAPES = new Set(["*", "?", "$"]);
const VARIABLE = /^([A-Za-z0-9-]+:[^\s,'"{}$*?]+)(?:,\s*'([^']*)')?$/;

function readPieces(source: string, { wildcards, variables }: TemplateSyntax): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < source.length) {
    if (variables && source.startsWith("${", at)) {
      const end = source.indexOf("}", at);
      if (end < 0) throw new PolicyError(`Policy variable is not closed in "${source}"`);
      pieces.push(readVariable(source.slice(at + 2, end)));
      at = end + 1;
      continue;
    }
    const unit = wildcards ? unitOf(source, at) : source.charCodeAt(at);
    // A run of stars says no more than one.
    if (unit !== STAR || pieces.at(-1) !== STAR) pieces.push(unit);
    at += 1;
  }
  return pieces;
}

function unitOf(source: string, at: number): number {
  const character = source.charAt(at);
  if (character === "*") return STAR;
  return character === "?" ? ANY : source.charCodeAt(at);
}

function readVariable(body: string): Piece {
  if (ESCAPES.has(body)) return body.charCodeAt(0);
  const match = VARIABLE.exec(body);
  const name = match?.[1];
  if (name === undefined) throw new PolicyError(`Policy variable "\${${body}}" is not valid`);
  return { key: conditionKey(name), fallback: match?.[2] };
}
