/**
 * Reads every shard of every record slowly, again and again, and has headers and checksums verified,
 * so that decay is found while there is still enough to repair it from. Damage goes where damage
 * found by clients goes. A file that is another shard is told in the log, too: what it holds may be
 * wanted where it belongs.
 *
 * The cursor is durable; a pass that ends before its time waits for the next period.
 */

import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import { stripesOfRange } from "../../codec/stripe.ts";
import type { Drive } from "../../store/drive.ts";
import { formatShardName } from "../../store/shard-names.ts";
import type { BackgroundWorker, WorkerStatus } from "../contract/background-worker.ts";
import type { ShardedData } from "../contract/data.ts";
import type { BackgroundBudget } from "../data/background-budget.ts";
import type { DriveTable } from "../data/data-drives.ts";
import { StripeLoad, type StripeReaderModules } from "../data/stripe-reader.ts";
import { type SlotMask, StripeSlots, slotsOf } from "../data/stripe-slots.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { dataOf } from "../records/record-data.ts";
import { RecordWalk, WALK_START, type WalkPosition } from "../registers/record-walk.ts";
import type { DamageLog } from "./damage.ts";
import { PassClock } from "./pass-clock.ts";

export interface ScrubberOptions {
  /** A new pass begins no sooner than this after the one before began. */
  readonly periodMs: number;
}

export const SCRUBBER_OPTIONS: ScrubberOptions = { periodMs: 30 * 24 * 60 * 60_000 };

export interface ScrubberModules {
  readonly core: ObjectCore;
  readonly data: StripeReaderModules;
  readonly damage: DamageLog;
  /** Any member keeps the cursor. */
  members(): readonly Pick<Drive, "readMeta" | "writeMeta">[];
  /** False leaves a record to another node. */
  isOurs(key: Uint8Array): boolean;
}

interface Cursor {
  /** Wall clock. */
  readonly startedMs: number;
  /** Register key in hexadecimal, or "end". */
  readonly position: string;
}

const META_CURSOR = "scrub-cursor";
const ROWS_PER_PAGE = 200;
const ROWS_PER_COUNT = 1000;
const STRIPES_PER_UNIT = 16;

export class Scrubber implements BackgroundWorker {
  readonly name = "scrubber";
  readonly #options: ScrubberOptions;
  readonly #modules: ScrubberModules;
  readonly #pass: PassClock;
  readonly #walk: RecordWalk;
  #startedMs = 0;
  #position: WalkPosition | undefined;
  #keys: Buffer[] = [];
  #steps: AsyncGenerator<void, void, undefined> | undefined;
  #next: WalkPosition = WALK_START;
  #done = 0;
  #failed = 0;

  constructor(options: ScrubberOptions, modules: ScrubberModules) {
    this.#options = options;
    this.#modules = modules;
    this.#pass = new PassClock(modules.core.clock);
    this.#walk = new RecordWalk(modules.core);
  }

  /** Some stripes of a record, or the next page of records. */
  async work(): Promise<"busy" | "idle"> {
    this.#position ??= await this.#resume();
    if (this.#position === "end") return this.#wait();
    const key = this.#keys.at(-1);
    if (key !== undefined) {
      this.#steps ??= this.#stepsOf(key);
      if (await this.#isDone(this.#steps)) {
        this.#steps = undefined;
        this.#keys.pop();
      }
      return "busy";
    }
    if (this.#next !== this.#position) {
      this.#position = this.#next;
      await this.#save();
      if (this.#position === "end") return "busy";
    }
    const step = await this.#walk.step(this.#position, ROWS_PER_PAGE);
    this.#keys = step.keys.filter((key) => this.#modules.isOurs(key)).reverse();
    this.#next = step.next;
    this.#pass.passed(step.rows);
    return "busy";
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      progress: this.#position === "end" ? 1 : this.#pass.progress,
      remainingMs: this.#position === "end" ? 0 : this.#pass.remainingMs,
    };
  }

  /** Every shard that should be there, some stripes at a time; reading verifies and reports. */
  async *#stepsOf(key: Buffer): AsyncGenerator<void, void, undefined> {
    const { core, damage, data: modules } = this.#modules;
    for (const { data } of dataOf(key, await core.registers.read(key))) {
      damage.remember(data, key);
      yield* verifyShards(modules, data, { damage, log: core.log });
    }
  }

  async #isDone(steps: AsyncGenerator<void, void, undefined>): Promise<boolean> {
    try {
      const { done } = await steps.next();
      if (done) this.#done += 1;
      return done === true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#modules.core.log.warn("data could not be verified", { error });
      return true;
    }
  }

  #wait(): "idle" {
    const nowMs = this.#modules.core.clock.nowMs();
    if (nowMs >= this.#startedMs + this.#options.periodMs) {
      this.#position = undefined;
      this.#startedMs = 0;
    }
    return "idle";
  }

  async #resume(): Promise<WalkPosition> {
    const { core } = this.#modules;
    const nowMs = core.clock.nowMs();
    const cursor = await this.#load();
    const old = cursor === undefined || nowMs >= cursor.startedMs + this.#options.periodMs;
    this.#startedMs = old ? nowMs : cursor.startedMs;
    this.#next = old ? WALK_START : positionOf(cursor.position);
    this.#pass.begin(await this.#walk.count(ROWS_PER_COUNT));
    return this.#next;
  }

  async #load(): Promise<Cursor | undefined> {
    for (const drive of this.#modules.members()) {
      const reply = await drive.readMeta(META_CURSOR);
      if (reply.ok && reply.value !== undefined) return parseCursor(reply.value);
    }
    return undefined;
  }

  async #save(): Promise<void> {
    const position = this.#next === "end" ? "end" : Buffer.from(this.#next).toString("hex");
    const cursor: Cursor = { startedMs: this.#startedMs, position };
    const value = Buffer.from(JSON.stringify(cursor));
    await Promise.all(this.#modules.members().map((drive) => drive.writeMeta(META_CURSOR, value)));
  }
}

type VerifyingModules = StripeReaderModules & { readonly budget?: BackgroundBudget };

/** Reads all shards of an item that should be there; bad ones are reported by the reading. */
async function* verifyShards(
  modules: VerifyingModules,
  data: ShardedData,
  { damage, log }: { damage: Pick<DamageLog, "report">; log: Logger },
): AsyncGenerator<void, void, undefined> {
  const slots = new StripeSlots(data, modules.drives, damage.report);
  let wanted = 0;
  data.drives.forEach((index, slot) => {
    if (modules.drives.isOnline(index)) wanted |= 1 << slot;
  });
  wanted &= ~data.missing;
  await verifyHeaders(modules.drives, slots, { wanted, log });
  const whole = { offset: 0, length: data.bytes };
  let stripes = 0;
  for (const slice of stripesOfRange(data, data.bytes, whole)) {
    const { stripeIndex, geometry } = slice;
    await modules.budget?.take(Math.min(data.bytes, data.stripeDataBytes));
    const buffer = await modules.arena.acquire("read");
    const stripe = { stripeIndex, geometry, wanted, purpose: "verify" } as const;
    modules.arena.release(await StripeLoad.start(modules, slots, stripe, buffer));
    stripes += 1;
    if (stripes % STRIPES_PER_UNIT === 0) yield;
  }
}

/** Reads of clients need no header: the trailer of each block says whose it is. */
async function verifyHeaders(
  drives: DriveTable,
  slots: StripeSlots,
  { wanted, log }: { wanted: SlotMask; log: Logger },
): Promise<void> {
  const { data } = slots;
  const { dataId, k, m, stripeDataBytes } = data;
  await Promise.all(
    slotsOf(wanted).map(async (slot) => {
      const drive = drives.get(data.drives[slot] ?? -1);
      const reply = await drive?.checkShard({ dataId, slot, k, m, stripeDataBytes });
      if (reply === undefined || reply.ok) return;
      slots.noteRefusal(slot, reply.reason);
      if (reply.reason !== "corrupt") return;
      const file = formatShardName(dataId, slot);
      log.warn("a shard file is not what it should be", {
        drive: drive?.index,
        file,
        problem: reply.message,
      });
    }),
  );
}

function positionOf(text: string): WalkPosition {
  return text === "end" ? "end" : Buffer.from(text, "hex");
}

/** Anything unreadable starts a new pass. */
function parseCursor(bytes: Uint8Array): Cursor | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { startedMs, position } = value as Record<string, unknown>;
    return typeof startedMs === "number" && typeof position === "string"
      ? { startedMs, position }
      : undefined;
  } catch {
    return undefined;
  }
}
