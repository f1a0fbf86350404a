/** Checks between settings. */
import { test } from "tap";
import { findRelationProblems, stripeMemoryBytes } from "../../../config/relations.ts";
import { problemsOf } from "./settings-support.ts";

function problems(words: readonly string[], variables: Record<string, string> = {}): string {
  return problemsOf({ words, variables }).join("\n");
}

test("relations: parity is at most half of the drives of an object", async (t) => {
  const standard = (value: string) => ({ MINIO_STORAGE_CLASS_STANDARD: value });
  t.equal(problems(["/d{1...4}"], standard("EC:2")), "");
  t.equal(
    problems(["/d{1...4}"], standard("EC:3")),
    "MINIO_STORAGE_CLASS_STANDARD (storage-class-standard) asks for 3 parity drives, and 4 drive(s) allow at most EC:2; lower it or give more drives",
  );
  t.match(problems(["/d"], standard("EC:1")), /1 drive\(s\) allow at most EC:0/);
  t.equal(problems(["/d{1...32}"], standard("EC:8")), "");
  t.match(problems(["/d{1...32}"], standard("EC:9")), /at most EC:8/);
  t.match(problems(["/d{1...4}"], { RINGFORT_STORAGE_CLASS_RRS: "EC:3" }), /rrs\) asks for 3/);
});

test("relations: reduced redundancy is not more than the standard one", async (t) => {
  const classes = (standard: string, rrs: string) => ({
    MINIO_STORAGE_CLASS_STANDARD: standard,
    MINIO_STORAGE_CLASS_RRS: rrs,
  });
  t.match(problems(["/d{1...8}"], classes("EC:2", "EC:3")), /more parity \(EC:3\) than .*EC:2/);
  t.equal(problems(["/d{1...8}"], classes("EC:3", "EC:3")), "");
  t.equal(problems(["/d{1...8}"], classes("EC:0", "EC:1")), "");
});

test("relations: the memory holds 16 stripes", async (t) => {
  const memory = (value: string) => ({
    RINGFORT_MEMORY: value,
    RINGFORT_STRIPE_DATA_BYTES: "4MiB",
  });
  t.equal(problems(["/d{1...4}"], memory("128MiB")), "");
  t.match(
    problems(["/d{1...4}"], memory("127MiB")),
    /is 127MiB, and 16 stripes need 128MiB; raise it/,
  );
});

test("stripeMemoryBytes: room for as much parity as data, where there can be parity", async (t) => {
  t.equal(stripeMemoryBytes(1_048_576, 1), 1_048_576);
  t.equal(stripeMemoryBytes(1_048_576, 2), 2_097_152);
  t.equal(stripeMemoryBytes(1_048_576, 16), 2_097_152);
});

test("relations: inline data is smaller than a stripe, listeners differ, threads have drives", async (t) => {
  t.match(
    problems(["/d"], { RINGFORT_INLINE_BYTES_MAX: "64KiB", RINGFORT_STRIPE_DATA_BYTES: "64KiB" }),
    /inline-bytes-max\) must be less than stripe-data-bytes \(64KiB\)/,
  );
  t.match(problems(["--address", ":9001", "--console-address", ":9001", "/d"]), /port of the S3/);
  t.equal(problems(["--address", ":9001", "/d"]), "");
  t.equal(problems(["--address", ":0", "--console-address", ":0", "/d"]), "");
  t.match(problems(["/d{1...2}"], { RINGFORT_DRIVE_THREADS: "3" }), /drive-threads\) is 3/);
});

test("findRelationProblems: is silent about what is not known", async (t) => {
  t.strictSame(findRelationProblems({}), []);
});
