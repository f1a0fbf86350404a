import fc from "fast-check";
import { test } from "tap";
import { DAY_MS } from "../../../../src/object/operations/object-lock.ts";
import {
  decideLifecycle,
  dueAfterDays,
  type LifecycleRule,
  type LifecycleVersion,
  matchesFilter,
  nextExpiration,
  tagsOf,
} from "../../../../src/object/upkeep/lifecycle-rules.ts";

const T0 = 100 * DAY_MS;

function rule(more: Partial<LifecycleRule>): LifecycleRule {
  return { id: "rule", enabled: true, filter: {}, filterForm: "none", ...more };
}

function version(mtimeMs: number, more: Partial<LifecycleVersion> = {}): LifecycleVersion {
  const times = { mtimeMs, writtenMs: mtimeMs };
  return { deleteMarker: false, ...times, bytes: 10, tags: () => [], ...more };
}

function marker(mtimeMs: number): LifecycleVersion {
  return version(mtimeMs, { deleteMarker: true, bytes: 0 });
}

function decide(
  rules: readonly LifecycleRule[],
  versions: readonly LifecycleVersion[],
  nowMs: number,
) {
  return decideLifecycle(rules, "logs/a", versions, { nowMs, dayMs: DAY_MS });
}

const NOTHING = { expireCurrent: false, remove: [] };

test("dueAfterDays: the first midnight after the days are over; a shorter day as it is", async (t) => {
  t.equal(dueAfterDays(T0, 1, DAY_MS), T0 + DAY_MS);
  t.equal(dueAfterDays(T0 + 1, 1, DAY_MS), T0 + 2 * DAY_MS);
  t.equal(dueAfterDays(T0 + 1, 3, 10_000), T0 + 1 + 30_000);
  fc.assert(
    fc.property(fc.nat({ max: 1e12 }), fc.integer({ min: 1, max: 400 }), (fromMs, days) => {
      const due = dueAfterDays(fromMs, days, DAY_MS);
      return (
        due % DAY_MS === 0 && due >= fromMs + days * DAY_MS && due < fromMs + (days + 1) * DAY_MS
      );
    }),
  );
});

test("decideLifecycle: expires by days and by date, never a moment early", async (t) => {
  const days = [rule({ expiration: { days: 2 } })];
  t.strictSame(decide(days, [version(T0)], T0 + 2 * DAY_MS - 1), NOTHING);
  t.strictSame(decide(days, [version(T0)], T0 + 2 * DAY_MS), { expireCurrent: true, remove: [] });
  const date = [rule({ expiration: { dateMs: T0 } })];
  t.strictSame(decide(date, [version(0)], T0 - 1), NOTHING);
  t.strictSame(decide(date, [version(0)], T0), { expireCurrent: true, remove: [] });
});

test("decideLifecycle: a rule that is disabled or means other keys does nothing", async (t) => {
  const expiration = { days: 1 };
  const late = T0 + 50 * DAY_MS;
  t.strictSame(decide([rule({ expiration, enabled: false })], [version(T0)], late), NOTHING);
  const other = rule({ expiration, filter: { prefix: "data/" } });
  t.strictSame(decide([other], [version(T0)], late), NOTHING);
  const same = rule({ expiration, filter: { prefix: "logs/" } });
  t.equal(decide([same], [version(T0)], late).expireCurrent, true);
});

test("decideLifecycle: noncurrent versions age from when the next one came, the newest are kept", async (t) => {
  const versions = [version(T0 + 9 * DAY_MS), version(T0 + 4 * DAY_MS), version(T0), marker(T0)];
  const noncurrent = [rule({ noncurrent: { days: 3 } })];
  const now = T0 + 8 * DAY_MS;
  t.strictSame(decide(noncurrent, versions, now).remove, [2, 3]);
  t.strictSame(decide(noncurrent, versions, T0 + 12 * DAY_MS).remove, [1, 2, 3]);
  const keeping = [rule({ noncurrent: { days: 3, newerKept: 1 } })];
  t.strictSame(decide(keeping, versions, T0 + 50 * DAY_MS).remove, [2, 3]);
  t.strictSame(decide([rule({ noncurrent: { newerKept: 2 } })], versions, now).remove, [3]);
  // A successor whose writer dated it back came when it came.
  const dated = [version(T0 - 90 * DAY_MS, { writtenMs: T0 + 7 * DAY_MS }), version(T0)];
  t.strictSame(decide(noncurrent, dated, now).remove, []);
});

test("decideLifecycle: a delete marker goes only when it hides nothing", async (t) => {
  const lone = [rule({ expiration: { loneMarkers: true } })];
  t.strictSame(decide(lone, [marker(T0)], T0), { expireCurrent: false, remove: [0] });
  t.strictSame(decide(lone, [marker(T0), version(0)], T0 + 900 * DAY_MS), NOTHING);
  const days = [rule({ expiration: { days: 5 } })];
  t.strictSame(decide(days, [marker(T0)], T0 + DAY_MS), NOTHING);
  t.strictSame(decide(days, [marker(T0)], T0 + 5 * DAY_MS).remove, [0]);
  t.strictSame(decide(days, [version(T0)], T0 + 5 * DAY_MS).expireCurrent, true);
});

test("decideLifecycle: the extensions take all versions along", async (t) => {
  const versions = [version(T0), version(0)];
  const all = [rule({ expiration: { days: 1, allVersions: true } })];
  const expected = { expireCurrent: false, remove: [0, 1] };
  t.strictSame(decide(all, versions, T0 + DAY_MS), expected);
  const markers = [rule({ markerDays: 1 })];
  t.strictSame(decide(markers, [marker(T0), version(0)], T0 + DAY_MS), expected);
  t.strictSame(decide(markers, versions, T0 + DAY_MS), NOTHING);
});

test("matchesFilter: every condition must hold; markers have neither tags nor a size", async (t) => {
  const tagged = version(0, { tags: () => [{ key: "a", value: "1" }] });
  t.equal(matchesFilter({ tags: [{ key: "a", value: "1" }] }, tagged), true);
  t.equal(matchesFilter({ tags: [{ key: "a", value: "2" }] }, tagged), false);
  const two = [
    { key: "a", value: "1" },
    { key: "b", value: "1" },
  ];
  t.equal(matchesFilter({ tags: two }, tagged), false);
  t.equal(matchesFilter({ bytesAbove: 10 }, tagged), false, "the bound is outside");
  t.equal(matchesFilter({ bytesAbove: 9, bytesBelow: 11 }, tagged), true);
  t.equal(matchesFilter({ bytesBelow: 10 }, tagged), false);
  t.equal(matchesFilter({ bytesBelow: 10 }, marker(0)), false);
  t.equal(matchesFilter({}, marker(0)), true);
});

test("nextExpiration: names the rule that comes first", async (t) => {
  const rules = [
    rule({ id: "late", expiration: { days: 9 } }),
    rule({ id: "soon", expiration: { days: 2 } }),
    rule({ id: "off", enabled: false, expiration: { days: 1 } }),
  ];
  t.strictSame(nextExpiration(rules, "key", version(T0)), {
    ruleId: "soon",
    atMs: T0 + 2 * DAY_MS,
  });
  t.equal(nextExpiration([], "key", version(T0)), undefined);
});

test("tagsOf: reads tags as they are stored", async (t) => {
  t.strictSame(tagsOf({ "x-amz-tagging": "a=1&b=%26%3D" }), [
    { key: "a", value: "1" },
    { key: "b", value: "&=" },
  ]);
  t.strictSame(tagsOf({}), []);
});
