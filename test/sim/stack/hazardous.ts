/** Parts of the store with a rule left out, for the losing variants: what they must be caught at. */
import type {
  ChangeFunction,
  ReadOptions,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import { CodecPool } from "../../../src/actors/codec-pool.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { encodeTrailers } from "../../../src/codec/block-trailer.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { stripeGeometry } from "../../../src/codec/stripe.ts";
import type { DecodeResult, LoadedStripe } from "../../../src/codec/stripe-codec.ts";
import { ClusterReplicas } from "../../../src/object/cluster/cluster-replicas.ts";
import type { PlaceNewData } from "../../../src/object/data-placement.ts";
import type { ObjectCore } from "../../../src/object/object-core.ts";
import type { Registers, RowPage, RowQuery } from "../../../src/object/registers.ts";
import type { MemoryKvImage } from "../../../src/store/kv-memory.ts";
import type { StackHazards } from "./stack-options.ts";

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

type Rows = (query: RowQuery) => Promise<RowPage>;

/** The registers with what the hazards leave out. */
export class HazardousReplicas extends ClusterReplicas {
  hazards: StackHazards = {};
  rowsOfOne: Rows | undefined;

  override rows(query: RowQuery): Promise<RowPage> {
    if (this.hazards.listOneReplica === true && this.rowsOfOne !== undefined) {
      return this.rowsOfOne(query);
    }
    return super.rows(query);
  }

  override async update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
    options?: ReadOptions,
  ): Promise<UpdateOutcome<Answer>> {
    try {
      return await super.update(key, change, options);
    } catch (error) {
      const unknown = error instanceof StoreError && error.code === "unknown-outcome";
      if (unknown && this.hazards.discardUnknown === true) {
        throw new StoreError({ code: "no-quorum", needed: 1, got: 0 });
      }
      throw error;
    }
  }
}

/** A core whose writes of a register do not happen. */
export function unfencedCore(core: ObjectCore): ObjectCore {
  const registers: Registers = Object.create(core.registers, {
    read: { value: (...args: Parameters<Registers["read"]>) => core.registers.read(...args) },
    update: { value: async () => ({ kind: "written", result: new Uint8Array(0) }) },
  });
  return { ...core, registers };
}

/** A core that changes the body it has read first, whatever has become of it. */
export function staleCore(core: ObjectCore): ObjectCore {
  const seen = new Map<string, Uint8Array | undefined>();
  const name = (key: Uint8Array): string => Buffer.from(key).toString("latin1");
  const registers: Registers = Object.create(core.registers, {
    read: {
      value: async (...args: Parameters<Registers["read"]>) => {
        const body = await core.registers.read(...args);
        seen.set(name(args[0]), body);
        return body;
      },
    },
    update: {
      value: (...[key, change, options]: Parameters<Registers["update"]>) =>
        core.registers.update(key, () => change(seen.get(name(key))), options),
    },
  });
  return { ...core, registers };
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
