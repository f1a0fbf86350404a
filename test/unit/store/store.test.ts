import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { newDataId } from "../../../src/base/ids.ts";
import { type LogFields, silentLogger } from "../../../src/base/log.ts";
import type { Drive, DriveState, DriveStatus } from "../../../src/store/drive.ts";
import { INDEX_MARK } from "../../../src/store/index-mark.ts";
import {
  findStripeDataBytesMax,
  openStore,
  STORE_LIMITS,
  type Store,
  StoreRefusedError,
} from "../../../src/store/store.ts";
import { ballot, objectKey, realClock, realRandom } from "./collaborators.ts";

function makeRoot(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), "ringfort-store-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

const memory = new SharedArrayBuffer(4 * 1024 * 1024);

function open(paths: readonly string[], more: object = {}): Promise<Store> {
  return openStore(
    { paths, memory, threads: 1, stripeDataBytes: 2 ** 20, limits: STORE_LIMITS, ...more },
    { clock: realClock, random: realRandom, log: silentLogger },
  );
}

test("openStore: formats new folders, keeps what was accepted, raises the incarnation", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, "nested", `drive${number}`));
  const first = await open(paths, { threads: 2 });
  t.equal(first.incarnation, 1);
  t.equal(first.fresh.length, 0);
  t.equal(first.missing.length, 0);
  t.same(
    first.drives.map((drive) => drive.index),
    [0, 1, 2],
  );
  const key = objectKey("photo.jpg");
  const value = Buffer.alloc(5000, 9);
  for (const drive of first.drives) {
    t.match(await drive.prepare(key, ballot(5)), { ok: true });
    const rows = [{ table: "list", key, value: Buffer.of(1, 2, 3) }] as const;
    t.same(await drive.accept(key, ballot(5), { value, rows }), { ok: true });
  }
  const ids = first.drives.map((drive) => drive.id);
  await first.close();

  // Mounted in another order: drives are known by their ids.
  const second = await open([...paths].reverse());
  t.equal(second.incarnation, 2);
  t.equal(second.clusterId, first.clusterId);
  t.equal(second.nodeId, first.nodeId);
  t.same(
    second.drives.map((drive) => drive.id),
    ids,
  );
  for (const drive of second.drives) {
    const reply = await drive.read(key);
    t.ok(reply.ok && reply.value !== undefined && value.equals(reply.value));
    const page = await drive.range({
      table: "list",
      heads: [key.subarray(0, 19)],
      from: Buffer.alloc(0),
      fromExclusive: false,
      prefix: Buffer.alloc(0),
      visibleOnly: true,
      limit: 10,
      scanMax: 100,
    });
    t.ok(page.ok && page.rows.length === 1 && page.exhausted);
    t.same(await drive.recent(10), { ok: true, keys: [key], upTo: 5 });
    t.ok(drive.status().freeBytes > 0);
  }
  await second.close();
  const afterClose = await second.drives[0]?.read(key);
  t.match(afterClose, { ok: false, reason: "unavailable", applied: "no" });
});

test("openStore: shards written from the arena come back into it", async (t) => {
  const root = makeRoot(t);
  const store = await open([join(root, "a")]);
  t.teardown(() => store.close());
  const [drive] = store.drives;
  if (drive === undefined) throw new Error("one drive");
  const arena = Buffer.from(memory);
  const dataId = newDataId(realRandom);
  const spec = { dataId, slot: 2, k: 2, m: 1, stripeDataBytes: 8192, ownerKey: objectKey("big") };
  const writer = drive.createShard(spec);
  arena.fill(1, 0, 4096).fill(2, 4096, 4128);
  arena.fill(3, 8192, 8192 + 1024).fill(4, 12_288, 12_320);
  const appended = await Promise.all([
    writer.append({ blockOffset: 0, blockBytes: 4096, trailerOffset: 4096 }),
    writer.append({ blockOffset: 8192, blockBytes: 1024, trailerOffset: 12_288 }),
  ]);
  t.same(appended, [{ ok: true }, { ok: true }]);
  t.same(await writer.finish(), { ok: true });

  const place = { blockOffset: 65_536, blockBytes: 1024, trailerOffset: 70_000 };
  const fileOffset = 128 + 4096 + 32;
  t.same(await drive.readBlock({ dataId, slot: 2, fileOffset, place }), { ok: true });
  t.ok(arena.subarray(65_536, 65_536 + 1024).equals(Buffer.alloc(1024, 3)));
  t.ok(arena.subarray(70_000, 70_032).equals(Buffer.alloc(32, 4)));

  const listed = await drive.listShards("", 10);
  t.match(listed, { ok: true, shards: [{ dataId, slot: 2, bytes: 128 + 4096 + 32 + 1024 + 32 }] });
  t.same(await drive.dropShard(dataId, 2), { ok: true });
  t.same(await drive.dropShard(dataId, 2), { ok: true });
  const gone = await drive.readBlock({ dataId, slot: 2, fileOffset, place });
  t.same(gone, { ok: false, reason: "missing" });
});

test("openStore: an emptied folder comes back as a new drive that must be filled", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, `drive${number}`));
  const first = await open(paths);
  const ids = first.drives.map((drive) => drive.id);
  await first.close();
  rmSync(join(root, "drive2"), { recursive: true });
  const without = await open(paths);
  t.same(
    without.drives.map((drive) => drive.status().state),
    ["online", "offline", "online"],
  );
  t.match(without.missing, [{ index: 1, id: ids[1], reason: /does not exist/ }]);
  await without.close();

  mkdirSync(join(root, "drive2"));
  for (let start = 0; start < 2; start++) {
    const store = await open(paths);
    const replaced = store.drives[1];
    t.equal(replaced?.index, 1);
    t.not(replaced?.id, ids[1]);
    t.match(store.fresh, [{ drive: { index: 1 }, replaces: ids[1] }], "until it is filled");
    if (start === 1) t.same(await store.fresh[0]?.markSynced(), { ok: true });
    await store.close();
  }
  const settled = await open(paths);
  t.equal(settled.fresh.length, 0);
  t.equal(settled.incarnation, 5);
  await settled.close();
});

test("openStore: a drive that lost its index is left out, never blank", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, `drive${number}`));
  await (await open(paths)).close();
  rmSync(join(root, "drive3", "index", "data.mdb"));
  const store = await open(paths);
  t.equal(store.drives[2]?.status().state, "offline");
  t.match(store.missing, [{ index: 2, reason: /the index was lost/ }]);
  await store.close();
});

const IMPATIENT = { ...STORE_LIMITS, probeIntervalMs: 20, reopenMsMin: 20, reopenMsMax: 40 };

function becomes(drive: Drive | undefined, state: DriveState): Promise<DriveStatus> {
  return new Promise((resolve) => {
    const look = (status: DriveStatus): void => {
      if (status.state === state) resolve(status);
    };
    drive?.onStateChange(look);
    if (drive !== undefined) look(drive.status());
  });
}

test("openStore: a drive that was taken away and put back is opened again, with all it held", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, `drive${number}`));
  const store = await open(paths, { limits: IMPATIENT });
  t.teardown(() => store.close());
  const [, drive] = store.drives;
  const key = objectKey("kept");
  t.same(await drive?.accept(key, ballot(5), { value: Buffer.of(1), rows: [] }), { ok: true });
  renameSync(join(root, "drive2"), join(root, "pulled"));
  t.match(await becomes(drive, "offline"), { state: "offline", reason: /probe: ENOENT/ });
  t.match(await drive?.read(key), { ok: false, reason: "unavailable", applied: "no" });
  renameSync(join(root, "pulled"), join(root, "drive2"));
  t.match(await becomes(drive, "online"), { path: join(root, "drive2") });
  t.match(await drive?.read(key), { ok: true, value: Buffer.of(1) });
  t.same(await drive?.accept(key, ballot(6), { value: Buffer.of(2), rows: [] }), { ok: true });
});

test("openStore: a drive that is missing at the start is used as soon as it is found", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, `drive${number}`));
  await (await open(paths)).close();
  renameSync(join(root, "drive1"), join(root, "pulled"));
  const more = { limits: IMPATIENT, stripeDataBytes: 2 ** 22 };
  const store = await open(paths, more);
  t.equal(store.drives[0]?.status().state, "offline");
  renameSync(join(root, "pulled"), join(root, "drive1"));
  await becomes(store.drives[0], "online");
  t.match(await store.drives[0]?.read(objectKey("nothing")), { ok: true });
  await store.close();
  renameSync(join(root, "drive2"), join(root, "pulled"));
  renameSync(join(root, "drive3"), join(root, "pulled too"));
  t.equal(
    await findStripeDataBytesMax(paths, { clock: realClock }),
    2 ** 22,
    "and has learnt what it missed",
  );
  const alone = await open(paths);
  t.equal(alone.incarnation, 3);
  await alone.close();
});

test("openStore: an index is marked while it is open, and read through after a bad end", async (t) => {
  const root = makeRoot(t);
  const mark = join(root, "a", "index", INDEX_MARK);
  const store = await open([join(root, "a")]);
  t.ok(existsSync(mark));
  await store.close();
  t.notOk(existsSync(mark));
  writeFileSync(mark, "");
  const lines: string[] = [];
  const log = { ...silentLogger, info: (line: string) => void lines.push(line) };
  const next = await openStore(
    { paths: [join(root, "a")], memory, threads: 1, stripeDataBytes: 1024, limits: STORE_LIMITS },
    { clock: realClock, random: realRandom, log },
  );
  t.match(lines, [/not closed in good order/]);
  await next.close();
  t.notOk(existsSync(mark));
});

test("openStore: another drive, or a copy of a stranger, does not take the place of one that is away", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2].map((number) => join(root, `drive${number}`));
  await (await open([join(root, "stranger")])).close();
  const warnings: string[] = [];
  const log = {
    ...silentLogger,
    warn: (_: string, fields?: LogFields) => {
      warnings.push(String(fields?.["problem"]));
    },
  };
  const store = await openStore(
    { paths, memory, threads: 1, stripeDataBytes: 2 ** 20, limits: IMPATIENT },
    { clock: realClock, random: realRandom, log },
  );
  const [, drive] = store.drives;
  renameSync(join(root, "drive2"), join(root, "pulled"));
  await becomes(drive, "offline");
  renameSync(join(root, "stranger"), join(root, "drive2"));
  while (!warnings.some((line) => line.includes("holds another drive"))) await turn();
  t.equal(drive?.status().state, "offline");
  renameSync(join(root, "drive2"), join(root, "stranger"));
  mkdirSync(join(root, "drive2"));
  while (!warnings.some((line) => line.includes("it is empty"))) await turn();
  t.equal(drive?.status().state, "offline");
  await store.close();
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("openStore: starts without a replacement that cannot be formatted", async (t) => {
  const root = makeRoot(t);
  const paths = [1, 2, 3].map((number) => join(root, `drive${number}`));
  await (await open(paths)).close();
  rmSync(join(root, "drive2"), { recursive: true });
  // Empty to the eye, and a folder is in the way of the new identity.
  mkdirSync(join(root, "drive2", "ringfort.json.new"), { recursive: true });
  const store = await open(paths);
  t.equal(store.drives.length, 2);
  t.match(store.missing, [{ index: 1, reason: /drive2: cannot be formatted \(E/ }]);
  await store.close();
});

test("openStore: refuses a folder that somebody else uses", async (t) => {
  const root = makeRoot(t);
  const store = await open([join(root, "a")]);
  await store.close();
  await t.rejects(open([root]), StoreRefusedError);
  await t.rejects(open([join(root, "a")], { clusterId: "f".repeat(32) }), /belongs to cluster/);
});
