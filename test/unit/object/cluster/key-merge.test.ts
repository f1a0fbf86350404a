import { test } from "tap";
import { compareBytes } from "../../../../src/base/bytes.ts";
import { KeyMerge } from "../../../../src/object/cluster/key-merge.ts";
import type { DriveRefusal, RangeQuery, RangeReply } from "../../../../src/store/drive.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const HEAD = Buffer.from("head/");
const PLACE = { head: HEAD, fence: { layout: 1, bucketEpoch: undefined } };

/** A drive with these keys that answers so many pages. */
function driveWith(id: string, keys: readonly string[], pages = Number.POSITIVE_INFINITY) {
  const sorted = keys.map((key) => Buffer.from(key)).sort(compareBytes);
  let left = pages;
  return {
    id,
    range: async ({ from, limit }: RangeQuery): Promise<RangeReply | DriveRefusal> => {
      left -= 1;
      if (left < 0) return { ok: false, reason: "busy" };
      const after = sorted.filter((key) => compareBytes(key, from) >= 0);
      const rows = after.slice(0, limit).map((key) => ({ key, head: 0 }));
      const next = after[limit];
      if (next === undefined) return { ok: true, rows, exhausted: true };
      return { ok: true, rows, exhausted: false, resume: next };
    },
  };
}

async function collect(keys: KeyMerge, atOnce: number): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const some = await keys.next(atOnce);
    if (some.length === 0) return found;
    if (some.length > atOnce) throw new Error("more than asked for");
    found.push(...some.map((key) => key.toString()));
  }
}

test("KeyMerge: every key of any drive once and in order, over many pages", async (t) => {
  const random = new SeededRandom(4);
  const names = Array.from({ length: 700 }, (_, index) => `key-${index}`);
  const held = [0, 1, 2].map(() => names.filter(() => random.below(3) > 0));
  const drives = held.map((keys, index) => driveWith(`drive-${index}`, keys));
  const keys = new KeyMerge(drives, PLACE);
  const wanted = [...new Set(held.flat())].sort().map((name) => HEAD.toString() + name);
  t.strictSame(await collect(keys, 8), wanted);
  t.equal(keys.failed.size, 0);
});

test("KeyMerge: a drive that stops answering is named, and the others are gone through", async (t) => {
  const names = Array.from({ length: 400 }, (_, index) => `key-${index}`).sort();
  const drives = [driveWith("well", names), driveWith("ill", names, 1), driveWith("mute", [], 0)];
  const keys = new KeyMerge(drives, PLACE);
  t.equal((await collect(keys, 7)).length, names.length);
  t.strictSame([...keys.failed].sort(), ["ill", "mute"]);
  t.strictSame(await collect(new KeyMerge([], PLACE), 7), []);
});
