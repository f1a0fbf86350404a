/**
 * What a codec worker does with one stripe, checksums included, counted in data bytes. The yardstick
 * is a copy of the data within the same memory.
 */
import { newDataId } from "../../src/base/ids.ts";
import { decodeStripe, encodeStripe, rebuildStripe } from "../../src/codec/stripe-codec.ts";
import type { Bench, BenchCase, BenchGroup } from "../harness.ts";
import { createKernelArena } from "./kernel-arena.ts";

const CODES = [
  { k: 1, m: 0 },
  { k: 1, m: 1 },
  { k: 4, m: 2 },
  { k: 8, m: 4 },
] as const;

function group(length: number, k: number, m: number): BenchGroup {
  const { kernels, offset, bytes } = createKernelArena(4 * length);
  const dataId = newDataId({ bytes: (count) => Buffer.alloc(count, 7), below: () => 0 });
  const place = { offset, length, k, m, dataId, stripeIndex: 3 };
  const slots = Array.from({ length: k + m }, (_, slot) => slot);
  const dataSlots = slots.slice(0, k);
  encodeStripe(kernels, place);
  let outcome = "";
  const cases: BenchCase[] = [
    {
      name: "copy (yardstick)",
      work: length,
      yardstick: true,
      run: () => bytes.copyWithin(3 * length, 0, length),
    },
    { name: "encode", work: length, run: () => encodeStripe(kernels, place) },
    {
      name: "verify and decode, nothing lost",
      work: length,
      run() {
        const result = decodeStripe(kernels, { ...place, present: dataSlots, wanted: dataSlots });
        outcome = result.ok ? "good" : "bad";
      },
      check: () => outcome,
    },
  ];
  if (m > 0) {
    cases.push({
      name: "rebuild the first data slot",
      work: length,
      run: () => rebuildStripe(kernels, { ...place, present: slots.slice(1), wanted: [0] }),
    });
  }
  return { name: `${k}+${m}, ${length / 1024} KiB`, unit: "MB/s", cases };
}

export const bench: Bench = {
  name: "stripe",
  prepare: (size) =>
    CODES.map(({ k, m }) => group(size === "tiny" ? 16 * 1024 : 1024 * 1024, k, m)),
};
