import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "tap";
import { AdminError } from "../../../src/admin/admin-error.ts";
import { readZip, writeZip } from "../../../src/admin/zip-file.ts";
import { zipOf } from "../../support/zip-archive.ts";

const FILES = new Map([
  ["a/one.json", Buffer.from("one ".repeat(1000))],
  ["empty", Buffer.alloc(0)],
]);

function failureOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof AdminError) return error.code;
    throw error;
  }
  return "none";
}

test("readZip: reads what writeZip writes, and what others write", async (t) => {
  t.strictSame(readZip(writeZip(FILES), 10_000), FILES);
  const other = zipOf(
    [
      { name: "stored", content: "x", method: 0 },
      { name: "packed", content: "y" },
    ],
    { comment: "of another program" },
  );
  t.strictSame([...readZip(other, 100).keys()], ["stored", "packed"]);
});

test("writeZip: the system's unzip takes it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-zip-"));
  const path = join(folder, "x.zip");
  writeFileSync(path, writeZip(FILES));
  const tested = spawnSync("unzip", ["-t", path]);
  // Not every system has it.
  if (tested.error === undefined) t.equal(tested.status, 0, tested.stdout.toString());
  rmSync(folder, { recursive: true });
});

test("readZip: no more is unpacked than allowed, and nothing damaged is taken", async (t) => {
  const bomb = writeZip(new Map([["bomb", Buffer.alloc(10_000_000)]]));
  t.equal(
    failureOf(() => readZip(bomb, 100_000)),
    "XMinioAdminInvalidArgument",
  );
  t.equal(
    failureOf(() => readZip(Buffer.from("no zip"), 100)),
    "XMinioAdminInvalidArgument",
  );
  const good = writeZip(FILES);
  const at = fc.integer({ min: 0, max: good.length - 1 });
  const property = fc.property(at, fc.integer({ min: 1, max: 255 }), (index, flip) => {
    const damaged = Buffer.from(good);
    damaged[index] = (damaged[index] ?? 0) ^ flip;
    // It fails as a request does, or the damage was in a field that nobody reads.
    failureOf(() => readZip(damaged, 10_000));
    failureOf(() => readZip(good.subarray(0, index), 10_000));
  });
  fc.assert(property, { numRuns: 500, seed: 3 });
  t.pass();
});
