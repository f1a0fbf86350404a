/** Ellipsis expansion: examples, a slow twin, and the exact messages of what is refused. */
import fc from "fast-check";
import { test } from "tap";
import { expandEllipsis, hasEllipsis } from "../../../config/ellipsis.ts";

function words(word: string): readonly string[] {
  const expansion = expandEllipsis(word, 1000);
  if ("problem" in expansion) throw new Error(expansion.problem);
  return expansion.words;
}

function problem(word: string, wordsMax = 1000): string {
  const expansion = expandEllipsis(word, wordsMax);
  if ("words" in expansion) throw new Error(`accepted as ${expansion.words.join(" ")}`);
  return expansion.problem;
}

test("expandEllipsis: counts, keeps zero padding, and counts in hexadecimal", async (t) => {
  t.strictSame(words("/mnt/drive{1...4}"), [
    "/mnt/drive1",
    "/mnt/drive2",
    "/mnt/drive3",
    "/mnt/drive4",
  ]);
  t.strictSame(words("d{08...11}x"), ["d08x", "d09x", "d10x", "d11x"]);
  t.strictSame(words("d{9...11}"), ["d9", "d10", "d11"]);
  t.strictSame(words("d{0...2}"), ["d0", "d1", "d2"]);
  t.strictSame(words("d{a...f}"), ["da", "db", "dc", "dd", "de", "df"]);
  t.strictSame(words("d{08...0b}"), ["d08", "d09", "d0a", "d0b"]);
  t.strictSame(words("d{7...7}"), ["d7"]);
});

test("expandEllipsis: several patterns multiply, the first one varies fastest", async (t) => {
  t.strictSame(words("http://n{1...2}/d{1...2}"), [
    "http://n1/d1",
    "http://n2/d1",
    "http://n1/d2",
    "http://n2/d2",
  ]);
});

test("expandEllipsis: a word without a pattern is itself", async (t) => {
  for (const word of ["/data", "relative", "/a.b..c", "/odd{name", "/odd}name"]) {
    t.strictSame(words(word), [word]);
    t.notOk(hasEllipsis(word));
  }
});

test("expandEllipsis: says what is wrong and what to write", async (t) => {
  const cases: ReadonlyArray<readonly [string, RegExp]> = [
    ["/mnt/drive{1...}", /no last value; write \{1\.\.\.4\}/],
    ["/mnt/drive{...4}", /no first value/],
    ["/mnt/drive{...}", /no first value/],
    ["/mnt/drive{1..4}", /two dots; write three: \{1\.\.\.4\}/],
    ["/mnt/drive{1....4}", /more than three dots/],
    ["/mnt/drive{4...1}", /runs backwards; write \{1\.\.\.4\}/],
    ["/mnt/drive{f...a}", /runs backwards; write \{a\.\.\.f\}/],
    ["/mnt/drive{a...z}", /letters beyond f/],
    ["/mnt/drive{A...F}", /lower case/],
    ["/mnt/drive{1,2}", /is a list/],
    ["/mnt/drive{}", /is empty/],
    ["/mnt/drive{x}", /is not a range/],
    ["/mnt/drive{{1...2}}", /brace without its partner/],
    ["/mnt/drive{1...2}}", /brace without its partner/],
    ["/mnt/drive1...4", /outside of braces/],
    ["/mnt/drive{1...4", /brace without its partner/],
    ["/mnt/drive{1...123456789}", /more than 8 digits/],
  ];
  for (const [word, message] of cases) t.match(problem(word), message, word);
});

test("expandEllipsis: counts before it expands", async (t) => {
  t.match(problem("d{1...99999}{1...99999}", 256), /9999800001 drives; at most 256/);
  t.match(problem("d{1...257}", 256), /257 drives; at most 256/);
  t.equal(words("d{1...256}").length, 256);
});

test("expandEllipsis: agrees with counting by hand", async () => {
  const range = fc
    .tuple(fc.nat(30), fc.nat(6))
    .map(([first, more]) => [first, first + more] as const);
  const text = fc.stringMatching(/^[a-z/]{0,4}$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, range), { minLength: 1, maxLength: 3 }),
      text,
      (parts, end) => {
        const word =
          parts.map(([before, [first, last]]) => `${before}{${first}...${last}}`).join("") + end;
        // Right to left with the left pattern innermost: the left one varies fastest.
        let expected = [end];
        for (const [before, [first, last]] of [...parts].reverse()) {
          const longer: string[] = [];
          for (const tail of expected) {
            for (let value = first; value <= last; value++) longer.push(before + value + tail);
          }
          expected = longer;
        }
        return JSON.stringify(words(word)) === JSON.stringify(expected);
      },
    ),
  );
});

test("expandEllipsis: padding makes every name as long as the last value", async () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(50), fc.integer({ min: 3, max: 5 }), (first, more, width) => {
      const pad = (value: number): string => String(value).padStart(width, "0");
      const found = words(`{${pad(first)}...${pad(first + more)}}`);
      return found.length === more + 1 && found.every((word, index) => word === pad(first + index));
    }),
  );
});
