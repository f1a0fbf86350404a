import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Test, test } from "tap";
import { newDriveId } from "../../../src/base/ids.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { isPlace } from "../../../src/store/drive-plan.ts";
import { openStore, STORE_LIMITS, type Store } from "../../../src/store/store.ts";
import { ballot, objectKey, realClock, realRandom } from "./collaborators.ts";

const memory = new SharedArrayBuffer(4 * 1024 * 1024);
const LIMITS = { ...STORE_LIMITS, probeIntervalMs: 20, reopenMsMin: 10, reopenMsMax: 20 };
const CLUSTER = "c".repeat(32);
const NODE = "d".repeat(32);

function makeRoot(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), "ringfort-adopt-"));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

function assigned(count: number) {
  return Array.from({ length: count }, (_, index) => ({ id: newDriveId(realRandom), index }));
}

function open(paths: readonly string[], drives: ReturnType<typeof assigned>): Promise<Store> {
  const identity = { clusterId: CLUSTER, nodeId: NODE, assigned: drives };
  return openStore(
    { paths, memory, threads: 1, stripeDataBytes: 2 ** 20, limits: LIMITS, ...identity },
    { clock: realClock, random: realRandom, log: silentLogger },
  );
}

test("adopt: an emptied folder becomes another drive of the running node, and stays it", async (t) => {
  const paths = ["a", "b"].map((name) => join(makeRoot(t), name));
  const [folder = ""] = paths;
  const drives = assigned(2);
  const store = await open(paths, drives);
  t.strictSame(await store.emptyFolders(), [], "both folders hold drives");
  const [lost] = store.drives;
  const gone = new Promise<void>((resolve) => lost?.onStateChange(() => resolve()));
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  await gone;
  t.strictSame(await store.emptyFolders(), [folder]);

  const by = { id: newDriveId(realRandom), index: 7 };
  const fresh = await store.adopt(by, folder);
  t.match(fresh.status(), { id: by.id, state: "online", path: folder });
  t.equal(fresh.index, 7);
  t.strictSame(await store.emptyFolders(), []);
  t.equal((await store.adopt(by, folder)).id, by.id, "asked again it is the same");
  t.equal(store.drives.length, 3);
  if (lost !== undefined) store.forget(lost.id);
  t.equal(store.drives.length, 2, "nobody looks for the old one");
  const key = objectKey("kept");
  t.match(await fresh.accept(key, ballot(1), { value: Buffer.of(1), rows: [] }), { ok: true });
  await store.close();

  const after = [...drives.slice(1), by];
  const again = await open(paths, after);
  t.strictSame(
    again.drives.filter((drive) => drive.status().state === "online").map(({ id }) => id),
    after.map(({ id }) => id),
    "both identities know of it",
  );
  t.match(await again.drives.at(-1)?.read(key), { ok: true, value: Buffer.of(1) });
  await again.close();
});

test("adopt: what holds anything is left alone", async (t) => {
  const paths = ["a", "b"].map((name) => join(makeRoot(t), name));
  const [folder = ""] = paths;
  const store = await open(paths, assigned(2));
  t.teardown(() => store.close());
  const by = { id: newDriveId(realRandom), index: 7 };
  await t.rejects(store.adopt(by, folder), { message: /is not empty/ });
  const foreign = join(makeRoot(t), "c");
  mkdirSync(foreign);
  writeFileSync(join(foreign, "thesis.txt"), "all there is");
  await t.rejects(store.adopt(by, foreign), { message: /is not empty/ });
  t.strictSame(readdirSync(foreign), ["thesis.txt"]);
  t.equal(store.drives.length, 2);
});

test("isPlace: a folder from which a disk is missing is none", (t) => {
  const folder = (path: string, mounted: boolean) => ({
    path,
    finding: { kind: "empty", mounted } as const,
  });
  const disks = [folder("/a", true), folder("/b", true)];
  t.ok(isPlace(folder("/a", true), disks), "another disk");
  t.notOk(isPlace(folder("/a", false), disks), "its mount point without it");
  t.notOk(isPlace(folder("/new", false), disks), "not mounted, unlike all others");
  const mixed = [folder("/a", true), folder("/b", false)];
  t.ok(isPlace(folder("/b", false), mixed), "there was none before");
  t.notOk(isPlace(folder("/a", false), mixed));
  t.notOk(isPlace({ path: "/b", finding: { kind: "absent" } }, mixed));
  t.end();
});
