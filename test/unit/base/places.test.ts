import { test } from "tap";
import { Places } from "../../../src/base/places.ts";

test("Places: a place is somebody's until it is taken, and used again afterwards", async (t) => {
  const places = new Places<string>();
  const [first, second] = [places.put("a"), places.put("b")];
  t.not(first, second);
  t.equal(places.size, 2);
  t.equal(places.take(first), "a");
  t.equal(places.take(first), undefined, "taken once");
  t.equal(places.size, 1);
  t.strictSame([...places], ["b"]);
  t.equal(places.put("c"), first);
  t.strictSame([...places].sort(), ["b", "c"]);
  t.equal(places.take(1_000), undefined);
});

test("Places: an item may leave while all are visited", async (t) => {
  const places = new Places<number>();
  for (let item = 0; item < 4; item++) places.put(item);
  const seen: number[] = [];
  for (const item of places) {
    seen.push(item);
    places.take(item);
    places.take(item + 1);
  }
  t.strictSame(seen, [0, 2]);
  t.equal(places.size, 0);
});
