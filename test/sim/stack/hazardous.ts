/** Parts of the store with a rule left out, for the losing variants: what they must be caught at. */
import { CodecPool } from "../../../src/actors/codec-pool.ts";
import { equalBytes } from "../../../src/base/bytes.ts";
import { StoreError } from "../../../src/base/store-error.ts";
import { encodeTrailers } from "../../../src/codec/block-trailer.ts";
import type { Kernels } from "../../../src/codec/kernels.ts";
import { stripeGeometry } from "../../../src/codec/stripe.ts";
import type { DecodeResult, LoadedStripe } from "../../../src/codec/stripe-codec.ts";
import { CLUSTER_KEY } from "../../../src/object/contract/register-keys.ts";
import type { Registers } from "../../../src/object/contract/registers.ts";
import type { PlaceNewData } from "../../../src/object/data/data-placement.ts";
import type { ObjectCore } from "../../../src/object/operations/object-core.ts";
import type { DriveClient } from "../../../src/store/drive-client.ts";
import type { MemoryKvImage } from "../../../src/store/kv-memory.ts";
import type { Gap } from "./stack-options.ts";

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

/** A healer's core that changes what it had read, and not what is there. */
export function forgetfulOfChanges(core: ObjectCore): ObjectCore {
  const { registers } = core;
  const found = new Map<string, Uint8Array | undefined>();
  const read: Registers["read"] = async (key, options) => {
    const body = await registers.read(key, options);
    found.set(Buffer.from(key).toString("latin1"), body);
    return body;
  };
  const update: Registers["update"] = (key, change, options) => {
    const before = found.get(Buffer.from(key).toString("latin1"));
    return registers.update(key, (body) => change(before ?? body), options);
  };
  return { ...core, registers: overlaid(registers, { read, update }) };
}

/** Registers that say of a change that it failed when they cannot know. */
export function certainOfFailures<R extends Pick<Registers, "update">>(registers: R): R {
  const update: Registers["update"] = async (key, change, options) => {
    try {
      return await registers.update(key, change, options);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== "unknown-outcome") throw error;
      throw new StoreError({ code: "no-quorum", needed: 1, got: 0 });
    }
  };
  return overlaid(registers, { update });
}

/** Registers that tell where a change is: before its first step, and before it is accepted. */
export function withGaps<R extends Pick<Registers, "update">>(
  registers: R,
  pass: (gap: Gap) => Promise<void>,
): R {
  const update: Registers["update"] = async (key, change, options) => {
    await pass("commit");
    const changeThere: typeof change = async (body) => {
      const outcome = await change(body);
      if (outcome.kind === "write") await pass("accept");
      return outcome;
    };
    return registers.update(key, changeThere, options);
  };
  return overlaid(registers, { update });
}

/** A sweeper's core whose fences are not written. */
export function withoutFences(core: ObjectCore): ObjectCore {
  const update = (): Promise<unknown> =>
    Promise.resolve({ kind: "written", result: new Uint8Array(0) });
  return { ...core, registers: overlaid(core.registers, { update }) };
}

/** Registers that whoever works for the ring believes to be on their new replicas. */
export function neverSynced<R extends Pick<Registers, "read">>(registers: R): R {
  const read: Registers["read"] = (key, options) =>
    equalBytes(key, CLUSTER_KEY) ? registers.read(key, options) : Promise.resolve(undefined);
  return overlaid(registers, { read });
}

/** Registers whose rows are those of this drive, if it answers. */
export function listedFrom<R extends Pick<Registers, "rows">>(
  registers: R,
  drive: Pick<DriveClient, "range">,
): R {
  const rows: Registers["rows"] = async (query) => {
    const page = await drive.range({ table: "list", perHead: true, ...query });
    if (!page.ok) return registers.rows(query);
    return { rows: page.rows, exhausted: page.exhausted, resume: page.resume };
  };
  return overlaid(registers, { rows });
}

/** The same object with some methods of its own. */
function overlaid<T extends object>(target: T, methods: object): T {
  return new Proxy(target, {
    get(_, name) {
      const own: unknown = Reflect.get(methods, name);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
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
