/** Parts of the store with a rule left out, for the losing variants: what they must be caught at. */
import { CodecPool } from "../../../src/actors/codec-pool.ts";
import { encodeTrailers } from "../../../src/codec/block-trailer.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { stripeGeometry } from "../../../src/codec/stripe.ts";
import type { DecodeResult, LoadedStripe } from "../../../src/codec/stripe-codec.ts";
import type { PlaceNewData } from "../../../src/object/data/data-placement.ts";
import type { MemoryKvImage } from "../../../src/store/kv-memory.ts";

/** Gives each block the trailer that it should have, before it is looked at. */
export class CredulousCodec extends CodecPool {
  readonly #own: Kernels;

  constructor(
    options: ConstructorParameters<typeof CodecPool>[0],
    modules: ConstructorParameters<typeof CodecPool>[1],
  ) {
    super(options, modules);
    this.#own = modules.kernels;
  }

  override decode(loaded: LoadedStripe): Promise<DecodeResult> {
    this.#believe(loaded);
    return super.decode(loaded);
  }

  override rebuild(loaded: LoadedStripe): Promise<DecodeResult> {
    this.#believe(loaded);
    return super.rebuild(loaded);
  }

  #believe({ offset, length, k, m, dataId, stripeIndex, present }: LoadedStripe): void {
    const stripe = { offset, geometry: stripeGeometry(length, k, m), dataId, stripeIndex };
    encodeTrailers(this.#own, stripe, present);
  }
}

/** The drive of the first slot takes the second one's shard, too. */
export function placeTwice(place: PlaceNewData): PlaceNewData {
  return (dataId, storageClass) => {
    const placement = place(dataId, storageClass);
    const [first = 0, , ...others] = placement.drives;
    return { ...placement, drives: [first, first, ...others], missing: placement.missing & ~2 };
  };
}

/** An index that acknowledged commits which were not durable: what it remembers after a failure. */
export class ForgetfulIndex {
  #states: { readonly atMs: number; readonly tables: MemoryKvImage["tables"] }[] = [];

  note({ tables }: MemoryKvImage, nowMs: number): void {
    const recent = this.#states.filter(({ atMs }) => atMs >= nowMs - FLUSH_MS);
    recent.push({ atMs: nowMs, tables: copyOfTables(tables) });
    this.#states = recent;
  }

  forget({ tables }: MemoryKvImage): void {
    const oldest = this.#states[0];
    this.#states = [];
    for (const [name, rows] of oldest?.tables ?? []) tables.set(name, rows);
  }
}

/** How long its commits really take. */
const FLUSH_MS = 40;

function copyOfTables(tables: MemoryKvImage["tables"]): MemoryKvImage["tables"] {
  return new Map([...tables].map(([name, rows]) => [name, [...rows]]));
}
