import fc from "fast-check";
import { type Test, test } from "tap";
import type { Bucket } from "../../../src/object/contract/object-store.ts";
import type { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import {
  codeOf,
  createFixture,
  putInput,
  readContent,
} from "../../support/object/store-fixture.ts";
import { etagOf, StoreOracle } from "../../support/object/store-oracle.ts";

const KEYS = [
  "a",
  "a/b",
  "a//",
  "a/b/c",
  "..",
  "./",
  "é",
  "😀/x",
  "￿",
  "a\u0000b",
  "z".repeat(1024),
];
const PREFIXES = ["", "a", "a/", "é", "😀/", "nothing"];
const DELIMITERS = [undefined, "/", "b", "//", "é", "😀", "z"];

type Command =
  | { op: "put"; key: string; content: string; ifMatch: string | undefined; ifNoneMatch: boolean }
  | { op: "delete"; key: string; ifMatch: string | undefined }
  | { op: "deleteVersion"; key: string; pick: number }
  | { op: "versioning"; state: "enabled" | "suspended" }
  | { op: "copy"; from: string; to: string }
  | { op: "check"; prefix: string; delimiter: string | undefined; limit: number };

const key = fc.constantFrom(...KEYS);
const content = fc.constantFrom("", "one", "two", "a content too long to be kept inline");
const ifMatch = fc.option(fc.constantFrom("*", etagOf("one"), etagOf("two")), {
  nil: undefined,
  freq: 4,
});
const state = fc.constantFrom("enabled" as const, "suspended" as const);
const put: fc.Arbitrary<Command> = fc.record({
  op: fc.constant("put"),
  key,
  content,
  ifMatch,
  ifNoneMatch: fc.boolean(),
});
const check: fc.Arbitrary<Command> = fc.record({
  op: fc.constant("check"),
  prefix: fc.constantFrom(...PREFIXES),
  delimiter: fc.constantFrom(...DELIMITERS),
  limit: fc.integer({ min: 1, max: 7 }),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: put },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("delete"), key, ifMatch }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant("deleteVersion"), key, pick: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("versioning"), state }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant("copy"), from: key, to: key }) },
  { weight: 3, arbitrary: check },
);

interface World {
  readonly store: ObjectLayer;
  readonly bucket: Bucket;
  readonly oracle: StoreOracle;
}

function matches(wanted: string, text: string): boolean {
  return wanted === "*" || wanted === etagOf(text);
}

/** What a conditional write answers, by the documentation. */
function expectedPut(oracle: StoreOracle, it: Command & { op: "put" }): string {
  const live = oracle.live(it.key);
  if (it.ifMatch !== undefined) {
    if (live?.content === undefined) return "no-such-key";
    if (!matches(it.ifMatch, live.content)) return "precondition-failed";
  }
  return it.ifNoneMatch && live !== undefined ? "precondition-failed" : "resolved";
}

async function runPut(t: Test, world: World, it: Command & { op: "put" }): Promise<void> {
  const { store, bucket, oracle } = world;
  const conditions = {
    ...(it.ifMatch === undefined ? {} : { ifMatch: [it.ifMatch] }),
    ...(it.ifNoneMatch ? { ifNoneMatch: ["*"] } : {}),
  };
  const call = store.putObject(putInput(bucket, it.key, it.content, { conditions }));
  t.equal(await codeOf(call), expectedPut(oracle, it));
  const result = await call.catch(() => undefined);
  if (result === undefined) return;
  t.equal(result.etag, etagOf(it.content));
  t.equal(result.versionId === undefined, oracle.state !== "enabled");
  const id = result.versionId ?? "null";
  t.equal(id === "null", oracle.nextId() === "null");
  oracle.put(it.key, it.content, id);
}

function expectedDelete(oracle: StoreOracle, it: Command & { op: "delete" }): string {
  const latest = oracle.latest(it.key);
  if (it.ifMatch === undefined) return "resolved";
  if (latest === undefined) return "no-such-key";
  if (latest.content === undefined) return "precondition-failed";
  return matches(it.ifMatch, latest.content) ? "resolved" : "precondition-failed";
}

async function runDelete(t: Test, world: World, it: Command & { op: "delete" }): Promise<void> {
  const { store, bucket, oracle } = world;
  const conditions = it.ifMatch === undefined ? {} : { ifMatch: it.ifMatch };
  const call = store.deleteObject({ bucket, key: it.key, conditions });
  t.equal(await codeOf(call), expectedDelete(oracle, it));
  const result = await call.catch(() => undefined);
  if (result === undefined) return;
  t.equal(result.deleteMarker, oracle.state !== "unversioned");
  if (oracle.state === "unversioned") oracle.remove(it.key, "null");
  else oracle.put(it.key, undefined, result.versionId ?? "none");
}

async function runDeleteVersion(
  t: Test,
  world: World,
  it: Command & { op: "deleteVersion" },
): Promise<void> {
  const { store, bucket, oracle } = world;
  const versions = oracle.keys.get(it.key) ?? [];
  const versionId = versions[it.pick]?.id ?? "00000000-0000-7000-8000-000000000000";
  const result = await store.deleteObject({ bucket, key: it.key, versionId, conditions: {} });
  const removed = oracle.remove(it.key, versionId);
  t.equal(result.versionId, versionId);
  t.equal(result.deleteMarker, removed !== undefined && removed.content === undefined);
}

async function runCopy(t: Test, world: World, it: Command & { op: "copy" }): Promise<void> {
  const { store, bucket, oracle } = world;
  const source = oracle.live(it.from);
  const call = store.copyObject({
    source: { bucket, key: it.from, conditions: {} },
    target: { bucket, key: it.to, conditions: {} },
    headers: (source) => source,
    storageClass: undefined,
    checksumAlgorithm: undefined,
  });
  t.equal(await codeOf(call), source === undefined ? "no-such-key" : "resolved");
  const result = await call.catch(() => undefined);
  if (result !== undefined) oracle.put(it.to, source?.content, result.versionId ?? "null");
}

type Question = Pick<Command & { op: "check" }, "prefix" | "delimiter" | "limit">;

/** Both listings page by page. */
async function runCheck(t: Test, world: World, it: Question): Promise<void> {
  const { oracle } = world;
  t.strictSame(await listed(world, it), oracle.entries(it.prefix, it.delimiter, false));
  t.strictSame(await listedVersions(world, it), oracle.entries(it.prefix, it.delimiter, true));
}

interface Shown {
  readonly key: string;
  readonly text: string;
}

function inOrder(entries: Shown[], limit: number, truncated: boolean): string[] {
  if (truncated && entries.length !== limit) throw new Error("a short page");
  entries.sort((left, right) => Buffer.compare(Buffer.from(left.key), Buffer.from(right.key)));
  return entries.map(({ text }) => text);
}

async function listed({ store, bucket }: World, it: Question): Promise<string[]> {
  const shown: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.listObjects({ bucket, ...it, after });
    const entries = [
      ...page.objects.map((object) => ({ key: object.key, text: object.key })),
      ...page.commonPrefixes.map((prefix) => ({ key: prefix, text: `prefix ${prefix}` })),
    ];
    shown.push(...inOrder(entries, it.limit, page.truncated));
    if (!page.truncated) return shown;
    after = page.next;
  }
}

async function listedVersions(world: World, it: Question): Promise<string[]> {
  const { store, bucket, oracle } = world;
  const shown: string[] = [];
  let keyMarker: string | undefined;
  let versionIdMarker: string | undefined;
  for (;;) {
    const page = await store.listVersions({ bucket, ...it, keyMarker, versionIdMarker });
    const entries: Shown[] = page.commonPrefixes.map((prefix) => ({
      key: prefix,
      text: `prefix ${prefix}`,
    }));
    for (const version of page.versions) {
      const expected = oracle.keys.get(version.key)?.find(({ id }) => id === version.versionId);
      const { isLatest, deleteMarker } = version;
      const same =
        isLatest === (oracle.latest(version.key) === expected) &&
        deleteMarker === (expected?.content === undefined);
      entries.push({
        key: version.key,
        text: `${version.key} ${version.versionId}${same ? "" : " shown wrongly"}`,
      });
    }
    shown.push(...inOrder(entries, it.limit, page.truncated));
    if (!page.truncated) return shown;
    keyMarker = page.nextKeyMarker;
    versionIdMarker = page.nextVersionIdMarker;
  }
}

async function checkContents(t: Test, { store, bucket, oracle }: World): Promise<void> {
  for (const name of KEYS) {
    const latest = oracle.latest(name);
    const call = readContent(store, bucket, name);
    if (latest?.content === undefined) t.equal(await codeOf(call), "no-such-key");
    else t.equal(await call, latest.content);
    for (const { id, content: text } of oracle.keys.get(name) ?? []) {
      const version = readContent(store, bucket, name, id);
      if (text === undefined) t.equal(await codeOf(version), "method-not-allowed");
      else t.equal(await version, text);
    }
  }
}

async function run(t: Test, world: World, it: Command): Promise<void> {
  switch (it.op) {
    case "put":
      return runPut(t, world, it);
    case "delete":
      return runDelete(t, world, it);
    case "deleteVersion":
      return runDeleteVersion(t, world, it);
    case "copy":
      return runCopy(t, world, it);
    case "check":
      return runCheck(t, world, it);
    case "versioning":
      world.oracle.state = it.state;
      return world.store.changeBucket("bucket", () => ({ versioning: it.state }));
  }
}

/** Every prefix with every delimiter, in pages of different sizes. */
async function checkListings(t: Test, world: World): Promise<void> {
  for (const prefix of PREFIXES) {
    for (const delimiter of DELIMITERS) {
      for (const limit of [1, 2, 5, 1000]) await runCheck(t, world, { prefix, delimiter, limit });
    }
  }
}

const commands = fc.array(command, { minLength: 20, maxLength: 80, size: "max" });

test("ObjectLayer: any history of writes, deletes and listings is that of the oracle", async (t) => {
  await fc.assert(
    fc.asyncProperty(commands, async (history) => {
      const { store, clock } = createFixture();
      const bucket = await store.createBucket("bucket");
      const world: World = { store, bucket, oracle: new StoreOracle() };
      for (const it of history) {
        clock.advance(it.op === "put" ? 1 : 0);
        await run(t, world, it);
      }
      await checkContents(t, world);
      await checkListings(t, world);
      if (!t.passing()) throw new Error("differs from the oracle");
    }),
    { numRuns: 60 },
  );
});
