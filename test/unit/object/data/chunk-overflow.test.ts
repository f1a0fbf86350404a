import fc from "fast-check";
import { test } from "tap";
import {
  ChunkOverflow,
  OVERFLOW_BUFFER_BYTES,
  OVERFLOW_BUFFERS_KEPT_MAX,
  OverflowBuffers,
} from "../../../../src/object/data/chunk-overflow.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("ChunkOverflow: gives back what was pushed, in order, however it is cut", async (t) => {
  const random = new SeededRandom(7);
  const size = fc.oneof(fc.nat(2000), fc.nat(3 * OVERFLOW_BUFFER_BYTES));
  const step = fc.record({ push: size, drop: size });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (plan) => {
      const buffers = new OverflowBuffers();
      const overflow = new ChunkOverflow(buffers);
      const pushed: Buffer[] = [];
      const taken: Buffer[] = [];
      const take = (wanted: number): void => {
        let left = wanted;
        for (let first = overflow.first(); first !== undefined && left > 0; ) {
          const count = Math.min(left, first.length);
          taken.push(Buffer.from(first.subarray(0, count)));
          overflow.drop(count);
          left -= count;
          first = overflow.first();
        }
      };
      for (const { push, drop } of plan) {
        const chunk = Buffer.from(random.bytes(push));
        pushed.push(Buffer.from(chunk));
        overflow.push(chunk);
        chunk.fill(0);
        take(drop);
      }
      take(Number.POSITIVE_INFINITY);
      t.equal(overflow.bytes, 0);
      t.ok(Buffer.concat(taken).equals(Buffer.concat(pushed)));
    }),
    { numRuns: 25 },
  );
});

test("ChunkOverflow: small chunks share a buffer, and buffers are used again", async (t) => {
  const buffers = new OverflowBuffers();
  const overflow = new ChunkOverflow(buffers);
  for (let chunk = 0; chunk < 100; chunk++) overflow.push(Buffer.alloc(1000, chunk));
  t.equal(overflow.bytes, 100_000);
  t.equal(overflow.first()?.length, 100_000);
  overflow.clear();
  t.equal(overflow.bytes, 0);
  t.equal(overflow.first(), undefined);
  t.equal(buffers.keptCount, 1);
  overflow.push(Buffer.from("x"));
  t.equal(buffers.keptCount, 0);
  overflow.drop(1);
  t.equal(buffers.keptCount, 1);
});

test("ChunkOverflow.drop: more than is there is a mistake that is told", async (t) => {
  const overflow = new ChunkOverflow(new OverflowBuffers());
  t.throws(() => overflow.drop(1));
  overflow.push(Buffer.from("ab"));
  t.throws(() => overflow.drop(3));
});

test("OverflowBuffers: keeps a bounded number", async (t) => {
  const buffers = new OverflowBuffers();
  const taken = Array.from({ length: OVERFLOW_BUFFERS_KEPT_MAX + 5 }, () => buffers.take());
  for (const buffer of taken) buffers.give(buffer);
  t.equal(buffers.keptCount, OVERFLOW_BUFFERS_KEPT_MAX);
});
