/**
 * Makes weak data strong again: rebuilds shards that records say are missing, and writes data anew
 * that was written while too few drives were there. The rows of the table `heal` say where; the
 * record decides, and when nothing in it is weak any more its row goes with the change.
 *
 * What has the fewest shards to spare comes first. What cannot be healed now (its drive is away and
 * there is no other) is left alone for a while.
 */
import type { DataId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import type { ShardedData } from "../contract/data.ts";
import type { PlacementDrive } from "../data/data-placement.ts";
import type { RebuildRequest, RebuildTarget } from "../data/data-rebuilder.ts";
import { isTooLate, type Moment, momentOf } from "../operations/commit-limit.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { HEALTHY } from "../records/data-health.ts";
import {
  dataOf,
  mergeShards,
  type RecordData,
  type Replacement,
  replaceData,
  withClearedRows,
} from "../records/record-data.ts";
import { readDriveRows } from "../registers/drive-rows.ts";
import { writeAnew } from "./write-anew.ts";

export interface HealerOptions {
  /** Before what could not be healed is tried again. */
  readonly retryMs: number;
  /** Keys known to wait for a retry; beyond it they are tried earlier. */
  readonly postponedMax: number;
}

export const HEALER_OPTIONS: HealerOptions = { retryMs: 60_000, postponedMax: 10_000 };

export interface HealerModules {
  readonly core: ObjectCore;
  readonly rebuilder: { rebuild(request: RebuildRequest): Promise<readonly RebuildTarget[]> };
  /** The members of the registers: each has the rows of all records. */
  members(): readonly Pick<Drive, "range">[];
  /** All drives of the node as placement sees them. */
  placement(): readonly PlacementDrive[];
  /** Slots of data that is not degraded. */
  slotsFull(): number;
  /** False leaves a record to another node. */
  isOurs(key: Uint8Array): boolean;
}

const ROWS_PER_PAGE = 1000;
const KEYS_PER_UNIT = 16;
/** Keys kept of one pass over the rows: after the loss of a drive there may be millions. */
const KEYS_PER_PASS = 4096;
const AT_ONCE = 2;
/** Items of one record healed before the record is written: a large upload has thousands. */
const ITEMS_PER_CHANGE = 16;
/** Of the time that a commit may take: what is healed is not kept waiting longer for the next item. */
const HURRY_SHARE = 1 / 4;
const START = new Uint8Array(0);
const NO_RESULT = new Uint8Array(0);

export class Healer implements BackgroundWorker {
  readonly name = "healer";
  readonly #options: HealerOptions;
  readonly #modules: HealerModules;
  readonly #postponed = new Map<string, number>();
  #queue: Buffer[] = [];
  #healedInPass = 0;
  #restUntilMs = 0;
  /** How often a drive has come back. */
  #returns = 0;
  #turn = 0;
  #waiting = 0;
  #done = 0;
  #failed = 0;

  constructor(options: HealerOptions, modules: HealerModules) {
    this.#options = options;
    this.#modules = modules;
  }

  async work(): Promise<"busy" | "idle"> {
    const { clock } = this.#modules.core;
    if (this.#queue.length === 0) {
      if (clock.monotonicMs() < this.#restUntilMs) return "idle";
      this.#queue = await this.#mostUrgent();
      this.#healedInPass = 0;
    }
    const keys = this.#queue.splice(0, KEYS_PER_UNIT);
    if (keys.length === 0) return "idle";
    const returns = this.#returns;
    await inBatches(keys, AT_ONCE, (key) => this.#tend(key));
    // A drive that is away holds up everything: the rows are not gone through again and again.
    if (this.#queue.length === 0 && this.#healedInPass === 0 && returns === this.#returns) {
      this.#restUntilMs = clock.monotonicMs() + this.#options.retryMs;
    }
    return "busy";
  }

  /** A drive came back: what could not be healed without it may be now. */
  driveReturned(): void {
    this.#returns += 1;
    this.#postponed.clear();
    this.#restUntilMs = 0;
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      waiting: this.#waiting,
    };
  }

  /** One pass over the rows. */
  async #mostUrgent(): Promise<Buffer[]> {
    const members = this.#modules.members();
    const drive = members[this.#turn++ % Math.max(1, members.length)];
    const chosen = new MostUrgent(KEYS_PER_PASS);
    let waiting = 0;
    let from: Uint8Array | undefined = START;
    while (drive !== undefined && from !== undefined) {
      const page = await rowsFrom(drive, from);
      waiting += page.rows.length;
      for (const { key, value } of page.rows) {
        if (this.#modules.isOurs(key) && !this.#isPostponed(key))
          chosen.offer(key, value?.[0] ?? HEALTHY);
      }
      from = page.exhausted || chosen.isComplete ? undefined : page.resume;
    }
    this.#waiting = waiting;
    return chosen.keys;
  }

  #isPostponed(key: Uint8Array): boolean {
    const name = Buffer.from(key).toString("latin1");
    const untilMs = this.#postponed.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.#modules.core.clock.monotonicMs()) return true;
    this.#postponed.delete(name);
    return false;
  }

  async #tend(key: Buffer): Promise<void> {
    const { core } = this.#modules;
    const returns = this.#returns;
    let healed = false;
    try {
      healed = await this.#heal(key);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      core.log.warn("data could not be healed yet", { error });
    }
    if (healed) {
      this.#done += 1;
      this.#healedInPass += 1;
      return;
    }
    this.#failed += 1;
    if (returns !== this.#returns) return;
    if (this.#postponed.size >= this.#options.postponedMax) this.#postponed.clear();
    const untilMs = core.clock.monotonicMs() + this.#options.retryMs;
    this.#postponed.set(key.toString("latin1"), untilMs);
  }

  /** True when nothing that the record refers to is weak any more. */
  async #heal(key: Buffer): Promise<boolean> {
    const { registers } = this.#modules.core;
    const weak = dataOf(key, await registers.read(key)).filter(isWeak);
    if (weak.length === 0) {
      await this.#clearRow(key);
      return true;
    }
    let complete = true;
    let healed = new Map<DataId, Healed>();
    for (const item of weak) {
      const found = await this.#healItem(key, item);
      if (found !== undefined) healed.set(item.data.dataId, found);
      complete &&= found !== undefined && isStrong(found.replacement);
      if (healed.size < ITEMS_PER_CHANGE && !this.#isLate(healed, HURRY_SHARE)) continue;
      // Whatever else failed, what was healed is recorded.
      const recorded = await this.#record(key, healed);
      complete &&= recorded;
      healed = new Map();
    }
    if (healed.size === 0) return complete;
    const recorded = await this.#record(key, healed);
    return complete && recorded;
  }

  /** Any of them waits for its record longer than this share of what is allowed. */
  #isLate(healed: ReadonlyMap<DataId, Healed>, share: number): boolean {
    const { clock, options } = this.#modules.core;
    const withinMs = options.commitWithinMs * share;
    return [...healed.values()].some(({ since }) => isTooLate(clock, since, withinMs));
  }

  async #healItem(key: Buffer, item: RecordData): Promise<Healed | undefined> {
    if (item.degraded) return this.#strengthen(key, item);
    const { core, rebuilder, placement } = this.#modules;
    const { data } = item;
    const targets = targetsFor(data, placement());
    if (targets.length === 0) return undefined;
    let since = momentOf(core.clock);
    const onFinishing = () => {
      since = momentOf(core.clock);
    };
    const rebuilt = await rebuilder.rebuild({ data, ownerKey: key, targets, onFinishing });
    if (rebuilt.length === 0) return undefined;
    const replacement = { data: withShards(data, rebuilt), moved: false, degraded: false };
    return { before: data, replacement, since };
  }

  /** Only when enough drives are there: otherwise it would be as weak again. */
  async #strengthen(key: Buffer, item: RecordData): Promise<Healed | undefined> {
    const { core, placement, slotsFull } = this.#modules;
    const usable = placement().filter(({ online, full }) => online && !full);
    if (usable.length < slotsFull()) return undefined;
    const written = await writeAnew(core, key, item);
    if (written?.replacement.degraded !== true) return written;
    core.writer.discard(written.replacement.data);
    return undefined;
  }

  /** False when it comes too late: the sweeper may have begun to judge what was written. */
  async #record(key: Buffer, healed: ReadonlyMap<DataId, Healed>): Promise<boolean> {
    const { registers, clock, options, writer, pending } = this.#modules.core;
    let late = false;
    const outcome = await registers.update(key, (body) => {
      late = this.#isLate(healed, 1);
      if (late) return { kind: "keep", answer: undefined };
      const dueMs = clock.nowMs() + options.trashGraceMs;
      const replacements = stillWanted(key, body, healed);
      const changed = body === undefined ? undefined : replaceData(key, body, replacements, dueMs);
      if (changed === undefined) return { kind: "keep", answer: undefined };
      return { kind: "write", body: changed, result: NO_RESULT };
    });
    if (outcome.kind === "written") {
      for (const { replacement } of healed.values()) {
        const { data } = replacement;
        if (data.kind === "shards") pending.rebuilt(data, [...data.drives.keys()]);
      }
      return true;
    }
    // The object is gone, or time is; what was rebuilt has pending rows and is swept.
    for (const { replacement } of healed.values()) {
      if (replacement.moved) writer.discard(replacement.data);
    }
    return !late;
  }

  /** A row that leads to healthy data has no reason to be there. */
  async #clearRow(key: Buffer): Promise<void> {
    await this.#modules.core.registers.update(key, (body) => {
      const changed = body === undefined ? undefined : withClearedRows(key, body);
      if (changed === undefined) return { kind: "keep", answer: undefined };
      return { kind: "write", body: changed, result: NO_RESULT };
    });
  }
}

/** An item as it was found, and what is to take its place. */
interface Healed {
  readonly before: ShardedData;
  readonly replacement: Replacement;
  /** When its shards began to be durable: see commit-limit.ts. */
  readonly since: Moment;
}

/** Slots that others have changed meanwhile, by damage or a move, stay as those made them. */
function stillWanted(
  key: Uint8Array,
  body: Uint8Array | undefined,
  healed: ReadonlyMap<DataId, Healed>,
): Map<DataId, Replacement> {
  const wanted = new Map<DataId, Replacement>();
  for (const { data } of dataOf(key, body)) {
    const found = healed.get(data.dataId);
    if (found === undefined) continue;
    const { before, replacement } = found;
    const after = replacement.data;
    const merged =
      replacement.moved || after.kind !== "shards" ? after : mergeShards(data, before, after);
    if (merged !== undefined) wanted.set(data.dataId, { ...replacement, data: merged });
  }
  return wanted;
}

/** The first few of the keys with the least to spare. */
class MostUrgent {
  keys: Buffer[] = [];
  readonly #keysMax: number;
  #urgency = HEALTHY;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  /** Nothing more urgent can come. */
  get isComplete(): boolean {
    return this.#urgency === 0 && this.keys.length === this.#keysMax;
  }

  offer(key: Uint8Array, urgency: number): void {
    if (urgency > this.#urgency) return;
    if (urgency < this.#urgency) this.keys = [];
    this.#urgency = urgency;
    if (this.keys.length < this.#keysMax) this.keys.push(Buffer.from(key));
  }
}

function isWeak({ data, degraded }: RecordData): boolean {
  return degraded || data.missing !== 0;
}

function isStrong({ data, degraded }: Replacement): boolean {
  return !degraded && (data.kind === "inline" || data.missing === 0);
}

/** The slot's own drive when it takes data, otherwise one that holds nothing of this item yet. */
export function targetsFor(data: ShardedData, drives: readonly PlacementDrive[]): RebuildTarget[] {
  const usable = drives.filter(({ online, full }) => online && !full);
  const spare = usable.filter(({ index }) => !data.drives.includes(index));
  const targets: RebuildTarget[] = [];
  data.drives.forEach((own, slot) => {
    if ((data.missing & (1 << slot)) === 0) return;
    const drive = usable.find(({ index }) => index === own) ?? spare.shift();
    if (drive !== undefined) targets.push({ slot, driveIndex: drive.index });
  });
  return targets;
}

function withShards(data: ShardedData, rebuilt: readonly RebuildTarget[]): ShardedData {
  const drives = [...data.drives];
  let { missing } = data;
  for (const { slot, driveIndex } of rebuilt) {
    drives[slot] = driveIndex;
    missing &= ~(1 << slot);
  }
  return { ...data, drives, missing };
}

async function rowsFrom(drive: Pick<Drive, "range">, from: Uint8Array) {
  const page = await readDriveRows(drive, "heal", { from, limit: ROWS_PER_PAGE });
  if (page.ok) return page;
  throw new StoreError({ code: "data-unavailable", message: "a drive does not answer" });
}
