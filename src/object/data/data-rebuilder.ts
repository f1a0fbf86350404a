/**
 * Makes lost shards of sharded data again from any k good ones, for the healer. A target slot may be
 * on its old drive or on another; what lies there under the same name is replaced, but not before
 * the first stripe has shown that the shard can be made.
 */
import type { Stripe } from "../../actors/arena.ts";
import { type StripeSlice, shardFileBytes, stripesOfRange } from "../../codec/stripe.ts";
import type { ShardWriter } from "../../store/drive.ts";
import type { DamageReport, ShardedData } from "../contract/data.ts";
import type { BackgroundBudget } from "./background-budget.ts";
import { blockPlace } from "./stripe-places.ts";
import { StripeLoad, type StripeReaderModules } from "./stripe-reader.ts";
import { StripeSlots } from "./stripe-slots.ts";

export interface RebuildRequest {
  readonly data: ShardedData;
  /** The register whose record refers to the data. */
  readonly ownerKey: Uint8Array;
  readonly targets: readonly RebuildTarget[];
  /** All bytes are made; the drives only have to make them durable. */
  readonly onFinishing?: () => void;
}

export interface RebuildTarget {
  readonly slot: number;
  readonly driveIndex: number;
}

export interface RebuilderModules extends StripeReaderModules {
  /** Told about further damage found while reading. */
  readonly onDamage: (report: DamageReport) => void;
  readonly budget?: BackgroundBudget;
}

interface OpenShard {
  readonly target: RebuildTarget;
  readonly writer: ShardWriter;
  failed: boolean;
}

export class DataRebuilder {
  readonly #modules: RebuilderModules;

  constructor(modules: RebuilderModules) {
    this.#modules = modules;
  }

  /**
   * Resolves with the targets that are durable now; the others left nothing behind. Rejects with
   * data-unavailable when fewer than k good shards are left.
   */
  async rebuild(request: RebuildRequest): Promise<readonly RebuildTarget[]> {
    const { data, targets } = request;
    const { arena, drives, onDamage, budget } = this.#modules;
    const slots = new StripeSlots(data, drives, onDamage);
    const wanted = targets.reduce((mask, { slot }) => mask | (1 << slot), 0);
    let shards: OpenShard[] | undefined;
    try {
      for (const slice of stripesOfRange(data, data.bytes, { offset: 0, length: data.bytes })) {
        const stripe = { ...slice, wanted, purpose: "rebuild" } as const;
        await budget?.take(Math.min(data.bytes, data.stripeDataBytes));
        const buffer = await arena.acquire("read");
        const loaded = await StripeLoad.start(this.#modules, slots, stripe, buffer);
        try {
          shards ??= await this.#openShards(request);
          await appendBlocks(shards, slice, loaded);
        } finally {
          arena.release(loaded);
        }
        if (shards.every(({ failed }) => failed)) break;
      }
    } catch (error) {
      for (const { writer } of shards ?? []) writer.abort();
      throw error;
    }
    request.onFinishing?.();
    return finishShards(shards ?? []);
  }

  async #openShards({ data, ownerKey, targets }: RebuildRequest): Promise<OpenShard[]> {
    const { dataId, k, m, stripeDataBytes } = data;
    const fileBytes = shardFileBytes(data, data.bytes);
    const opened = targets.map(async (target): Promise<OpenShard | undefined> => {
      const { slot, driveIndex } = target;
      const drive = this.#modules.drives.get(driveIndex);
      const dropped = await drive?.dropShard(dataId, slot);
      if (drive === undefined || dropped?.ok !== true) return undefined;
      const spec = { dataId, slot, k, m, stripeDataBytes, ownerKey, fileBytes, anew: true };
      return { target, writer: drive.createShard(spec), failed: false };
    });
    return (await Promise.all(opened)).filter((shard) => shard !== undefined);
  }
}

async function appendBlocks(
  shards: readonly OpenShard[],
  slice: StripeSlice,
  stripe: Stripe,
): Promise<void> {
  await Promise.all(
    shards.map(async (shard) => {
      if (shard.failed) return;
      const place = blockPlace(stripe.offset, slice.geometry, shard.target.slot);
      const reply = await shard.writer.append(place);
      if (reply.ok) return;
      shard.failed = true;
      shard.writer.abort();
    }),
  );
}

async function finishShards(shards: readonly OpenShard[]): Promise<RebuildTarget[]> {
  const finished = shards.map(async ({ target, writer, failed }) => {
    if (failed) return undefined;
    const reply = await writer.finish();
    if (reply.ok) return target;
    writer.abort();
    return undefined;
  });
  return (await Promise.all(finished)).filter((target) => target !== undefined);
}
