/**
 * Moves the data of a record to where the layout has it, while a change of the ring runs: each shard
 * is copied, or made anew where its drive does not answer, and then the record says so. The record
 * decides: a shard counts as moved when a value that names its new drive was chosen, and only then
 * its old one is given up.
 *
 * Shards of parts stay where they are unless their drive leaves: a completion may be about to name
 * them by the descriptor that it has read.
 */
import type { Clock } from "../../base/clock.ts";
import { StoreError } from "../../base/store-error.ts";
import { shardFileBytes } from "../../codec/stripe.ts";
import type { ShardedData } from "../contract/data.ts";
import { OBJECT_TAG, PART_TAG, uploadKeyOfPart } from "../contract/register-keys.ts";
import type { DriveTable } from "../data/data-drives.ts";
import type { RebuildRequest, RebuildTarget } from "../data/data-rebuilder.ts";
import { copyShard, type ShardCopierModules } from "../data/shard-copier.ts";
import { isTooLate, type Moment, momentOf } from "../operations/commit-limit.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { dataOf, mergeShards, type RecordData, replaceData } from "../records/record-data.ts";
import { namedByUpload } from "./empty-trash.ts";
import { type MoverPlacement, planMoves } from "./move-plan.ts";
import { findReference } from "./references.ts";
import { writeAnew } from "./write-anew.ts";

export interface DataMoverModules {
  readonly core: ObjectCore;
  readonly copier: ShardCopierModules;
  readonly rebuilder: { rebuild(request: RebuildRequest): Promise<readonly RebuildTarget[]> };
  readonly drives: Pick<DriveTable, "get" | "states" | "isOnline">;
  placement(): MoverPlacement;
}

export interface MoveCounts {
  readonly shards: number;
  readonly bytes: number;
  readonly failed: number;
}

const NO_RESULT = new Uint8Array(0);
/** Of the time that a commit may take: what is made is not kept waiting longer for what follows. */
const HURRY_SHARE = 1 / 4;

export class DataMover {
  readonly #modules: DataMoverModules;
  #shards = 0;
  #bytes = 0;
  #failed = 0;

  constructor(modules: DataMoverModules) {
    this.#modules = modules;
  }

  get counts(): MoveCounts {
    return { shards: this.#shards, bytes: this.#bytes, failed: this.#failed };
  }

  /** True when all data of the record is in its place, as far as that is needed. */
  async tend(key: Buffer, body: Uint8Array | undefined): Promise<boolean> {
    if (key[0] !== OBJECT_TAG && key[0] !== PART_TAG) return true;
    let placed = true;
    for (const item of dataOf(key, body)) {
      if (await this.#tendItem(key, item)) continue;
      this.#failed += 1;
      placed = false;
    }
    return placed;
  }

  async #tendItem(key: Buffer, item: RecordData): Promise<boolean> {
    const { data } = item;
    const placement = this.#modules.placement();
    const plan = planMoves(data, placement, this.#modules.drives.states(), key[0] === PART_TAG);
    if (plan.moves.length === 0 && !plan.anew) return !plan.blocked;
    try {
      if (plan.anew) return !(await this.#isNamed(key, data)) && (await this.#rewrite(key, item));
      const moved = await this.#move(key, data, plan.moves);
      return moved && !plan.blocked;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#modules.core.log.warn("data could not be moved yet", { dataId: data.dataId, error });
      return false;
    }
  }

  /** Copies and records; true when every move has been recorded. */
  async #move(key: Buffer, found: ShardedData, moves: readonly RebuildTarget[]): Promise<boolean> {
    let data = found;
    let recorded = 0;
    let batch = new MadeShards(this.#modules.core.clock);
    const record = async (): Promise<void> => {
      const kept = withoutCrowding(data, batch.moves);
      if (kept.length > 0 && (await this.#record(key, data, { moves: kept, since: batch.since }))) {
        recorded += kept.length;
        data = withMoves(data, kept);
      }
      batch = new MadeShards(this.#modules.core.clock);
    };
    const rest: RebuildTarget[] = [];
    for (const move of moves) {
      if (!(await this.#copy(key, data, move, batch))) rest.push(move);
      // What is made is not kept waiting for its record until the sweeper may take it for garbage.
      if (this.#isLate(batch.since, HURRY_SHARE)) await record();
    }
    if (rest.length > 0) {
      const onFinishing = () => batch.finishing();
      const { rebuilder } = this.#modules;
      const request = { data, ownerKey: key, targets: rest, onFinishing };
      for (const made of await rebuilder.rebuild(request)) batch.moves.push(made);
    }
    await record();
    return recorded === moves.length;
  }

  async #copy(
    ownerKey: Buffer,
    data: ShardedData,
    move: RebuildTarget,
    batch: MadeShards,
  ): Promise<boolean> {
    const { copier, drives } = this.#modules;
    const { slot, driveIndex: to } = move;
    const from = data.drives[slot] ?? -1;
    if ((data.missing & (1 << slot)) !== 0 || !drives.isOnline(from)) return false;
    const onFinishing = () => batch.finishing();
    if (!(await copyShard(copier, { data, ownerKey, slot, from, to, onFinishing }))) return false;
    batch.moves.push(move);
    return true;
  }

  #isLate(since: Moment | undefined, share: number): boolean {
    const { clock, options } = this.#modules.core;
    return isTooLate(clock, since, options.commitWithinMs * share);
  }

  async #record(
    key: Buffer,
    before: ShardedData,
    {
      moves,
      since,
    }: { readonly moves: readonly RebuildTarget[]; readonly since: Moment | undefined },
  ): Promise<boolean> {
    const { core } = this.#modules;
    const after = withMoves(before, moves);
    const outcome = await core.registers.update(key, (body) => {
      const current = dataOf(key, body).find(({ data }) => data.dataId === before.dataId);
      const merged = current && mergeShards(current.data, before, after);
      const late = this.#isLate(since, 1);
      if (late || body === undefined || current === undefined || merged === undefined) {
        return { kind: "keep", answer: undefined };
      }
      const replacement = { data: merged, moved: false, degraded: current.degraded };
      const changed = replaceData(key, body, new Map([[before.dataId, replacement]]), 0);
      return { kind: "write", body: changed, result: NO_RESULT };
    });
    // Somebody else has changed it, or time is up: it is looked at again.
    if (outcome.kind !== "written") return false;
    const slots = moves.map(({ slot }) => slot);
    core.pending.rebuilt(after, slots);
    this.#shards += moves.length;
    this.#bytes += moves.length * shardFileBytes(before, before.bytes);
    if (key[0] !== PART_TAG) await this.#giveUp(key, before, slots);
    return true;
  }

  /** What the record names elsewhere now. A drive that leaves keeps what it has. */
  async #giveUp(key: Buffer, before: ShardedData, slots: readonly number[]): Promise<void> {
    const { core, drives, placement } = this.#modules;
    const reference = await findReference(core, key, before.dataId);
    if (reference.kind !== "record") return;
    for (const slot of slots) {
      const old = before.drives[slot] ?? -1;
      if (reference.data.drives[slot] === old || placement().isLeaving(old)) continue;
      if (drives.isOnline(old)) await drives.get(old)?.dropShard(before.dataId, slot);
    }
  }

  /** A completion under way has read where the part's data is, and could not find it elsewhere. */
  async #isNamed(key: Buffer, { dataId }: ShardedData): Promise<boolean> {
    if (key[0] !== PART_TAG) return false;
    return (await namedByUpload(this.#modules.core, uploadKeyOfPart(key))).has(dataId);
  }

  /** With as many shards as there are drives for now. */
  async #rewrite(key: Buffer, item: RecordData): Promise<boolean> {
    const { core } = this.#modules;
    const { data } = item;
    const anew = await writeAnew(core, key, item);
    if (anew === undefined) return false;
    const { replacement, since } = anew;
    let late = false;
    const outcome = await core.registers.update(key, (body) => {
      late = isTooLate(core.clock, since, core.options.commitWithinMs);
      if (late) return { kind: "keep", answer: undefined };
      const dueMs = core.clock.nowMs() + core.options.trashGraceMs;
      const changed = body && replaceData(key, body, new Map([[data.dataId, replacement]]), dueMs);
      if (changed === undefined) return { kind: "keep", answer: undefined };
      return { kind: "write", body: changed, result: NO_RESULT };
    });
    if (outcome.kind !== "written") {
      core.writer.discard(replacement.data);
      return !late;
    }
    if (replacement.data.kind === "shards") core.pending.adopted(replacement.data);
    this.#shards += data.drives.length;
    this.#bytes += data.drives.length * shardFileBytes(data, data.bytes);
    return true;
  }
}

/** Shards that are durable and that no record names yet, and since when the first of them is. */
class MadeShards {
  readonly moves: RebuildTarget[] = [];
  since: Moment | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  finishing(): void {
    this.since ??= momentOf(this.#clock);
  }
}

function withMoves(data: ShardedData, moves: readonly RebuildTarget[]): ShardedData {
  const drives = [...data.drives];
  let { missing } = data;
  for (const { slot, driveIndex } of moves) {
    drives[slot] = driveIndex;
    missing &= ~(1 << slot);
  }
  return { ...data, drives, missing };
}

/** Without those that would leave two shards on one drive, because another move failed. */
function withoutCrowding(data: ShardedData, moves: readonly RebuildTarget[]): RebuildTarget[] {
  let kept = [...moves];
  for (;;) {
    const { drives } = withMoves(data, kept);
    const fits = kept.filter(
      ({ driveIndex }) => drives.indexOf(driveIndex) === drives.lastIndexOf(driveIndex),
    );
    if (fits.length === kept.length) return kept;
    kept = fits;
  }
}
