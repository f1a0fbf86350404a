import { test } from "tap";
import {
  coverOf,
  decideExclusion,
  decideStart,
  decodeEpoch,
  type EpochRecord,
  encodeEpoch,
  firstEpochOf,
  incarnationOf,
} from "../../../../cluster/register/epoch.ts";
import { majority } from "../../../../cluster/register/replica-set.ts";

const set = (ids: string): string[] => [...ids];

test("decideExclusion: the cover of the set, of each base and of each attempt must survive", async (t) => {
  const table: Array<{
    members: string;
    bases: string[];
    attempts?: string[];
    survive: string;
    ok: boolean;
  }> = [
    { members: "abcd", bases: [], survive: "abc", ok: true },
    { members: "abcd", bases: [], survive: "ab", ok: true },
    { members: "abcd", bases: [], survive: "a", ok: false },
    // Another half has perhaps been recorded: the opposite one may not be.
    { members: "abcd", bases: [], attempts: ["cd"], survive: "ab", ok: false },
    { members: "abcd", bases: [], attempts: ["acd"], survive: "ab", ok: false },
    { members: "abcd", bases: [], attempts: ["abc"], survive: "ab", ok: true },
    { members: "abc", bases: [], survive: "ab", ok: true },
    { members: "ab", bases: [], survive: "a", ok: true },
    { members: "a", bases: [], survive: "", ok: false },
    { members: "abcde", bases: [], survive: "abc", ok: true },
    { members: "abcde", bases: [], survive: "ab", ok: false },
    { members: "abc", bases: ["abcd"], survive: "ab", ok: true },
    { members: "abc", bases: ["abcde"], survive: "ab", ok: false },
    { members: "abc", bases: ["abxyz"], survive: "abc", ok: false },
  ];
  for (const { members, bases, attempts = [], survive, ok } of table) {
    const current = { epoch: 9, members: set(members), bases: bases.map(set) };
    const decision = decideExclusion(current, new Set(survive), attempts.map(set));
    t.equal(decision.ok, ok, `${survive} of ${members} over ${bases.join()}`);
    if (decision.ok) {
      t.strictSame(decision.members, set(survive));
      t.strictSame(decision.bases, [set(members), ...bases.map(set)]);
    }
  }
});

test("decideStart: by what the drives that are there know", async (t) => {
  const four: EpochRecord = { epoch: 10, members: set("abcd"), bases: [] };
  const three: EpochRecord = { epoch: 11, members: set("abc"), bases: [set("abcd")] };
  const table: Array<{
    what: string;
    found: Array<[string, EpochRecord | undefined]>;
    clean?: string;
    acceptMissing?: boolean;
    mode: string;
    members?: string;
    bases?: string[];
  }> = [
    { what: "nothing known", found: [["a", undefined]], mode: "blank" },
    { what: "all", found: known(four, "abcd"), mode: "read-write", members: "abcd", bases: [] },
    {
      what: "one away",
      found: known(four, "abd"),
      mode: "read-write",
      members: "abd",
      bases: ["abcd"],
    },
    { what: "half", found: known(four, "ab"), mode: "unavailable" },
    {
      what: "half after a clean stop",
      found: known(four, "ab"),
      clean: "ab",
      mode: "read-only",
      members: "ab",
    },
    { what: "half, one not clean", found: known(four, "ab"), clean: "a", mode: "unavailable" },
    {
      what: "half, by the operator's word",
      found: known(four, "ab"),
      acceptMissing: true,
      mode: "read-write",
      members: "ab",
      bases: ["abcd"],
    },
    {
      what: "less than half, whatever the operator says",
      found: known(four, "a"),
      acceptMissing: true,
      mode: "unavailable",
    },
    { what: "one of four", found: known(four, "a"), mode: "unavailable" },
    {
      what: "the newest record counts, and d is no member of it",
      found: [...known(three, "ab"), ...known(four, "cd")],
      mode: "read-write",
      members: "abc",
      bases: ["abcd"],
    },
    {
      what: "a record that perhaps did not reach all does not make half of its base a majority",
      found: known(three, "ab"),
      mode: "unavailable",
    },
    {
      what: "a base is not covered",
      found: known({ ...three, bases: [set("abcdefg")] }, "abc"),
      mode: "unavailable",
    },
    {
      what: "a blank newcomer changes nothing",
      found: [...known(four, "abcd"), ["n", undefined]],
      mode: "read-write",
      members: "abcd",
      bases: [],
    },
    {
      what: "one survivor of two",
      found: known({ ...four, members: set("ab") }, "a"),
      clean: "a",
      mode: "read-only",
      members: "a",
    },
  ];
  for (const { what, found, clean = "", acceptMissing = false, mode, members, bases } of table) {
    const decision = decideStart(new Map(found), { clean: new Set(clean), acceptMissing });
    t.equal(decision.mode, mode, what);
    if ("members" in decision) t.strictSame(decision.members, set(members ?? ""), what);
    if (decision.mode === "read-write") t.strictSame(decision.bases, bases?.map(set), what);
  }
});

test("decideStart, decideExclusion: whoever may serve after a start meets whoever went on", async (t) => {
  for (let count = 1; count <= 6; count++) {
    const members = set("abcdef".slice(0, count));
    const record: EpochRecord = { epoch: 1, members, bases: [] };
    for (const survivors of subsets(members)) {
      if (!decideExclusion(record, new Set(survivors), []).ok) continue;
      for (const left of subsets(members)) {
        if (left.some((id) => survivors.includes(id))) continue;
        const start = decideStart(new Map(left.map((id) => [id, record])));
        if (start.mode === "blank" && left.length === 0) continue;
        t.equal(start.mode, "unavailable", `${left.join("")} after ${survivors.join("")} went on`);
      }
    }
    t.ok(coverOf(count) + majority(count) > count, "a cover meets every majority");
  }
});

test("epoch numbers: order over all incarnations", async (t) => {
  t.ok(firstEpochOf(2) > firstEpochOf(1) + 1000);
  t.equal(incarnationOf(firstEpochOf(7) + 5), 7);
  t.ok(Number.isSafeInteger(firstEpochOf(2 ** 32)));
});

test("encodeEpoch, decodeEpoch: round trip; anything else is corrupt", async (t) => {
  const record: EpochRecord = { epoch: firstEpochOf(3), members: set("ab"), bases: [set("abc")] };
  const back = decodeEpoch(encodeEpoch(record));
  t.strictSame({ ...back }, record);
  const bad = [
    "",
    "[]",
    "null",
    '{"version":2,"epoch":1,"members":["a"],"bases":[]}',
    '{"version":1,"epoch":-1,"members":["a"],"bases":[]}',
    '{"version":1,"epoch":1,"members":[],"bases":[]}',
    '{"version":1,"epoch":1,"members":["a","a"],"bases":[]}',
    '{"version":1,"epoch":1,"members":["a"],"bases":[[1]]}',
    '{"version":1,"epoch":1,"members":["a"]}',
  ];
  for (const text of bad) {
    t.throws(() => decodeEpoch(Buffer.from(text)), /^corrupt/, text);
  }
});

function known(record: EpochRecord, ids: string): Array<[string, EpochRecord]> {
  return [...ids].map((id) => [id, record]);
}

function subsets(items: readonly string[]): string[][] {
  const all: string[][] = [];
  for (let mask = 0; mask < 2 ** items.length; mask++) {
    all.push(items.filter((_, index) => (mask & (1 << index)) !== 0));
  }
  return all;
}
