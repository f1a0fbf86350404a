/** Base58: known texts, and any bytes there and back. */
import fc from "fast-check";
import { test } from "tap";
import { base58Decode, base58Encode } from "../../../../cluster/peers/base58.ts";

test("base58Encode: known texts of the draft that describes it", async (t) => {
  const known: [string, string][] = [
    [Buffer.from("Hello World!").toString("hex"), "2NEpo7TZRRrLZSi2U"],
    ["0000287fb4cd", "11233QC4"],
    ["", ""],
    ["00", "1"],
  ];
  for (const [hex, text] of known) {
    t.equal(base58Encode(Buffer.from(hex, "hex")), text);
    t.equal(base58Decode(text)?.toString("hex"), hex);
  }
  for (const text of ["0", "O", "I", "l", "é", " 1"]) t.equal(base58Decode(text), undefined, text);
});

test("base58Decode: gives back what was encoded, and each text is the only one", async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 48 }), (bytes) => {
      const text = base58Encode(bytes);
      return Buffer.from(bytes).equals(base58Decode(text) ?? Buffer.of(1));
    }),
    { seed: 58 },
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."123kZz"), maxLength: 52 }), (text) => {
      const bytes = base58Decode(text);
      return bytes !== undefined && base58Encode(bytes) === text;
    }),
    { seed: 59 },
  );
  t.pass();
});
