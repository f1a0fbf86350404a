import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  parseRegisterKey,
  placementHead,
  systemKey,
} from "../../../../src/object/contract/register-keys.ts";
import {
  SYSTEM_KEY_BYTES_MAX,
  SYSTEM_RECORD_BYTES_MAX,
  SystemRecords,
} from "../../../../src/object/operations/system-records.ts";
import { MemoryRegisters } from "../../../support/object/memory-registers.ts";

const write = (text: string) => () => ({ kind: "write" as const, value: Buffer.from(text) });

async function textOf(records: SystemRecords, key: string): Promise<string | undefined> {
  const value = await records.get(key);
  return value === undefined ? undefined : Buffer.from(value).toString();
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "done",
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );
}

test("SystemRecords: writes, changes, removes and lists by prefix", async (t) => {
  const records = new SystemRecords(new MemoryRegisters());
  t.equal(await textOf(records, "iam/user/a"), undefined);
  await records.update("iam/user/a", write("1"));
  await records.update("iam/user/ä", write("2"));
  await records.update("iam/group/a", write("3"));
  t.equal(await textOf(records, "iam/user/a"), "1");
  await records.update("iam/user/a", (value) => write(`${Buffer.from(value ?? []).toString()}+`)());
  t.equal(await textOf(records, "iam/user/a"), "1+");
  t.strictSame(await records.list("iam/user/"), ["iam/user/a", "iam/user/ä"]);
  t.strictSame(await records.list(""), ["iam/group/a", "iam/user/a", "iam/user/ä"]);
  await records.update("iam/user/a", () => ({ kind: "remove" }));
  await records.update("iam/user/none", () => ({ kind: "remove" }));
  await records.update("iam/group/a", () => ({ kind: "keep" }));
  t.strictSame(await records.list("iam/"), ["iam/group/a", "iam/user/ä"]);
});

test("SystemRecords: what a change throws is the outcome and nothing is written", async (t) => {
  const registers = new MemoryRegisters();
  const records = new SystemRecords(registers);
  await records.update("k", write("1"));
  const { updates } = registers;
  await t.rejects(
    records.update("k", () => {
      throw new Error("refused");
    }),
    { message: "refused" },
  );
  t.equal(await textOf(records, "k"), "1");
  t.equal(registers.updates, updates);
  registers.nextFault = () => "lost";
  t.equal(await codeOf(records.update("k", write("2"))), "unknown-outcome");
  registers.nextFault = () => "refused";
  t.equal(await codeOf(records.update("k", write("2"))), "no-quorum");
});

test("SystemRecords: keeps its limits", async (t) => {
  const records = new SystemRecords(new MemoryRegisters());
  t.equal(await codeOf(records.update("k".repeat(SYSTEM_KEY_BYTES_MAX), write("1"))), "done");
  for (const key of ["", "k".repeat(SYSTEM_KEY_BYTES_MAX + 1)]) {
    t.equal(await codeOf(records.update(key, write("1"))), "invalid-argument");
    t.equal(await codeOf(records.get(key)), "invalid-argument");
  }
  const whole = "x".repeat(SYSTEM_RECORD_BYTES_MAX);
  t.equal(await codeOf(records.update("k", write(whole))), "done");
  t.equal(await codeOf(records.update("k", write(`${whole}x`))), "entity-too-large");
});

test("systemKey: stands apart from the keys of buckets", async (t) => {
  t.strictSame(parseRegisterKey(systemKey("iam/user/a")), { kind: "system", name: "iam/user/a" });
  t.equal(placementHead(systemKey("iam/user/a")).length, 1);
});
