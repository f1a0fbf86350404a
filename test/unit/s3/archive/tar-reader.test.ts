import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import { ChunkReader } from "../../../../src/s3/archive/chunk-reader.ts";
import { readTar, TAR_RECORDS_BYTES_MAX } from "../../../../src/s3/archive/tar-reader.ts";
import { unpack } from "../../../../src/s3/archive/unpack.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";
import { paxFile, type TarFile, tarFile, tarOf } from "../../../support/tar-archive.ts";

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

interface Read {
  readonly name: string;
  readonly kind: string;
  readonly content: string;
  readonly mtimeMs: number;
}

async function readAll(archive: Buffer, size = 1000): Promise<Read[]> {
  const found: Read[] = [];
  const reader = await unpack(cut(archive, size));
  for await (const entry of readTar(reader)) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry.content()) chunks.push(chunk);
    const { name, kind, mtimeMs } = entry;
    found.push({ name, kind, mtimeMs, content: Buffer.concat(chunks).toString("latin1") });
  }
  return found;
}

async function failureOf(archive: Buffer): Promise<string> {
  try {
    await readAll(archive);
  } catch (error) {
    if (error instanceof S3Error || error instanceof StoreError) return error.code;
    throw error;
  }
  return "none";
}

const SECONDS = 1_600_000_000;

test("readTar: what was put in comes out, however it is cut", async (t) => {
  const files = fc.array(
    fc.record({
      name: fc.stringMatching(/^[a-z]{1,20}(?:\/[a-z]{1,20})?$/),
      content: fc.stringMatching(/^[a-z]{0,1500}$/),
    }),
    { maxLength: 6 },
  );
  const property = fc.asyncProperty(files, fc.integer({ min: 1, max: 2000 }), async (all, size) => {
    const found = await readAll(tarOf(all), size);
    t.strictSame(
      found.map(({ name, content }) => ({ name, content })),
      all.map(({ name, content }) => ({ name, content })),
    );
  });
  await fc.assert(property, { numRuns: 60, seed: 7 });
});

test("readTar: content that nobody takes is passed over", async (t) => {
  const archive = tarOf([{ name: "a", content: "x".repeat(5000) }, { name: "b" }]);
  const names: string[] = [];
  for await (const { name } of readTar(new ChunkReader(cut(archive, 700)))) names.push(name);
  t.strictSame(names, ["a", "b"]);
});

test("readTar: extended headers, long names and prefixes name the entry that follows", async (t) => {
  const long = `${"folder/".repeat(40)}file`;
  const found = await readAll(
    tarOf([
      paxFile({ path: "päth", mtime: "1500000000.25", size: "3" }),
      { name: "short", content: "abc", size: "00000000000\0" },
      { name: "././@LongLink", type: "L", content: `${long}\0` },
      { name: "cut", content: "l" },
      { name: "tail", prefix: "head", content: "p" },
      paxFile({ mtime: "1400000000" }, "g"),
      { name: "common" },
    ]),
  );
  t.strictSame(found, [
    { name: "päth", kind: "file", content: "abc", mtimeMs: 1_500_000_000_250 },
    { name: long, kind: "file", content: "l", mtimeMs: SECONDS * 1000 },
    { name: "head/tail", kind: "file", content: "p", mtimeMs: SECONDS * 1000 },
    { name: "common", kind: "file", content: "", mtimeMs: 1_400_000_000_000 },
  ]);
});

test("readTar: folders are named so, links and devices are passed over", async (t) => {
  const others = ["1", "2", "3", "4", "6"].map((type) => ({ name: type, type, size: "77\0" }));
  const found = await readAll(
    tarOf([{ name: "d/", type: "5" }, { name: "old/" }, ...others, { name: "f", content: "x" }]),
  );
  t.strictSame(
    found.map(({ name, kind }) => `${kind} ${name}`),
    ["folder d/", "folder old/", "file f"],
  );
});

test("readTar: an archive may end without its zeros, but not inside an entry", async (t) => {
  const one = tarFile({ name: "a", content: "text" });
  t.equal((await readAll(one)).length, 1);
  t.equal(await failureOf(one.subarray(0, 514)), "incomplete-body");
  t.equal(await failureOf(one.subarray(0, 300)), "incomplete-body");
});

test("readTar: what is no tar is refused", async (t) => {
  const wrongSum = tarOf([{ name: "a" }]);
  wrongSum[0] = 0x62;
  const cases: Record<string, Buffer> = {
    "a wrong sum": wrongSum,
    noise: Buffer.alloc(2048, "noise"),
    "a size that is none": tarOf([{ name: "a", size: "00009999999\0" }]),
    "records without a length": tarOf([
      { name: "x", type: "x", content: "path=a\n" },
      { name: "a" },
    ]),
    "records that end too late": tarOf([{ name: "x", type: "x", content: "99 path=a\n" }]),
    "records that are too long": tarOf([
      { name: "x", type: "x", content: Buffer.alloc(TAR_RECORDS_BYTES_MAX + 1) },
    ]),
  };
  for (const [name, archive] of Object.entries(cases)) {
    t.equal(await failureOf(archive), "InvalidRequest", name);
  }
  t.equal(await failureOf(tarOf([{ name: "a", type: "S" }])), "NotImplemented");
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 1500 }), async (bytes) => {
    await failureOf(Buffer.from(bytes));
  });
  await fc.assert(property, { numRuns: 200, seed: 8 });
});

test("unpack: gzip is undone, other packings are refused by name, damage is noticed", async (t) => {
  const archive = tarOf([{ name: "a", content: "text" }]);
  const packed = gzipSync(archive);
  t.equal((await readAll(packed))[0]?.content, "text");
  t.equal(await failureOf(packed.subarray(0, 40)), "InvalidRequest");
  const flipped = Buffer.from(packed);
  flipped[30] = (flipped[30] ?? 0) ^ 0xff;
  t.equal(await failureOf(flipped), "InvalidRequest");
  for (const start of ["28b52ffd00", "425a6839", "04224d18", "ff060000", "fd377a585a00"]) {
    t.equal(await failureOf(Buffer.from(`${start}0000`, "hex")), "NotImplemented", start);
  }
});

test("readTar: what the system's tar writes is read, in every format", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-tar-"));
  const long = "n".repeat(120);
  mkdirSync(join(folder, "d"));
  const files: TarFile[] = [
    { name: "d/small", content: "s" },
    { name: `d/${long}`, content: "l".repeat(3000) },
  ];
  for (const { name, content } of files) writeFileSync(join(folder, name), content ?? "");
  let formats = 0;
  for (const format of ["gnu", "posix", "ustar", "oldgnu"]) {
    const arguments_ = ["-C", folder, `--format=${format}`, "--sort=name", "-cf", "-", "d"];
    const made = spawnSync("tar", arguments_, { maxBuffer: 1 << 20 });
    // Not every system has GNU tar; the archives above do not depend on it.
    if (made.status !== 0) continue;
    formats += 1;
    const found = await readAll(made.stdout);
    const contents = Object.fromEntries(found.map(({ name, content }) => [name, content]));
    t.strictSame(contents, { "d/": "", "d/small": "s", [`d/${long}`]: "l".repeat(3000) }, format);
  }
  t.ok(formats === 0 || formats > 2);
  rmSync(folder, { recursive: true });
});
