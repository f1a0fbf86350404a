/** What bulk writes and reads of every peer network must do. */
import { test } from "tap";
import { createDeferred } from "../../src/base/deferred.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { LONG, type NetworkUnderTest, openPair, textOf } from "./peer-pair.ts";

const KIB = 1024;

function fill(memory: SharedArrayBuffer, seed: number): Buffer {
  const bytes = Buffer.from(memory);
  let state = seed;
  for (let index = 0; index < bytes.length; index++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[index] = state >> 16;
  }
  return bytes;
}

export function testBulkWrites(under: NetworkUnderTest): void {
  test(`${under.name}: bulk writes go from memory to memory, and are answered`, async (t) => {
    const { a, b } = await openPair(under, t);
    const source = fill(a.memory, 7);
    const length = 2 * KIB * KIB + 4321;
    b.network.serveBulk({
      async write(header, receiver) {
        let offset = 0;
        for (;;) {
          const receipt = await receiver.receive({ offset, length: 300_000 });
          if (!receipt.ok) throw new Error(receipt.error.code);
          offset += receipt.length;
          if (receipt.length < 300_000) break;
        }
        return Buffer.from(`${Buffer.from(header).toString()} ${offset}`);
      },
      read: () => Buffer.alloc(0),
    });
    // Twice, because the second goes over the stream of the first.
    for (const shift of [0, 17]) {
      const writer = a.network.openBulkWrite(b.network.self, Buffer.from("shard"), LONG);
      const sends: Promise<unknown>[] = [];
      for (let at = 0; at < length; at += 256 * KIB) {
        const place = { offset: shift + at, length: Math.min(256 * KIB, length - at) };
        sends.push(writer.send(place));
      }
      t.strictSame([...new Set(await Promise.all(sends))], [undefined]);
      t.equal(textOf(await writer.finish()), `shard ${length}`);
      const target = Buffer.from(b.memory).subarray(0, length);
      t.equal(Buffer.compare(target, source.subarray(shift, shift + length)), 0);
    }
  });

  test(`${under.name}: a bulk write waits for its reader, and stops where it fails`, async (t) => {
    const { a, b } = await openPair(under, t);
    const started = createDeferred<void>();
    const fail = createDeferred<void>();
    b.network.serveBulk({
      async write() {
        started.resolve();
        await fail.promise;
        throw new StoreError({ code: "drive-full" });
      },
      read: () => Buffer.alloc(0),
    });
    const writer = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), LONG);
    const place = { offset: 0, length: 1024 * KIB };
    let sent = 0;
    const all = Promise.all(
      Array.from({ length: 16 }, async () => {
        const error = await writer.send(place);
        if (error === undefined) sent += 1;
        return error;
      }),
    );
    t.match(await writer.send(place), { code: "busy" }, "only so many places at a time");
    await started.promise;
    await a.network.call(b.network.self, "nothing", Buffer.alloc(0), LONG);
    t.ok(sent < 16, "bytes that nobody reads do not pile up");
    fail.resolve();
    t.match(await writer.finish(), {
      error: { code: "remote", data: { code: "drive-full" } },
    });
    t.match((await all).at(-1), { code: "remote" });
  });

  test(`${under.name}: an aborted bulk write tells its handler; a deadline ends both ends`, async (t) => {
    const { a, b } = await openPair(under, t);
    const gone = [createDeferred<string>(), createDeferred<string>()];
    const opened = [createDeferred<void>(), createDeferred<void>()];
    const received = [createDeferred<boolean>(), createDeferred<boolean>()];
    let count = 0;
    b.network.serveBulk({
      async write(_, receiver, { signal }) {
        const mine = count++;
        signal.addEventListener("abort", () => gone[mine]?.resolve("aborted"));
        opened[mine]?.resolve();
        const receipt = await receiver.receive({ offset: 0, length: 10 });
        received[mine]?.resolve(receipt.ok);
        return Buffer.alloc(0);
      },
      read: () => Buffer.alloc(0),
    });
    const writer = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), LONG);
    await opened[0]?.promise;
    writer.abort();
    t.match(await writer.finish(), { error: { code: "aborted" } });
    t.equal(await gone[0]?.promise, "aborted");
    t.match(await writer.send({ offset: 0, length: 1 }), { code: "aborted" });
    const late = a.network.openBulkWrite(b.network.self, Buffer.alloc(0), { deadlineMs: 2000 });
    await opened[1]?.promise;
    t.equal(await gone[1]?.promise, "aborted");
    t.match(await late.finish(), { error: { code: /deadline|lost/ } });
    t.strictSame(await Promise.all(received.map(({ promise }) => promise)), [false, false]);
  });
}

export function testBulkReads(under: NetworkUnderTest): void {
  test(`${under.name}: bulk reads fill memory to the end and close with a few bytes`, async (t) => {
    const { a, b } = await openPair(under, t);
    const source = fill(b.memory, 3);
    const length = 1500 * KIB + 5;
    b.network.serveBulk({
      write: () => Buffer.alloc(0),
      async read(_, sender) {
        for (let offset = 0; offset < length; offset += 256 * KIB) {
          const error = await sender.send({
            offset,
            length: Math.min(256 * KIB, length - offset),
          });
          if (error !== undefined) throw new Error(error.code);
        }
        return Buffer.from("closing");
      },
    });
    for (let round = 0; round < 2; round++) {
      Buffer.from(a.memory).fill(0);
      const reader = a.network.openBulkRead(b.network.self, Buffer.alloc(0), LONG);
      let offset = 0;
      for (;;) {
        const receipt = await reader.receive({ offset, length: 100_000 });
        t.equal(receipt.ok, true);
        if (!receipt.ok) break;
        offset += receipt.length;
        if (receipt.length < 100_000) break;
      }
      t.equal(offset, length);
      t.equal(textOf(await reader.finish()), "closing");
      const target = Buffer.from(a.memory).subarray(0, length);
      t.equal(Buffer.compare(target, source.subarray(0, length)), 0);
    }
  });

  test(`${under.name}: a bulk read that fails says why; without handlers it is busy`, async (t) => {
    const { a, b } = await openPair(under, t);
    const none = b.network.openBulkRead(a.network.self, Buffer.alloc(0), LONG);
    t.match(await none.finish(), { error: { code: "remote", data: { code: "busy" } } });
    b.network.serveBulk({
      write: () => Buffer.alloc(0),
      read: () => {
        throw new StoreError({ code: "corrupt", what: "shard" });
      },
    });
    const reader = a.network.openBulkRead(b.network.self, Buffer.alloc(0), LONG);
    const receipt = await reader.receive({ offset: 0, length: 10 });
    t.match(receipt, { ok: false, error: { code: "remote", data: { code: "corrupt" } } });
    const large = a.network.openBulkRead(b.network.self, Buffer.alloc(70 * KIB), LONG);
    t.match(await large.finish(), { error: { code: "too-large", applied: "no" } });
  });
}
