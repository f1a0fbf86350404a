/** What a node of a cluster keeps in its folders outlives the loss of any of them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { loadIdentity, loadKnownCluster } from "../../../../src/node/cluster/node-files.ts";
import { createNodeDisk } from "../../../../src/store/disk-node.ts";
import { inspectFolder } from "../../../../src/store/drive-inspection.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

function folders(t: { teardown(run: () => void): void }): string[] {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-files-"));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return ["a", "b", "c"].map((name) => join(folder, name));
}

test("loadIdentity: made once, found on any drive, put on every one", async (t) => {
  const paths = folders(t);
  const random = new SeededRandom(1);
  const made = await loadIdentity(paths, random);
  t.equal((await loadIdentity(paths, random)).id, made.id);
  const [first = "", second = "", third = ""] = paths;
  rmSync(first, { recursive: true });
  writeFileSync(join(second, "ringfort.identity"), "damaged");
  t.equal((await loadIdentity(paths, random)).id, made.id, "found on the last one");
  rmSync(third, { recursive: true });
  t.equal((await loadIdentity(paths, random)).id, made.id, "which had given it to the others");
  t.equal(statSync(join(first, "ringfort.identity")).mode & 0o777, 0o600);
});

test("loadIdentity: drives of two nodes are refused", async (t) => {
  const [first = "", second = ""] = folders(t);
  await loadIdentity([first], new SeededRandom(1));
  await loadIdentity([second], new SeededRandom(2));
  await t.rejects(loadIdentity([first, second], new SeededRandom(3)), /identities of two nodes/);
});

test("loadKnownCluster: nothing, or damaged files, mean that no cluster is known", async (t) => {
  const [first = "", second = ""] = folders(t);
  t.equal(await loadKnownCluster([first, second]), undefined);
  mkdirSync(first);
  writeFileSync(join(first, "ringfort.cluster"), "RFKNOWN1 and then noise that is long enough");
  t.equal(await loadKnownCluster([first, second]), undefined);
});

test("inspectFolder: a folder with nothing but a node's files is empty", async (t) => {
  const [first = ""] = folders(t);
  await loadIdentity([first], new SeededRandom(1));
  writeFileSync(join(first, "ringfort.cluster.new"), "");
  const { finding } = await inspectFolder(createNodeDisk(), first);
  t.match(finding, { kind: "empty" });
  t.ok(readFileSync(join(first, "ringfort.identity")).length > 32);
});
