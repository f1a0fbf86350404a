import { test } from "tap";
import { scanAll, scanRows } from "../../../../src/object/registers/row-scan.ts";
import type { RangeRow } from "../../../../src/store/drive.ts";
import { MemoryRegisters } from "../../../support/object/memory-registers.ts";

function row(key: string, value?: string): RangeRow {
  const bytes = Buffer.from(key);
  return value === undefined
    ? { head: 0, key: bytes }
    : { head: 0, key: bytes, value: Buffer.from(value) };
}

test("scanRows: goes on where a page ended, and shows a group once", async (t) => {
  const pages = [
    { rows: [row("a", "1"), row("b/")], exhausted: false, resume: Buffer.from("b/5") },
    { rows: [], exhausted: false, resume: Buffer.from("b/7") },
    { rows: [row("b/"), row("c", "2")], exhausted: true, resume: undefined },
  ];
  const asked: string[] = [];
  const registers = new MemoryRegisters();
  registers.rows = (query) => {
    asked.push(`${Buffer.from(query.from)}${query.fromExclusive ? " exclusive" : ""}`);
    const page = pages.shift();
    if (page === undefined) throw new Error("asked beyond the end");
    return Promise.resolve(page);
  };
  const query = {
    ...scanAll([Buffer.from("o")], true),
    from: Buffer.from("0"),
    fromExclusive: true,
  };
  const found: string[] = [];
  for await (const { key } of scanRows(registers, query)) found.push(Buffer.from(key).toString());
  t.strictSame(found, ["a", "b/", "c"]);
  t.strictSame(asked, ["0 exclusive", "b/5", "b/7"]);
});
