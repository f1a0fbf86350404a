import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import type { ByteRange, DataSink } from "../../../../src/object/contract/data.ts";
import type { ObjectDetails, OpenObject } from "../../../../src/object/contract/object-store.ts";
import {
  checkReadable,
  findMember,
  membersOf,
  sendMember,
} from "../../../../src/s3/archive/zip-archive.ts";
import { ZIP_DIRECTORY_BYTES_MAX } from "../../../../src/s3/archive/zip-directory.ts";
import { listArchive } from "../../../../src/s3/archive/zip-listing.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";
import { CollectingSink } from "../../../support/collecting-sink.ts";
import { type ZipFile, zipOf } from "../../../support/zip-archive.ts";

/** A stored object; its bytes come in pieces whose memory is used again. */
function objectOf(content: Buffer, inline = false): OpenObject {
  const details: Partial<ObjectDetails> = {
    bytes: content.length,
    versionId: "null",
    isLatest: true,
    mtimeMs: 5000,
    storageClass: "STANDARD",
  };
  return {
    // Reading an archive takes no more of it.
    details: details as ObjectDetails,
    inline: inline ? content : undefined,
    async read({ offset, length }: ByteRange, sink: DataSink) {
      if (offset < 0 || offset + length > content.length) {
        throw new StoreError({ code: "internal", message: "a read outside the object" });
      }
      const piece = Buffer.alloc(1000);
      for (let at = offset; at < offset + length && !sink.aborted; at += piece.length) {
        const bytes = content.copy(piece, 0, at, Math.min(at + piece.length, offset + length));
        await sink.write(piece.subarray(0, bytes));
        piece.fill(0xee);
      }
    },
  };
}

async function memberText(zip: OpenObject, name: string, range?: ByteRange): Promise<string> {
  const member = await findMember(zip, name);
  if (member === undefined) return "absent";
  checkReadable(member);
  const sink = new CollectingSink();
  await sendMember(zip, member, range ?? { offset: 0, length: member.bytes }, sink);
  return sink.content.toString("latin1");
}

async function failureOf(zip: Buffer, name = "a"): Promise<string> {
  try {
    await memberText(objectOf(zip), name);
  } catch (error) {
    if (error instanceof S3Error) return error.code;
    throw error;
  }
  return "none";
}

const TEXT = "some text that can be packed, packed, packed".repeat(200);

test("sendMember: what was put in comes out, stored or packed, whole or in part", async (t) => {
  const files: ZipFile[] = [
    { name: "packed", content: TEXT },
    { name: "stored", content: TEXT, method: 0 },
    { name: "large", content: TEXT, large: true },
    { name: "empty", content: "" },
    { name: "ümläut/", content: "", method: 0 },
    { name: "twice", content: "first" },
    { name: "twice", content: "last" },
  ];
  const shapes = [
    zipOf(files),
    zipOf(files, { comment: "PK\u0005\u0006 not the end" }),
    zipOf(files, { before: Buffer.alloc(3000, "#!") }),
    zipOf(files, { zip64: true }),
  ];
  for (const bytes of shapes) {
    for (const zip of [objectOf(bytes), objectOf(bytes, true)]) {
      for (const name of ["packed", "stored", "large"]) {
        t.equal(await memberText(zip, name), TEXT, name);
        const range = { offset: 1234, length: 4321 };
        t.equal(await memberText(zip, name, range), TEXT.slice(1234, 1234 + 4321), name);
        const end = { offset: TEXT.length - 10, length: 10 };
        t.equal(await memberText(zip, name, end), TEXT.slice(-10), name);
      }
      t.equal(await memberText(zip, "empty"), "");
      t.equal(await memberText(zip, "ümläut/"), "");
      t.equal(await memberText(zip, "twice"), "last");
      t.equal(await memberText(zip, "none"), "absent");
    }
  }
});

test("sendMember: a directory larger than one piece is read whole", async (t) => {
  const files = Array.from({ length: 6000 }, (_, n) => ({
    name: `folder/${"n".repeat(60)}/${n}`,
    content: `${n}`,
    method: 0,
  }));
  const zip = objectOf(zipOf(files));
  t.equal(await memberText(zip, files[5999]?.name ?? ""), "5999");
});

test("sendMember: archives that lie are refused or broken off, never believed", async (t) => {
  const a = { name: "a", content: TEXT };
  const lies: Record<string, ZipFile> = {
    "a checksum that is wrong": { ...a, crc: 1 },
    "longer than it says": { ...a, bytes: 10 },
    "shorter than it says": { ...a, bytes: TEXT.length + 1 },
    "packed bytes that reach into the directory": { ...a, packedBytes: 1_000_000 },
    "a place outside": { ...a, offset: 0xfffffff0 },
    "a place that is no header": { ...a, offset: 3 },
    "packed bytes that end too early": { ...a, packedBytes: 20 },
    "two sizes of a stored member": { ...a, method: 0, bytes: 3 },
  };
  for (const [name, file] of Object.entries(lies)) {
    t.equal(await failureOf(zipOf([file])), "InvalidRequest", name);
  }
  t.equal(await failureOf(zipOf([{ ...a, flags: 1 }])), "NotImplemented");
  t.equal(await failureOf(zipOf([{ ...a, method: 93 }])), "NotImplemented");
  t.equal(await failureOf(zipOf([a], { directoryBytes: 5 })), "InvalidRequest");
  t.equal(await failureOf(zipOf([a], { directoryBytes: 1_000_000 })), "InvalidRequest");
  t.equal(await failureOf(Buffer.alloc(0)), "InvalidRequest");
  t.equal(await failureOf(Buffer.alloc(70_000, "PK")), "InvalidRequest");
  const padded = zipOf([a], {
    before: Buffer.alloc(ZIP_DIRECTORY_BYTES_MAX),
    directoryBytes: ZIP_DIRECTORY_BYTES_MAX + 1,
  });
  t.ok(["InvalidRequest", "NotImplemented"].includes(await failureOf(padded)));
});

test("sendMember: a bomb costs no more than what is taken of it", async (t) => {
  const zip = objectOf(zipOf([{ name: "bomb", content: Buffer.alloc(40_000_000) }]));
  const member = await findMember(zip, "bomb");
  if (member === undefined) throw new Error("it is there");
  const sink = new CollectingSink({ abortAfterBytes: 100_000 });
  await sendMember(zip, member, { offset: 0, length: member.bytes }, sink);
  t.ok(sink.content.length < 1_000_000);
});

test("zip: no damage of an archive does more than fail", async (t) => {
  const good = zipOf(
    [
      { name: "a", content: TEXT },
      { name: "b", content: TEXT, large: true },
    ],
    { zip64: true },
  );
  const at = fc.integer({ min: 0, max: good.length - 1 });
  const property = fc.asyncProperty(at, fc.integer({ min: 1, max: 255 }), async (index, flip) => {
    const damaged = Buffer.from(good);
    damaged[index] = (damaged[index] ?? 0) ^ flip;
    await failureOf(damaged);
    await failureOf(damaged.subarray(0, index));
  });
  await fc.assert(property, { numRuns: 300, seed: 11 });
  t.pass("nothing but S3Error came out");
});

test("listArchive: pages in key order, with prefix and delimiter, as the slow twin has them", async (t) => {
  const names = fc.uniqueArray(fc.stringMatching(/^[ab/]{1,5}$/), { maxLength: 30 });
  const options = fc.record({
    prefix: fc.stringMatching(/^[ab]{0,2}$/),
    delimiter: fc.constantFrom(undefined, "/"),
    limit: fc.integer({ min: 1, max: 4 }),
  });
  const property = fc.asyncProperty(names, options, async (all, { prefix, delimiter, limit }) => {
    const zip = objectOf(zipOf(all.map((name) => ({ name, content: "", method: 0 }))));
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const listing = { prefix: `z.zip/${prefix}`, delimiter, limit, after };
      const page = await listArchive(zip, "z.zip", listing);
      const keys = page.objects.map(({ key }) => key);
      found.push(...[...keys, ...page.commonPrefixes].sort());
      t.ok(keys.length + page.commonPrefixes.length <= limit);
      if (!page.truncated) break;
      after = page.next;
    }
    const wanted = all
      .map((name) => `z.zip/${name}`)
      .filter((key) => key.startsWith(`z.zip/${prefix}`))
      .map((key) => {
        const cut = delimiter === undefined ? -1 : key.indexOf(delimiter, 6 + prefix.length);
        return cut < 0 ? key : key.slice(0, cut + 1);
      });
    t.strictSame(found, [...new Set(wanted)].sort());
  });
  await fc.assert(property, { numRuns: 80, seed: 12 });
});

test("membersOf: what is told of a member", async (t) => {
  const members = [];
  for await (const { name, bytes } of membersOf(objectOf(zipOf([{ name: "a", content: "xyz" }])))) {
    members.push({ name, bytes });
  }
  t.strictSame(members, [{ name: "a", bytes: 3 }]);
});
