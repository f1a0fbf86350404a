/** A writer whose room is used again: each frame stands for itself. */
import { test } from "tap";
import { ByteReader, ByteWriter } from "../../../src/store/byte-writer.ts";

test("takeTransferable: just what was written, untouched by what follows", async (t) => {
  const writer = new ByteWriter(0);
  writer.u32(1);
  writer.bytes(Buffer.alloc(5000, 1));
  const first = writer.takeTransferable();
  writer.u32(2);
  const second = writer.takeTransferable();
  t.equal(first.byteLength, 5008);
  t.equal(second.byteLength, 4);
  const reader = new ByteReader(new Uint8Array(first));
  t.equal(reader.u32(), 1);
  t.ok(Buffer.alloc(5000, 1).equals(reader.bytes()));
  t.equal(new ByteReader(new Uint8Array(second)).u32(), 2);
});

test("sharedBytes: a value is written once in a frame, and again in the next", async (t) => {
  const writer = new ByteWriter(0);
  const value = Buffer.from("a value");
  for (let frame = 0; frame < 2; frame++) {
    writer.sharedBytes(value);
    writer.sharedBytes(value);
    const reader = new ByteReader(new Uint8Array(writer.takeTransferable()));
    t.ok(value.equals(reader.sharedBytes()));
    t.ok(value.equals(reader.sharedBytes()), "by a reference into its own frame");
  }
});

test("ofMessage: grows like any other", async (t) => {
  const writer = ByteWriter.ofMessage(0);
  const value = Buffer.alloc(10_000, 3);
  writer.text("short");
  writer.bytes(value);
  const reader = new ByteReader(writer.view());
  t.equal(reader.text(), "short");
  t.ok(value.equals(reader.bytes()));
});
