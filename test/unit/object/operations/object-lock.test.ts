import fc from "fast-check";
import { test } from "tap";
import type { BucketSettings } from "../../../../src/object/contract/object-store.ts";
import {
  checkRetentionChange,
  checkUnlocked,
  DAY_MS,
  encodeLockConfiguration,
  LEGAL_HOLD_HEADER,
  LOCK_DOCUMENT,
  LOCK_MODES,
  type LockConfiguration,
  retentionOf,
  withDefaultRetention,
  withRetention,
} from "../../../../src/object/operations/object-lock.ts";
import { codeOf, createFixture, putInput } from "../../../support/object/store-fixture.ts";

const NOW = 1_000_000;
const asOwner = { nowMs: NOW, bypassGovernance: false };
const bypassing = { nowMs: NOW, bypassGovernance: true };

function locked(configuration: LockConfiguration = {}): BucketSettings {
  const documents = { [LOCK_DOCUMENT]: encodeLockConfiguration(configuration) };
  return { versioning: "enabled", documents };
}

test("checkUnlocked: GOVERNANCE yields to a bypass, COMPLIANCE and legal hold to nobody", async (t) => {
  const until = (mode: (typeof LOCK_MODES)[number], untilMs: number) =>
    withRetention({}, { mode, untilMs });
  t.equal(checkUnlocked({}, asOwner), undefined);
  t.equal(checkUnlocked(until("GOVERNANCE", NOW + 1), asOwner)?.code, "object-locked");
  t.equal(checkUnlocked(until("GOVERNANCE", NOW + 1), bypassing), undefined);
  t.equal(checkUnlocked(until("COMPLIANCE", NOW + 1), bypassing)?.code, "object-locked");
  t.equal(checkUnlocked(until("COMPLIANCE", NOW), asOwner), undefined);
  const held = { [LEGAL_HOLD_HEADER]: "ON" };
  t.equal(checkUnlocked(held, bypassing)?.code, "object-locked");
  t.equal(checkUnlocked({ [LEGAL_HOLD_HEADER]: "OFF" }, asOwner), undefined);
});

test("checkRetentionChange: without a bypass what holds only ever gets longer", async (t) => {
  const retention = fc.record({
    mode: fc.constantFrom(...LOCK_MODES),
    untilMs: fc.integer({ min: 0, max: 2 * NOW }),
  });
  fc.assert(
    fc.property(retention, fc.option(retention, { nil: undefined }), (present, wanted) => {
      const headers = withRetention({ other: "kept" }, present);
      const allowed = checkRetentionChange(headers, wanted, asOwner) === undefined;
      const over = present.untilMs <= NOW;
      const longer = wanted?.mode === present.mode && wanted.untilMs >= present.untilMs;
      return allowed === (over || longer);
    }),
  );
  const compliance = withRetention({}, { mode: "COMPLIANCE", untilMs: NOW + 5 });
  t.equal(checkRetentionChange(compliance, undefined, bypassing)?.code, "object-locked");
  const governance = withRetention({}, { mode: "GOVERNANCE", untilMs: NOW + 5 });
  t.equal(checkRetentionChange(governance, undefined, bypassing), undefined);
});

test("withRetention: is read back by retentionOf, and taken away without a trace", async (t) => {
  const retention = { mode: "COMPLIANCE", untilMs: 77 } as const;
  const headers = withRetention({ a: "b" }, retention);
  t.strictSame(retentionOf(headers), retention);
  t.strictSame(withRetention(headers, undefined), { a: "b" });
});

test("withDefaultRetention: applies where the version says nothing itself", async (t) => {
  const bucket = (configuration: LockConfiguration) => ({
    documents: { [LOCK_DOCUMENT]: encodeLockConfiguration(configuration) },
  });
  const days = { defaultRetention: { mode: "GOVERNANCE", unit: "days", count: 3 } } as const;
  const years = { defaultRetention: { mode: "GOVERNANCE", unit: "years", count: 1 } } as const;
  const untilOf = (configuration: LockConfiguration) =>
    retentionOf(withDefaultRetention({}, bucket(configuration), NOW))?.untilMs;
  t.equal(untilOf(days), NOW + 3 * DAY_MS);
  t.equal(untilOf(years), NOW + 365 * DAY_MS);
  t.equal(untilOf({}), undefined);
  const own = withRetention({}, { mode: "COMPLIANCE", untilMs: 5 });
  t.strictSame(withDefaultRetention(own, bucket(days), NOW), own);
  t.strictSame(withDefaultRetention({}, { documents: {} }, NOW), {});
});

test("deleteObject: a locked version stays, a delete marker over it is made", async (t) => {
  const { store, clock } = createFixture();
  const bucket = await store.createBucket(
    "bucket",
    locked({ defaultRetention: { mode: "GOVERNANCE", unit: "days", count: 1 } }),
  );
  const { versionId = "" } = await store.putObject(putInput(bucket, "key", "content"));
  const named = { bucket, key: "key", versionId, conditions: {} };
  t.equal(await codeOf(store.deleteObject(named)), "object-locked");
  const marker = await store.deleteObject({ bucket, key: "key", conditions: {} });
  t.equal(marker.deleteMarker, true);
  t.equal(await codeOf(store.deleteObject(named)), "object-locked", "hidden is not unlocked");
  clock.advance(DAY_MS + 1);
  t.equal(await codeOf(store.deleteObject(named)), "resolved", "its time is over");
});

test("deleteObject: with a bypass GOVERNANCE does not hold", async (t) => {
  const { store } = createFixture();
  const bucket = await store.createBucket("bucket", locked());
  const headers = withRetention({}, { mode: "GOVERNANCE", untilMs: Number.MAX_SAFE_INTEGER });
  const { versionId = "" } = await store.putObject(putInput(bucket, "key", "x", { headers }));
  const named = { bucket, key: "key", versionId, conditions: {} };
  t.equal(await codeOf(store.deleteObject(named)), "object-locked");
  t.equal(await codeOf(store.deleteObject({ ...named, bypassGovernance: true })), "resolved");
});
