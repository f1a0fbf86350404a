import fc from "fast-check";
import { test } from "tap";
import { newBucketId } from "../../../../src/base/ids.ts";
import type { BucketPlace } from "../../../../src/object/contract/register-keys.ts";
import { headsOf, OBJECT_TAG, objectKey } from "../../../../src/object/contract/register-keys.ts";
import type { RowQuery } from "../../../../src/object/contract/registers.ts";
import { scanRows } from "../../../../src/object/registers/row-scan.ts";
import { type Cluster, createCluster } from "../../../support/object/cluster-fixture.ts";
import { codeOf, putInput } from "../../../support/object/store-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

/** Eight partitions of three replicas over five drives. */
const SPREAD = Array.from({ length: 8 }, (_, partition) => [
  [partition % 5, (partition + 1) % 5, (partition + 2) % 5],
]);
const THREE = [[[0, 1, 2]]];
const BUCKET = "bucket";

test("ClusterRegisters: a write is one round of prepares and one of accepts, a read one round", async (t) => {
  const { nodes, calls } = await createCluster({ nodes: 2, drives: 3, layout: THREE });
  const key = objectKey(place(1), "a");
  const write = { kind: "write", body: await recordBody(), result: Buffer.alloc(0) } as const;
  await nodes[0]?.registers.update(key, () => write);
  t.strictSame(Object.fromEntries(calls), { prepare: 3, accept: 3 });
  calls.clear();
  t.strictSame(await nodes[1]?.registers.read(key), write.body);
  t.strictSame(Object.fromEntries(calls), { read: 2 });
});

test("ObjectLayer: a PUT waits for its drives and prepares at once, then accepts: two round trips", async (t) => {
  const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
  const { store } = nodeAt(cluster, 0);
  const bucket = await store.createBucket(BUCKET);
  cluster.calls.clear();
  let prepared: unknown;
  cluster.data.finishing = async () => {
    prepared = Object.fromEntries(cluster.calls);
  };
  await store.putObject(putInput(bucket, "large", "x".repeat(100)));
  t.strictSame(prepared, { prepare: 3 }, "while the drives finish the shards");
  t.strictSame(Object.fromEntries(cluster.calls), { prepare: 3, accept: 3 });
  cluster.calls.clear();
  await store.openObject({ bucket, key: "large", conditions: {} });
  t.strictSame(Object.fromEntries(cluster.calls), { read: 2 }, "a GET asks for the record once");
});

test("ClusterRegisters: a listing asks each drive of a quorum once for all its heads", async (t) => {
  const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
  const node = nodeAt(cluster, 0);
  const bucket = await node.store.createBucket(BUCKET);
  for (const key of ["a", "b", "c/d", "c/e"])
    await node.store.putObject(putInput(bucket, key, "1"));
  cluster.calls.clear();
  const page = await node.store.listObjects({
    bucket,
    prefix: "",
    delimiter: "/",
    after: undefined,
    limit: 10,
  });
  t.strictSame([page.objects.map(({ key }) => key), page.commonPrefixes], [["a", "b"], ["c/"]]);
  t.strictSame(Object.fromEntries(cluster.calls), { range: 2 });
});

test("ClusterRegisters: what one node writes all others read and list, with a drive away", async (t) => {
  const cluster = await createCluster({ nodes: 3, drives: 5, layout: SPREAD });
  const bucket = await nodeAt(cluster, 0).store.createBucket(BUCKET);
  const away = cluster.drives[1]?.id;
  cluster.deliver = (_, drive) => (drive === away ? "lose-request" : "deliver");
  const keys = Array.from({ length: 12 }, (_, index) => `key-${String(index).padStart(2, "0")}`);
  for (const [index, key] of keys.entries()) {
    await nodeAt(cluster, index % 3).store.putObject(putInput(bucket, key, key));
  }
  for (const { store } of cluster.nodes) {
    const input = { bucket, prefix: "", delimiter: undefined, after: undefined, limit: 100 };
    const page = await store.listObjects(input);
    t.strictSame(
      page.objects.map(({ key }) => key),
      keys,
    );
  }
});

test("ClusterRegisters: too few drives end an operation, they do not answer it", async (t) => {
  const cluster = await createCluster({ nodes: 1, drives: 3, layout: THREE });
  const node = nodeAt(cluster, 0);
  const bucket = await node.store.createBucket(BUCKET);
  cluster.deliver = (_, drive) => (drive === cluster.drives[2]?.id ? "deliver" : "lose-request");
  const input = { bucket, prefix: "", delimiter: undefined, after: undefined, limit: 100 };
  t.equal(await codeOf(node.store.listObjects(input)), "no-quorum");
  t.equal(await codeOf(node.store.openObject({ bucket, key: "a", conditions: {} })), "no-quorum");
});

const names = fc.constantFrom("a", "a/b", "a/c", "a/d/e", "b", "b/", "c/x", "c/y", "d");

interface Step {
  readonly key: string;
  readonly remove: boolean;
  /** Drives that do not get the accept: at most one of a partition's three. */
  readonly misses: number | undefined;
}

const steps: fc.Arbitrary<Step> = fc.record({
  key: names,
  remove: fc.boolean(),
  misses: fc.option(fc.nat(4), { nil: undefined }),
});

test("ClusterRegisters: rows over lagging replicas are those of a plain map", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { maxLength: 14 }),
      fc.record({
        delimiter: fc.constantFrom(undefined, "/"),
        prefix: fc.constantFrom("", "a", "a/", "c"),
        limit: fc.integer({ min: 1, max: 4 }),
        scanMax: fc.integer({ min: 1, max: 6 }),
        visibleOnly: fc.boolean(),
        deaf: fc.option(fc.nat(4), { nil: undefined }),
      }),
      async (history, question) => {
        const cluster = await createCluster({ nodes: 2, drives: 5, layout: SPREAD });
        const bucket = place(7);
        const twin = new Map<string, boolean>();
        const body = await recordBody();
        for (const [index, { key, remove, misses }] of history.entries()) {
          const missing = misses === undefined ? undefined : cluster.drives[misses]?.id;
          cluster.deliver = (_, drive, call) =>
            call === "accept" && drive === missing ? "lose-request" : "deliver";
          await nodeAt(cluster, index % 2).registers.update(objectKey(bucket, key), () => ({
            kind: "write",
            body: remove ? undefined : body,
            result: Buffer.alloc(0),
          }));
          twin.set(key, !remove);
        }
        const deaf = question.deaf === undefined ? undefined : cluster.drives[question.deaf]?.id;
        cluster.deliver = (_, drive) => (drive === deaf ? "lose-request" : "deliver");
        const found = await listed(cluster, bucket, question);
        const expected = expectedOf(twin, question);
        return JSON.stringify(found) === JSON.stringify(expected);
      },
    ),
    { numRuns: 40 },
  );
});

interface Question {
  readonly delimiter: string | undefined;
  readonly prefix: string;
  readonly limit: number;
  readonly scanMax: number;
  readonly visibleOnly: boolean;
}

async function listed(
  cluster: Cluster,
  bucket: BucketPlace,
  { prefix, delimiter, limit, scanMax, visibleOnly }: Question,
): Promise<string[]> {
  const query: RowQuery = {
    heads: headsOf(OBJECT_TAG, bucket),
    from: Buffer.alloc(0),
    fromExclusive: false,
    prefix: Buffer.from(prefix),
    ...(delimiter === undefined ? {} : { delimiter: Buffer.from(delimiter) }),
    visibleOnly,
    limit,
    scanMax,
  };
  const { registers } = nodeAt(cluster, 0);
  const shown: string[] = [];
  const short = { rows: (asked: RowQuery) => registers.rows({ ...asked, scanMax }) };
  const scanned = Object.assign(Object.create(registers), short);
  for await (const row of scanRows(scanned, { ...query, pageRows: limit })) {
    const kind = row.value === undefined ? "*" : row.value[0] === 0 ? "-" : "+";
    shown.push(`${Buffer.from(row.key).toString()} ${kind}`);
  }
  return shown;
}

function expectedOf(twin: ReadonlyMap<string, boolean>, question: Question): string[] {
  const { prefix, delimiter, visibleOnly } = question;
  const shown = new Set<string>();
  for (const [key, there] of [...twin].sort(([left], [right]) => (left < right ? -1 : 1))) {
    if (!key.startsWith(prefix) || (visibleOnly && !there)) continue;
    const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    shown.add(at < 0 ? `${key} ${there ? "+" : "-"}` : `${key.slice(0, at + 1)} *`);
  }
  return [...shown];
}

function nodeAt(cluster: Cluster, index: number) {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`no node ${index}`);
  return node;
}

function place(seed: number): BucketPlace {
  return { id: newBucketId(new SeededRandom(seed)), shards: 4 };
}

/** The body of an object that is there. */
let known: Promise<Uint8Array> | undefined;
function recordBody(): Promise<Uint8Array> {
  known ??= createCluster({ nodes: 1, drives: 1, layout: [[[0]]] }).then(async (cluster) => {
    const { store, registers } = nodeAt(cluster, 0);
    const bucket = await store.createBucket(BUCKET);
    await store.putObject(putInput(bucket, "a", "content"));
    const entry = await store.core.buckets.find(BUCKET);
    const body = await registers.read(objectKey(entry, "a"));
    if (body === undefined) throw new Error("an object was put");
    return body;
  });
  return known;
}
