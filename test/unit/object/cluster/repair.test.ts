import { test } from "tap";
import { equalBallots } from "../../../../src/base/ballot.ts";
import { newBucketId } from "../../../../src/base/ids.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { AntiEntropy } from "../../../../src/object/cluster/anti-entropy.ts";
import { partitionOfKey } from "../../../../src/object/cluster/cluster-registers.ts";
import { syncPartitions, wantedHeads } from "../../../../src/object/cluster/ring-sync.ts";
import { digestRows } from "../../../../src/object/cluster/row-digest.ts";
import type { WorkOutcome } from "../../../../src/object/contract/background-worker.ts";
import { headsOf, OBJECT_TAG, objectKey } from "../../../../src/object/contract/register-keys.ts";
import { type Cluster, createCluster, layoutOf } from "../../../support/object/cluster-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const BUCKET = { id: newBucketId(new SeededRandom(3)), shards: 2 };
const THREE = [[[0, 1, 2]], [[0, 1, 2]]];

/** Tombstones will do: a key, a ballot, a row. */
async function write(cluster: Cluster, name: string): Promise<Buffer> {
  const key = objectKey(BUCKET, name);
  await cluster.nodes[0]?.registers.update(key, () => ({
    kind: "write",
    body: undefined,
    result: Buffer.from(name.slice(0, 8)),
  }));
  return key;
}

function createWorker(cluster: Cluster, index: number): AntiEntropy {
  const { guards } = cluster;
  const node = cluster.nodes[0];
  if (node === undefined) throw new Error("a node");
  return new AntiEntropy({
    localDrives: () => guards.slice(index, index + 1),
    driveOf: (id) => guards.find((guard) => guard.id === id),
    replicasOf: (head) => node.registers.layout.setFor(head),
    settle: (key) => node.registers.engine.settle(key),
    log: silentLogger,
  });
}

async function runToEnd(worker: AntiEntropy): Promise<WorkOutcome> {
  for (;;) {
    const outcome = await worker.work();
    if (outcome !== "busy") return outcome;
  }
}

async function countUnits(worker: AntiEntropy): Promise<number> {
  let units = 1;
  while ((await worker.work()) === "busy") units += 1;
  return units;
}

/** On how many of the drives the key has one and the same ballot. */
async function holders(cluster: Cluster, key: Buffer, drives: readonly number[]): Promise<number> {
  const cells = await Promise.all(drives.map((index) => cluster.drives[index]?.read(key)));
  const [first] = cells;
  if (first?.ok !== true || first.accepted.clock === 0) return 0;
  return cells.filter((cell) => cell?.ok && equalBallots(cell.accepted, first.accepted)).length;
}

test("AntiEntropy: finds what a drive has missed, whichever it was, and nothing else", async (t) => {
  for (const deaf of [0, 1, 2]) {
    const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
    const missed = new Set(["key-007", "key-150", "key-299"]);
    const keys: Buffer[] = [];
    for (let index = 0; index < 300; index++) {
      const name = `key-${String(index).padStart(3, "0")}`;
      const lost = missed.has(name) ? cluster.drives[deaf]?.id : undefined;
      cluster.deliver = (_, drive, call) =>
        call === "accept" && drive === lost ? "lose-request" : "deliver";
      keys.push(await write(cluster, name));
    }
    cluster.deliver = () => "deliver";
    let settled = 0;
    for (const index of [0, 1, 2]) {
      const worker = createWorker(cluster, index);
      await runToEnd(worker);
      settled += worker.status().done;
    }
    t.equal(settled, missed.size);
    for (const key of keys) {
      if ((await holders(cluster, key, [0, 1, 2])) !== 3) t.fail("a key differs still");
    }
  }
});

test("AntiEntropy: tells when something is left, and begins again when a drive came back", async (t) => {
  const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
  const [deaf] = cluster.drives;
  cluster.deliver = (_, drive, call) =>
    call === "accept" && drive === deaf?.id ? "lose-request" : "deliver";
  const keys = [await write(cluster, "first"), await write(cluster, "second")];
  const runAll = async () => {
    const outcomes = [];
    for (const index of [0, 1, 2]) outcomes.push(await runToEnd(createWorker(cluster, index)));
    return outcomes;
  };
  cluster.deliver = () => "lose-request";
  t.ok((await runAll()).includes("retry"), "a difference that cannot be settled");
  cluster.deliver = () => "deliver";
  t.strictSame(await runAll(), ["idle", "idle", "idle"]);
  for (const key of keys) t.equal(await holders(cluster, key, [0, 1, 2]), 3);

  const worker = createWorker(cluster, 0);
  worker.driveReturned();
  const passes = await countUnits(worker);
  await worker.work();
  worker.driveReturned();
  t.equal(await countUnits(worker), 2 * passes - 1, "what was compared before is compared again");
});

test("digestRows: equal on equal drives; a bound and a limit end it where they say", async (t) => {
  const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
  for (let index = 0; index < 20; index++) await write(cluster, `key-${index}`);
  const [head] = headsOf(OBJECT_TAG, BUCKET);
  const [first, second] = cluster.drives;
  if (head === undefined || first === undefined || second === undefined) throw new Error("drives");
  const query = { head, from: Buffer.alloc(0), end: undefined };
  const short = await digestRows(first, { ...query, keysMax: 3 });
  const other = await digestRows(second, { ...query, keysMax: 3 });
  t.strictSame(short, other);
  if (!short.ok || short.resume === undefined) throw new Error("a page");
  t.equal(short.keys, 3);
  const bounded = await digestRows(second, { ...query, end: short.resume, keysMax: 1000 });
  t.match(bounded, { keys: 3, resume: undefined, digest: short.digest });
  const rest = await digestRows(first, { ...query, from: short.resume, keysMax: 1000 });
  const whole = await digestRows(first, { ...query, keysMax: 1000 });
  t.equal(rest.ok && whole.ok && rest.keys + 3, whole.ok && whole.keys);
});

test("syncPartitions: after it the new replicas alone know everything, old layouts are refused", async (t) => {
  const cluster = await createCluster({ nodes: 2, drives: 6, layout: THREE });
  const [node, stale] = cluster.nodes;
  if (node === undefined || stale === undefined) throw new Error("nodes");
  const names = Array.from({ length: 30 }, (_, index) => `key-${index}`);
  for (const [index, name] of names.entries()) {
    const lost = cluster.drives[index % 3]?.id;
    cluster.deliver = (_, drive, call) =>
      call === "accept" && drive === lost ? "lose-request" : "deliver";
    await write(cluster, name);
  }
  cluster.deliver = () => "deliver";
  const old: string[] = [0, 1, 2].flatMap((index) => cluster.drives[index]?.id ?? []);
  const joint = THREE.map(() => [
    [0, 1, 2],
    [3, 4, 5],
  ]);
  node.registers.adopt(layoutOf(2, cluster.drives, joint));
  for (const guard of cluster.guards) await guard.raise({ layout: 2 });
  const away = cluster.drives[1]?.id;
  cluster.deliver = (_, drive) => (drive === away ? "lose-request" : "deliver");
  const steps = syncPartitions(
    {
      layout: 2,
      partitionOf: (head) => partitionOfKey(head, THREE.length),
      oldReplicasOf: () => old,
      driveOf: (id) => (id === away ? undefined : cluster.guards.find((it) => it.id === id)),
      headsOf: (drive) => wantedHeads(drive, 2, () => true),
      read: (key) => node.registers.read(key),
    },
    new Set([0, 1]),
  );
  let step = await steps.next();
  while (step.done !== true) step = await steps.next();
  const synced: ReadonlySet<number> = step.value;
  t.strictSame([...synced].sort(), [0, 1], "one of three sources may be away");
  for (const name of names) {
    const held = await holders(cluster, objectKey(BUCKET, name), [3, 4, 5]);
    t.ok(held >= 2, "a majority of the new replicas has it");
  }
  node.registers.adopt(layoutOf(3, cluster.drives, [[[3, 4, 5]], [[3, 4, 5]]]));
  for (const guard of cluster.guards) await guard.raise({ layout: 3 });
  cluster.deliver = (from, drive) =>
    from === 0 && old.includes(drive) ? "lose-request" : "deliver";
  const first = objectKey(BUCKET, names[0] ?? "");
  const reading = await node.registers.engine.read(first);
  t.not(reading.ballot.clock, 0, "the old drives are not needed");
  await t.rejects(stale.registers.read(first), { code: "no-quorum" });
});
