/** The name a person meant. */
import fc from "fast-check";
import { test } from "tap";
import { closestName, didYouMean, editDistance } from "../../../config/did-you-mean.ts";

test("editDistance: counts insertions, removals, replacements and swaps of neighbours", async (t) => {
  const cases: ReadonlyArray<readonly [string, string, number]> = [
    ["", "", 0],
    ["", "abc", 3],
    ["kitten", "sitting", 3],
    ["adress", "address", 1],
    ["memroy", "memory", 1],
  ];
  for (const [left, right, distance] of cases) {
    t.equal(editDistance(left, right), distance, `${left} ${right}`);
  }
});

test("editDistance: is symmetric, zero only for equal words, at most the longer length", async () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (left, right) => {
      const distance = editDistance(left, right);
      const bounded = distance <= Math.max(left.length, right.length);
      return (
        distance === editDistance(right, left) && bounded && (distance === 0) === (left === right)
      );
    }),
  );
});

test("closestName: finds a slip, and nothing when no name is near", async (t) => {
  const names = ["RINGFORT_ADDRESS", "RINGFORT_MEMORY", "RINGFORT_REGION"];
  t.equal(closestName("RINGFORT_ADRESS", names), "RINGFORT_ADDRESS");
  t.equal(closestName("ringfort_memroy", names), "RINGFORT_MEMORY");
  t.equal(closestName("RINGFORT_ENTIRELY_ELSE", names), undefined);
  t.equal(didYouMean("RINGFORT_REGON", names), "; did you mean RINGFORT_REGION?");
  t.equal(didYouMean("x", []), "");
});
