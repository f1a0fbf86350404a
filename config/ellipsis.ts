/**
 * MinIO's ellipsis: `/mnt/drive{1...4}` stands for four paths. Numbers keep their zero padding
 * (`{01...12}`), letters are hexadecimal (`{a...f}`, `{08...1f}`), several patterns multiply with the
 * first one varying fastest, so that `http://node{1...2}/disk{1...2}` alternates between the hosts.
 *
 * The product is counted before anything is expanded: an absurd range costs nothing.
 */

export type Expansion =
  | { readonly words: readonly string[] }
  /** What is wrong with the pattern and what to write instead. */
  | { readonly problem: string };

interface Range {
  readonly first: number;
  readonly last: number;
  readonly radix: 10 | 16;
  /** Digits to pad to, 0 for none. */
  readonly width: number;
}

const PATTERN = /\{([^{}]*)\}/g;
const BOUND_DIGITS_MAX = 8;

/** True when the word asks for expansion or looks as if it wanted to. */
export function hasEllipsis(word: string): boolean {
  return word.includes("...") || /\{.*\}/.test(word);
}

/** Every word that `word` stands for, at most `wordsMax`. A word without a pattern is itself. */
export function expandEllipsis(word: string, wordsMax: number): Expansion {
  if (!hasEllipsis(word)) return { words: [word] };
  const texts: string[] = [];
  const ranges: Range[] = [];
  let end = 0;
  for (const match of word.matchAll(PATTERN)) {
    const range = parseRange(match[1] ?? "", word);
    if ("problem" in range) return range;
    texts.push(word.slice(end, match.index));
    ranges.push(range);
    end = match.index + match[0].length;
  }
  texts.push(word.slice(end));
  const stray = strayProblem(texts, word);
  if (stray !== undefined) return { problem: stray };
  const count = ranges.reduce((product, range) => product * (range.last - range.first + 1), 1);
  if (count > wordsMax) {
    return { problem: `"${word}" stands for ${count} drives; at most ${wordsMax} are allowed` };
  }
  return { words: combine(texts, ranges) };
}

function parseRange(body: string, word: string): Range | { problem: string } {
  const shown = `"{${body}}" in "${word}"`;
  const bounds = /^([0-9a-z]*)\.\.\.([0-9a-z]*)$/.exec(body);
  if (bounds === null) return { problem: `${shown} ${explainBadBody(body)}` };
  const [firstText = "", lastText = ""] = [bounds[1], bounds[2]];
  if (firstText === "") return { problem: `${shown} has no first value; write {1...4}` };
  if (lastText === "") return { problem: `${shown} has no last value; write {1...4}` };
  if (/[g-z]/.test(firstText + lastText)) {
    return { problem: `${shown} uses letters beyond f; a range is decimal or hexadecimal` };
  }
  if (Math.max(firstText.length, lastText.length) > BOUND_DIGITS_MAX) {
    return { problem: `${shown} has more than ${BOUND_DIGITS_MAX} digits` };
  }
  const radix = /[a-f]/.test(firstText + lastText) ? 16 : 10;
  const first = Number.parseInt(firstText, radix);
  const last = Number.parseInt(lastText, radix);
  if (first > last) {
    return { problem: `${shown} runs backwards; write {${lastText}...${firstText}}` };
  }
  // MinIO's rule: padding is asked for by a leading zero and is as wide as the last value.
  const padded = /^0./.test(firstText) || lastText.startsWith("0");
  return { first, last, radix, width: padded ? lastText.length : 0 };
}

function explainBadBody(body: string): string {
  if (body === "") return "is empty; write {1...4}";
  if (/^[^.]*\.\.[^.]*$/.test(body)) {
    return `has two dots; write three: {${body.replace("..", "...")}}`;
  }
  if (body.includes("....")) return "has more than three dots; write {1...4}";
  if (body.includes(","))
    return "is a list, which is not expanded here; write the paths one by one";
  if (/[A-Z]/.test(body)) return "uses capital letters; write hexadecimal in lower case: {a...f}";
  return "is not a range; write {1...4} or {a...f}";
}

/** Dots or braces outside of any pattern are a slip, never part of a name. */
function strayProblem(texts: readonly string[], word: string): string | undefined {
  const rest = texts.join(" ");
  if (/[{}]/.test(rest)) return `"${word}" has a brace without its partner; write {1...4}`;
  if (rest.includes("...")) return `"${word}" has "..." outside of braces; write {1...4}`;
  return undefined;
}

function combine(texts: readonly string[], ranges: readonly Range[]): string[] {
  const values = ranges.map(valuesOf);
  let tails = [texts[ranges.length] ?? ""];
  for (let index = ranges.length - 1; index >= 0; index--) {
    const before = texts[index] ?? "";
    const heads = (values[index] ?? []).map((value) => before + value);
    tails = tails.flatMap((tail) => heads.map((head) => head + tail));
  }
  return tails;
}

function valuesOf(range: Range): string[] {
  const values: string[] = [];
  for (let value = range.first; value <= range.last; value++) {
    values.push(value.toString(range.radix).padStart(range.width, "0"));
  }
  return values;
}
