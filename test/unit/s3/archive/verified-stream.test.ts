import { createHash } from "node:crypto";
import { test } from "tap";
import { ByteBudget } from "../../../../src/base/byte-budget.ts";
import { equalBytes } from "../../../../src/base/bytes.ts";
import type { PayloadSink, PayloadSource } from "../../../../src/base/payload.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  STREAM_HELD_BYTES_MAX,
  VerifiedStream,
} from "../../../../src/s3/archive/verified-stream.ts";

/** A payload that the test sends bit by bit. */
class SlowSource implements PayloadSource {
  readonly length = undefined;
  readonly segmentDigests: boolean;
  readonly expectations: PayloadSource["expectations"];
  readonly trailingChecksum = undefined;
  sink: PayloadSink | undefined;
  resumed = 0;

  constructor(segmentDigests: boolean, expectations: PayloadSource["expectations"] = {}) {
    this.segmentDigests = segmentDigests;
    this.expectations = expectations;
  }

  start(sink: PayloadSink): void {
    this.sink = sink;
  }

  resume(): void {
    this.resumed += 1;
  }
}

function streamOf(source: PayloadSource, documents = new ByteBudget(1 << 20)): VerifiedStream {
  const digest = (content: Uint8Array) => ({
    md5: createHash("md5").update(content).digest(),
    checksums: {},
  });
  return new VerifiedStream(source, { digester: { digest }, documents });
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A chunk's signature, as far as the stream knows: the hash it must have. */
function signed(text: string) {
  return (found: Uint8Array) =>
    equalBytes(found, sha256(text)) ? undefined : new StoreError({ code: "incomplete-body" });
}

test("VerifiedStream: bytes of a signed chunk come out when its signature is right", async (t) => {
  const source = new SlowSource(true);
  const stream = streamOf(source);
  const chunks = stream.chunks();
  const first = chunks.next();
  source.sink?.write(Buffer.from("go"));
  source.sink?.write(Buffer.from("od"));
  source.sink?.endSegment(signed("good"));
  t.equal((await first).value?.toString(), "go");
  t.equal((await chunks.next()).value?.toString(), "od");
  const forged = chunks.next();
  source.sink?.write(Buffer.from("evil"));
  source.sink?.endSegment(signed("good"));
  await t.rejects(forged, { code: "incomplete-body" });
  t.ok(stream.failure);
});

test("VerifiedStream: what the whole was to be is checked at its end", async (t) => {
  for (const [promised, code] of [
    ["text", undefined],
    ["other", "digest-mismatch"],
  ] as const) {
    const source = new SlowSource(false, { sha256: sha256(promised) });
    const stream = streamOf(source);
    const chunks = stream.chunks();
    const first = chunks.next();
    source.sink?.write(Buffer.from("text"));
    t.equal((await first).value?.toString(), "text");
    const end = chunks.next();
    source.sink?.end();
    if (code === undefined) {
      t.equal((await end).done, true);
      t.strictSame(stream.md5, createHash("md5").update("text").digest());
    } else {
      await t.rejects(end, { code });
      t.equal(stream.md5, undefined);
    }
  }
});

test("VerifiedStream: a reader that lags holds the source back, and gives its room back", async (t) => {
  const budget = new ByteBudget(1 << 20);
  const source = new SlowSource(false);
  const stream = streamOf(source, budget);
  const chunks = stream.chunks();
  const first = chunks.next();
  const piece = Buffer.alloc(STREAM_HELD_BYTES_MAX / 2);
  t.equal(source.sink?.write(piece), true);
  t.equal(source.sink?.write(piece), true);
  t.equal(source.sink?.write(piece), false);
  await first;
  t.equal(source.resumed, 0);
  await chunks.next();
  t.equal(source.resumed, 1);
  await chunks.return();
  t.equal(budget.held, 0);
  t.equal(source.sink?.write(piece), true, "what comes after it is dropped");
  t.equal(budget.held, 0);
});

test("VerifiedStream: without room in the budget it is busy", async (t) => {
  const budget = new ByteBudget(10);
  const source = new SlowSource(false);
  const chunks = streamOf(source, budget).chunks();
  const first = chunks.next();
  source.sink?.write(Buffer.alloc(11));
  await t.rejects(first, { code: "busy" });
  t.equal(budget.held, 0);
});
