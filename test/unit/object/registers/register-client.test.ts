import fc from "fast-check";
import { test } from "tap";
import { headsOf, OBJECT_TAG, objectKey } from "../../../../src/object/contract/register-keys.ts";
import type { RowQuery } from "../../../../src/object/contract/registers.ts";
import { RegisterClient } from "../../../../src/object/registers/register-client.ts";
import { scanRows } from "../../../../src/object/registers/row-scan.ts";
import { createNode } from "../../../support/object/node-fixture.ts";
import { codeOf, putInput, readContent } from "../../../support/object/store-fixture.ts";

const BUCKET = "bucket";

async function listKeys(
  store: Awaited<ReturnType<typeof createNode>>["store"],
  delimiter?: string,
): Promise<string[]> {
  const bucket = await store.bucket(BUCKET);
  const page = await store.listObjects({
    bucket,
    prefix: "",
    delimiter,
    after: undefined,
    limit: 1000,
  });
  return [...page.objects.map(({ key }) => key), ...page.commonPrefixes].sort();
}

test("ObjectLayer: over the engine and drives, what was put is read and listed", async (t) => {
  const { store } = await createNode();
  const bucket = await store.createBucket(BUCKET);
  for (const key of ["a", "a/b", "b/c", "b/d"]) {
    await store.putObject(putInput(bucket, key, `content of ${key}`));
  }
  t.equal(await readContent(store, bucket, "a/b"), "content of a/b");
  t.strictSame(await listKeys(store), ["a", "a/b", "b/c", "b/d"]);
  t.strictSame(await listKeys(store, "/"), ["a", "a/", "b/"]);
  await store.deleteObject({ bucket, key: "b/c", conditions: {} });
  await store.deleteObject({ bucket, key: "b/d", conditions: {} });
  t.strictSame(await listKeys(store, "/"), ["a", "a/"]);
  t.equal(await codeOf(store.deleteBucket(BUCKET)), "bucket-not-empty");
  await store.deleteObject({ bucket, key: "a", conditions: {} });
  await store.deleteObject({ bucket, key: "a/b", conditions: {} });
  await store.deleteBucket(BUCKET);
  t.equal(await codeOf(store.bucket(BUCKET)), "no-such-bucket");
});

test("RegisterClient: a listing shows what is acknowledged while one drive lags behind", async (t) => {
  const { store, drives, engine } = await createNode();
  const bucket = await store.createBucket(BUCKET);
  await store.putObject(putInput(bucket, "old/a", "1"));
  await store.putObject(putInput(bucket, "gone/a", "1"));
  const held: (() => void)[] = [];
  const laggard = drives[2];
  if (laggard === undefined) throw new Error("a drive");
  laggard.hooks.flush = async (apply) => {
    await new Promise<void>((resolve) => held.push(resolve));
    apply();
  };
  await store.putObject(putInput(bucket, "new/b", "2"));
  await store.putObject(putInput(bucket, "single", "2"));
  await store.deleteObject({ bucket, key: "gone/a", conditions: {} });
  t.ok(engine.unsettledCount > 0);
  // Every drive gets its turn.
  for (let turn = 0; turn < 4; turn++) {
    t.strictSame(await listKeys(store), ["new/b", "old/a", "single"]);
    t.strictSame(await listKeys(store, "/"), ["new/", "old/", "single"]);
  }
  laggard.hooks.flush = (apply) => Promise.resolve(apply());
  for (const release of held) release();
});

const keys = fc.constantFrom("a", "a/b", "a/c", "a/d/e", "b", "b/", "c/x", "c/y");

test("RegisterClient: rows with keys in flight are those of registers at rest", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: keys, remove: fc.boolean() }), { maxLength: 12 }),
      fc.array(keys, { maxLength: 4 }),
      fc.record({
        delimiter: fc.constantFrom(undefined, "/"),
        prefix: fc.constantFrom("", "a", "a/", "c"),
        limit: fc.integer({ min: 1, max: 5 }),
        visibleOnly: fc.boolean(),
      }),
      async (history, inFlight, question) => {
        const { store, engine, drives } = await createNode(2);
        const bucket = await store.createBucket(BUCKET);
        for (const { key, remove } of history) {
          if (remove) await store.deleteObject({ bucket, key, conditions: {} });
          else await store.putObject(putInput(bucket, key, key));
        }
        const { prefix, delimiter, limit, visibleOnly } = question;
        const entry = await store.core.buckets.find(BUCKET);
        const query: RowQuery = {
          heads: headsOf(OBJECT_TAG, entry),
          from: Buffer.alloc(0),
          fromExclusive: false,
          prefix: Buffer.from(prefix),
          ...(delimiter === undefined ? {} : { delimiter: Buffer.from(delimiter) }),
          visibleOnly,
          limit,
          scanMax: 3,
        };
        const wholes = inFlight.map((key) => objectKey(entry, key));
        const members = drives.map(({ client }) => client);
        const atRest = new RegisterClient({ engine, members: () => members });
        const busy = new RegisterClient({
          engine: {
            read: (key) => engine.read(key),
            update: (key, change) => engine.update(key, change),
            purge: (key) => engine.purge(key),
            listUnsettled: () => wholes,
          },
          members: () => members,
        });
        const expected = await all(atRest, query);
        const found = await all(busy, query);
        return JSON.stringify(found) === JSON.stringify(expected);
      },
    ),
    { numRuns: 60 },
  );
});

async function all(client: RegisterClient, query: RowQuery): Promise<string[]> {
  const shown: string[] = [];
  for await (const row of scanRows(client, { ...query, pageRows: query.limit })) {
    const value = row.value === undefined ? "group" : Buffer.from(row.value).toString("hex");
    shown.push(`${Buffer.from(row.key).toString()} ${value}`);
  }
  return shown;
}

test("RegisterClient: a key that settles while the range is read is read by itself", async (t) => {
  const { store, engine, drives } = await createNode(2);
  const bucket = await store.createBucket(BUCKET);
  await store.putObject(putInput(bucket, "new", "2"));
  const entry = await store.core.buckets.find(BUCKET);
  const whole = objectKey(entry, "new");
  let answered = false;
  const [first] = drives;
  if (first === undefined) throw new Error("a drive");
  const client = new RegisterClient({
    engine: {
      read: (key) => engine.read(key),
      update: (key, change) => engine.update(key, change),
      purge: (key) => engine.purge(key),
      // In flight at first, settled when the drive has answered.
      listUnsettled: () => (answered ? [] : [whole]),
    },
    members: () => [
      {
        id: first.client.id,
        read: (key) => first.client.read(key),
        // A member that had not accepted it yet.
        range: () => {
          answered = true;
          return Promise.resolve({ ok: true, rows: [], exhausted: true });
        },
      },
    ],
  });
  const page = await client.rows({
    heads: headsOf(OBJECT_TAG, entry),
    from: Buffer.alloc(0),
    fromExclusive: false,
    prefix: Buffer.alloc(0),
    visibleOnly: true,
    limit: 10,
    scanMax: 10,
  });
  t.equal(page.rows.length, 1);
});
