import fc from "fast-check";
import { test } from "tap";
import { Arena, type Stripe, type StripeUse } from "../../../src/actors/arena.ts";
import { reservedBytes } from "../../../src/actors/arena-layout.ts";
import { KIB } from "../../../src/base/bytes.ts";
import { StoreError } from "../../../src/base/store-error.ts";

function smallArena(stripes: number, waitersMax = 8): Arena {
  return new Arena({
    budgetBytes: Math.ceil(reservedBytes(1) / (64 * KIB)) * 64 * KIB + stripes * 64 * KIB,
    threads: 1,
    stripeBytes: 64 * KIB,
    waitersMax,
  });
}

test("Arena: cuts what is above the reserved region into distinct, aligned stripes", async (t) => {
  const arena = new Arena({
    budgetBytes: 1000 * KIB,
    threads: 2,
    stripeBytes: 100_001,
    waitersMax: 1,
  });
  t.equal(arena.stripeBytes, 100_032);
  t.equal(arena.stripeCount, Math.floor((15 * 64 * KIB - reservedBytes(2)) / 100_032));
  const offsets: number[] = [];
  for (let stripe = arena.tryAcquire("write"); stripe; stripe = arena.tryAcquire("write")) {
    t.equal(stripe.offset % 64, 0);
    t.ok(stripe.offset >= reservedBytes(2));
    t.ok(stripe.offset + arena.stripeBytes <= arena.memory.buffer.byteLength);
    t.equal(stripe.bytes.buffer, arena.memory.buffer);
    t.equal(stripe.bytes.byteOffset, stripe.offset);
    offsets.push(stripe.offset);
  }
  t.equal(new Set(offsets).size, offsets.length);
  t.equal(offsets.length, arena.shareMax);
});

test("Arena: refuses a budget without room for two stripes", async (t) => {
  t.throws(() => smallArena(1), /at least two stripes/);
});

test("Arena: reads and writes each keep a share the other cannot take", async (t) => {
  const arena = smallArena(8);
  const reads = Array.from({ length: 8 }, () => arena.tryAcquire("read"));
  t.equal(reads.filter((stripe) => stripe !== undefined).length, 6);
  t.ok(arena.tryAcquire("write"));
  t.ok(arena.tryAcquire("write"));
  t.equal(arena.tryAcquire("write"), undefined);
  t.equal(arena.freeCount, 0);
});

test("Arena: serves waiters in order of asking, passing over a use that is at its share", async (t) => {
  const arena = smallArena(4);
  const held = ["write", "write", "write", "read"].map((use) => arena.tryAcquire(use as StripeUse));
  const served: string[] = [];
  const keep = (name: string) => () => void served.push(name);
  arena.request("write", keep("write 1"));
  arena.request("read", keep("read 1"));
  arena.request("write", keep("write 2"));
  t.equal(arena.waitingCount, 3);
  t.equal(arena.tryAcquire("read"), undefined);
  const [first, second, , read] = held as Stripe[];
  if (read) arena.release(read);
  t.strictSame(served, ["read 1"], "writes are at their share");
  if (first) arena.release(first);
  if (second) arena.release(second);
  t.strictSame(served, ["read 1", "write 1", "write 2"]);
});

test("Arena: a cancelled request is not served and does not stand in the way", async (t) => {
  const arena = smallArena(2);
  const held = arena.tryAcquire("write");
  const served: number[] = [];
  const places = [1, 2].map((name) => arena.request("write", () => void served.push(name)));
  places[0]?.cancel();
  if (held) arena.release(held);
  t.strictSame(served, [2]);
  places[1]?.cancel();
  t.equal(arena.waitingCount, 0);
});

test("Arena: a bounded number may wait, then it is busy", async (t) => {
  const arena = smallArena(2, 1);
  arena.tryAcquire("write");
  t.ok(arena.request("write", () => {}));
  t.equal(
    arena.request("write", () => {}),
    undefined,
  );
  await t.rejects(arena.acquire("write"), new StoreError({ code: "busy" }));
});

test("Arena.acquire: resolves with a stripe and rejects once its signal aborts", async (t) => {
  const arena = smallArena(2);
  const held = await arena.acquire("write");
  const controller = new AbortController();
  const waiting = arena.acquire("write", controller.signal);
  controller.abort();
  await t.rejects(waiting, new StoreError({ code: "client-gone" }));
  await t.rejects(
    arena.acquire("write", controller.signal),
    new StoreError({ code: "client-gone" }),
  );
  const next = arena.acquire("write");
  arena.release(held);
  arena.release(await next);
  t.equal(arena.freeCount, 2);
  t.equal(arena.waitingCount, 0);
});

test("Arena.release: a second release, or that of a foreign stripe, is a programmer error", async (t) => {
  const arena = smallArena(2);
  const stripe = await arena.acquire("write");
  arena.release(stripe);
  t.throws(() => arena.release(stripe), /assertion failed/);
  const again = await arena.acquire("write");
  t.equal(again.offset, stripe.offset, "the warm buffer comes first");
  t.throws(() => arena.release(stripe), /assertion failed/, "an old lease of the same buffer");
  t.throws(() => arena.release({ ...again }), /assertion failed/);
});

test("Arena: no sequence of calls gives one buffer to two owners or loses one", async (t) => {
  const command = fc.record({
    act: fc.constantFrom("take", "ask", "cancel", "release"),
    use: fc.constantFrom<StripeUse>("read", "write"),
    pick: fc.nat(50),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const arena = smallArena(5, 4);
      const owned: Stripe[] = [];
      const places: { cancel(): void }[] = [];
      for (const { act, use, pick } of commands) {
        if (act === "take") {
          const stripe = arena.tryAcquire(use);
          if (stripe) owned.push(stripe);
        } else if (act === "ask") {
          const place = arena.request(use, (stripe) => owned.push(stripe));
          if (place) places.push(place);
        } else if (act === "cancel") {
          places.splice(pick % (places.length + 1), 1)[0]?.cancel();
        } else {
          const stripe = owned.splice(pick % (owned.length + 1), 1)[0];
          if (stripe) arena.release(stripe);
        }
        const offsets = new Set(owned.map((stripe) => stripe.offset));
        if (offsets.size !== owned.length) return false;
        if (arena.freeCount + owned.length !== arena.stripeCount) return false;
      }
      for (const place of places) place.cancel();
      return arena.waitingCount === 0;
    }),
  );
  t.pass();
});
