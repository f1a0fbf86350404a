/** What every index engine promises (src/store/kv.ts), run on both. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import { createNodeDisk } from "../../../src/store/disk-node.ts";
import { KV_KEY_BYTES_MAX, type Kv, type KvScan, type KvWrite } from "../../../src/store/kv.ts";
import { openJournaledKv } from "../../../src/store/kv-journaled.ts";
import { openLmdbKv } from "../../../src/store/kv-lmdb.ts";
import { createMemoryKv, createMemoryKvImage } from "../../../src/store/kv-memory.ts";

function createMemory(): Kv {
  return createMemoryKv(createMemoryKvImage(), { flush: (apply) => Promise.resolve(apply()) });
}

function createLmdb(t: Test): Kv {
  const path = mkdtempSync(join(tmpdir(), "ringfort-kv-"));
  const kv = openLmdbKv(path);
  t.teardown(async () => {
    await kv.close();
    rmSync(path, { recursive: true, force: true });
  });
  return kv;
}

function createJournaled(t: Test): Promise<Kv> {
  const path = mkdtempSync(join(tmpdir(), "ringfort-kv-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return openJournaledKv(
    { folder: path, segmentBytes: 4096 * 8 },
    {
      engine: createMemory(),
      disk: createNodeDisk(),
      digest: (parts) => xxh3(Buffer.concat(parts)),
      random: { bytes: randomBytes },
    },
  );
}

const ENGINES: Readonly<Record<string, (t: Test) => Kv | Promise<Kv>>> = {
  memory: createMemory,
  lmdb: createLmdb,
  journaled: createJournaled,
};

function put(key: string, value: string, table: KvWrite["table"] = "rec"): KvWrite {
  return { table, key: Buffer.from(key), value: Buffer.from(value) };
}

function drain(scan: KvScan): string[] {
  const rows: string[] = [];
  while (scan.next()) rows.push(`${scan.key.toString()}=${scan.value.toString()}`);
  return rows;
}

for (const [name, create] of Object.entries(ENGINES)) {
  test(`Kv ${name}: a commit is seen when its promise resolved, not before`, async (t) => {
    const kv = await create(t);
    const committing = kv.commit([put("a", "1")]);
    t.equal(kv.get("rec", Buffer.from("a")), undefined);
    await committing;
    t.equal(kv.get("rec", Buffer.from("a"))?.toString(), "1");
    t.equal(kv.peek("rec", Buffer.from("a"))?.toString(), "1");
    t.equal(kv.get("list", Buffer.from("a")), undefined, "tables are apart");
  });

  test(`Kv ${name}: commits called one after the other land in that order`, async (t) => {
    const kv = await create(t);
    const key = Buffer.from("k");
    const all = Array.from({ length: 40 }, (_, index) => kv.commit([put("k", String(index))]));
    all.push(kv.commit([{ table: "rec", key, value: undefined }, put("other", "x")]));
    all.push(kv.commit([put("k", "last")]));
    await Promise.all(all);
    t.equal(kv.get("rec", key)?.toString(), "last");
    t.equal(kv.get("rec", Buffer.from("other"))?.toString(), "x");
  });

  test(`Kv ${name}: scans are sorted by bytes and keep to their table and bounds`, async (t) => {
    const kv = await create(t);
    await kv.commit([
      put("b", "2"),
      put("a", "1"),
      put("a\x00", "1b"),
      put("c", "3"),
      put("a", "h", "heal"),
      put("z", "l", "list"),
      { table: "rec", key: Buffer.from([0xff, 0xff]), value: Buffer.from("4") },
    ]);
    const nothing = Buffer.alloc(0);
    t.same(drain(kv.scan("rec", nothing)).slice(0, 4), ["a=1", "a\x00=1b", "b=2", "c=3"]);
    t.equal(drain(kv.scan("rec", nothing)).length, 5);
    t.same(drain(kv.scan("rec", Buffer.from("a\x00"), Buffer.from("c"))), ["a\x00=1b", "b=2"]);
    t.same(drain(kv.scan("rec", Buffer.from("d"), Buffer.from("b"))), []);
    t.same(drain(kv.scan("heal", nothing)), ["a=h"]);
    t.same(drain(kv.scan("trash", nothing)), []);
  });

  test(`Kv ${name}: takes the longest keys, large values and values that are views`, async (t) => {
    const kv = await create(t);
    const key = Buffer.alloc(KV_KEY_BYTES_MAX, 0xab);
    const shared = Buffer.alloc(200_000, 7);
    const view = new Uint8Array(shared.buffer, shared.byteOffset + 10, 150_000);
    await kv.commit([{ table: "rec", key, value: view }]);
    t.ok(kv.get("rec", key)?.equals(Buffer.alloc(150_000, 7)));
    const copy = kv.get("rec", key);
    copy?.fill(0);
    t.ok(kv.peek("rec", key)?.equals(Buffer.alloc(150_000, 7)), "get gives a copy");
  });
}

test("Kv memory: a flush that never ends leaves the image as it was", async (t) => {
  const image = createMemoryKvImage();
  const kv = createMemoryKv(image, { flush: () => createDeferred<void>().promise });
  void kv.commit([put("a", "1")]);
  await Promise.resolve();
  const reopened = createMemoryKv(image, { flush: (apply) => Promise.resolve(apply()) });
  t.equal(reopened.get("rec", Buffer.from("a")), undefined);
});

test("Kv lmdb: what was committed is there after the environment was opened again", async (t) => {
  const path = mkdtempSync(join(tmpdir(), "ringfort-kv-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const first = openLmdbKv(path);
  await first.commit([put("a", "1"), put("b", "2")]);
  await first.close();
  const second = openLmdbKv(path);
  t.same(drain(second.scan("rec", Buffer.alloc(0))), ["a=1", "b=2"]);
  await second.close();
});
