import { test } from "tap";
import { createDeferred, type Deferred } from "../../../src/base/deferred.ts";
import { xxh3 } from "../../../src/codec/xxh3.ts";
import { GroupCommit, WRITES_PER_COMMIT_MAX } from "../../../src/store/group-commit.ts";
import type { Kv, KvWrite } from "../../../src/store/kv.ts";
import { createMemoryKv, createMemoryKvImage } from "../../../src/store/kv-memory.ts";
import { settle } from "./collaborators.ts";

function createCommits() {
  const gates: Deferred<void>[] = [];
  const sizes: number[] = [];
  const failures: unknown[] = [];
  const inner = createMemoryKv(createMemoryKvImage(), { flush: async (apply) => apply() });
  const kv: Kv = {
    get: (table, key) => inner.get(table, key),
    peek: (table, key) => inner.peek(table, key),
    scan: (table, from, before) => inner.scan(table, from, before),
    close: () => inner.close(),
    commit: async (writes) => {
      const gate = createDeferred<void>();
      gates.push(gate);
      sizes.push(writes.length);
      await gate.promise;
      await inner.commit(writes);
    },
  };
  const commits = new GroupCommit({
    kv,
    digest: (parts) => xxh3(Buffer.concat(parts)),
    defer: queueMicrotask,
    onFailure: (error) => failures.push(error),
  });
  return { commits, gates, sizes, failures };
}

function writes(count: number): KvWrite[] {
  return Array.from({ length: count }, (_, index) => ({
    table: "rec",
    key: Buffer.from(`k${index}`),
    value: Buffer.of(1),
  }));
}

test("GroupCommit: transactions keep to their size, entries are never split", async (t) => {
  const { commits, gates, sizes } = createCommits();
  const all = Array.from({ length: 50 }, () => commits.store(writes(30)));
  all.push(commits.store(writes(WRITES_PER_COMMIT_MAX + 5)));
  for (let round = 0; round < 4; round++) {
    await settle();
    gates[round]?.resolve();
  }
  t.ok((await Promise.all(all)).every((outcome) => outcome === "durable"));
  t.same(sizes, [780, 720, WRITES_PER_COMMIT_MAX + 5]);
});

test("GroupCommit: an entry without writes waits for those before it and commits nothing", async (t) => {
  const { commits, gates, sizes } = createCommits();
  const order: string[] = [];
  void commits.store(writes(1)).then(() => order.push("write"));
  await settle();
  void commits.store([]).then(() => order.push("wait"));
  await settle();
  t.same(order, []);
  gates[0]?.resolve();
  await settle();
  t.same(order, ["write", "wait"]);
  t.equal(await commits.store([]), "durable");
  t.same(sizes, [1]);
});

test("GroupCommit: stop leaves nothing behind that could be taken for done", async (t) => {
  const { commits, gates, failures } = createCommits();
  const flushing = commits.store(writes(1));
  await settle();
  const waiting = commits.store(writes(1));
  commits.stop();
  t.equal(await waiting, "no");
  gates[0]?.resolve();
  t.equal(await flushing, "unknown");
  t.equal(await commits.store(writes(1)), "no");
  t.same(failures, []);
});

test("GroupCommit: a failure is told once; what waited was not stored", async (t) => {
  const { commits, gates, failures, sizes } = createCommits();
  const flushing = commits.store(writes(1));
  await settle();
  const waiting = commits.store(writes(1));
  gates[0]?.reject(new Error("EIO"));
  t.equal(await flushing, "unknown");
  t.equal(await waiting, "no");
  t.equal(failures.length, 1);
  t.same(sizes, [1], "nothing is retried");
});
