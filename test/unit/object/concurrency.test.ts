import { test } from "tap";
import { createNode } from "../../support/object/node-fixture.ts";
import { codeOf, putInput, readContent } from "../../support/object/store-fixture.ts";

test("putObject: of many with If-None-Match at once, one wins and the others learn it", async (t) => {
  const { store, data } = await createNode();
  const bucket = await store.createBucket("bucket");
  const content = (index: number) => `writer ${index} `.repeat(12);
  const codes = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      codeOf(
        store.putObject(
          putInput(bucket, "key", content(index), { conditions: { ifNoneMatch: ["*"] } }),
        ),
      ),
    ),
  );
  t.equal(codes.filter((code) => code === "resolved").length, 1);
  t.equal(codes.filter((code) => code === "precondition-failed").length, 19);
  t.equal(await readContent(store, bucket, "key"), content(codes.indexOf("resolved")));
  t.equal(data.contents.size, 1, "what lost was discarded");
});

test("putObject: a chain of If-Match writers loses no update", async (t) => {
  const { store } = await createNode();
  const bucket = await store.createBucket("bucket");
  await store.putObject(putInput(bucket, "counter", "0"));
  const increment = async () => {
    for (;;) {
      const { details } = await store.openObject({ bucket, key: "counter", conditions: {} });
      const value = Number(await readContent(store, bucket, "counter"));
      const conditions = { ifMatch: [details.etag] };
      const next = putInput(bucket, "counter", String(value + 1), { conditions });
      if ((await codeOf(store.putObject(next))) === "resolved") return;
    }
  };
  await Promise.all(Array.from({ length: 8 }, increment));
  t.equal(await readContent(store, bucket, "counter"), "8");
});

test("putObject: versions written at once are all kept, newest last written", async (t) => {
  const { store, clock } = await createNode();
  const bucket = await store.createBucket("bucket");
  await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const count = 70;
  const ids = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      clock.advance(1);
      return (await store.putObject(putInput(bucket, "key", `v${index}`))).versionId;
    }),
  );
  for (const limit of [7, 64, 65, 1000]) {
    const found: string[] = [];
    let keyMarker: string | undefined;
    let versionIdMarker: string | undefined;
    for (;;) {
      const page = await store.listVersions({
        bucket,
        prefix: "",
        delimiter: undefined,
        keyMarker,
        versionIdMarker,
        limit,
      });
      found.push(...page.versions.map(({ versionId }) => versionId));
      if (!page.truncated) break;
      keyMarker = page.nextKeyMarker;
      versionIdMarker = page.nextVersionIdMarker;
    }
    t.equal(found.length, count, "more than a row sums up");
    t.strictSame([...found].sort(), [...ids].sort());
  }
});

test("listVersions: a marker that was deleted meanwhile loses no version", async (t) => {
  const { store, clock } = await createNode();
  const bucket = await store.createBucket("bucket");
  await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const ids: string[] = [];
  for (let index = 0; index < 6; index++) {
    clock.advance(1);
    ids.unshift((await store.putObject(putInput(bucket, "key", `${index}`))).versionId ?? "");
  }
  const question = { bucket, prefix: "", delimiter: undefined, limit: 3 };
  const first = await store.listVersions({
    ...question,
    keyMarker: undefined,
    versionIdMarker: undefined,
  });
  const versionIdMarker = first.nextVersionIdMarker ?? "";
  await store.deleteObject({ bucket, key: "key", versionId: versionIdMarker, conditions: {} });
  const second = await store.listVersions({ ...question, keyMarker: "key", versionIdMarker });
  t.strictSame(
    second.versions.map(({ versionId }) => versionId),
    ids.slice(3),
  );
});

test("updateHeaders: changes the headers of the version that is meant", async (t) => {
  const { store } = await createNode();
  const bucket = await store.createBucket("bucket");
  await store.changeBucket("bucket", () => ({ versioning: "enabled" }));
  const first = await store.putObject(putInput(bucket, "key", "one", { headers: { a: "1" } }));
  await store.putObject(putInput(bucket, "key", "two", { headers: { a: "2" } }));
  const change = (headers: Readonly<Record<string, string>>) => ({ ...headers, tags: "x" });
  const versionId = first.versionId ?? "";
  await store.updateHeaders({ bucket, key: "key", versionId, change });
  const old = await store.openObject({ bucket, key: "key", versionId, conditions: {} });
  t.strictSame({ ...old.details.headers }, { a: "1", tags: "x" });
  const latest = await store.openObject({ bucket, key: "key", conditions: {} });
  t.strictSame({ ...latest.details.headers }, { a: "2" });
  t.equal(await codeOf(store.updateHeaders({ bucket, key: "none", change })), "no-such-key");
  await store.deleteObject({ bucket, key: "key", conditions: {} });
  t.equal(await codeOf(store.updateHeaders({ bucket, key: "key", change })), "no-such-key");
});
