/**
 * Fills an emptied drive: walks all records and rebuilds every shard that one of them places on it.
 * Records need no change: they say already that the shard is there.
 *
 * The cursor is durable on the drive itself, so a restart goes on where it was. What is written
 * meanwhile comes by itself; a shard that cannot be rebuilt is marked missing for the healer.
 */
import { StoreError } from "../../base/store-error.ts";
import type { Drive } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import type { ShardedData } from "../contract/data.ts";
import type { RebuildRequest, RebuildTarget } from "../data/data-rebuilder.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { dataOf } from "../records/record-data.ts";
import { RecordWalk, WALK_START, type WalkPosition } from "../registers/record-walk.ts";
import type { DamageLog } from "./damage.ts";
import { PassClock } from "./pass-clock.ts";

export interface RefillModules {
  readonly core: ObjectCore;
  readonly drive: Pick<Drive, "id" | "index" | "readMeta" | "writeMeta">;
  readonly rebuilder: { rebuild(request: RebuildRequest): Promise<readonly RebuildTarget[]> };
  readonly damage: DamageLog;
  /** The drive's registers, if it keeps any, are up to date: they come first. */
  isReady(): boolean;
  /** Everything is there. */
  onFilled(): Promise<void>;
}

const META_CURSOR = "refill-cursor";
/** No register key begins with it. */
const END_MARK = 0xff;
const ROWS_PER_UNIT = 200;
const ROWS_PER_COUNT = 1000;
const AT_ONCE = 2;

export class Refill implements BackgroundWorker {
  readonly name: string;
  readonly #modules: RefillModules;
  readonly #pass: PassClock;
  readonly #walk: RecordWalk;
  #position: WalkPosition | undefined;
  #filled = false;
  #done = 0;
  #failed = 0;

  constructor(modules: RefillModules) {
    this.#modules = modules;
    this.name = `refill drive ${modules.drive.index}`;
    this.#pass = new PassClock(modules.core.clock);
    this.#walk = new RecordWalk(modules.core);
  }

  /** True until the drive with this index holds all that it should. */
  isFilling(driveIndex: number): boolean {
    return !this.#filled && this.#modules.drive.index === driveIndex;
  }

  async work(): Promise<"busy" | "idle"> {
    if (this.#filled || !this.#modules.isReady()) return "idle";
    this.#position ??= await this.#begin();
    if (this.#position === "end") {
      await this.#modules.onFilled();
      this.#filled = true;
      this.#modules.core.log.info("drive resynchronised", { drive: this.#modules.drive.id });
      return "idle";
    }
    const step = await this.#walk.step(this.#position, ROWS_PER_UNIT);
    await inBatches(step.keys, AT_ONCE, (key) => this.#fill(key));
    await this.#save(step.next);
    this.#position = step.next;
    this.#pass.passed(step.rows);
    return "busy";
  }

  status(): WorkerStatus {
    return {
      name: this.name,
      done: this.#done,
      failed: this.#failed,
      progress: this.#filled ? 1 : this.#pass.progress,
      remainingMs: this.#filled ? 0 : this.#pass.remainingMs,
    };
  }

  async #begin(): Promise<WalkPosition> {
    const { drive } = this.#modules;
    this.#pass.begin(await this.#walk.count(ROWS_PER_COUNT));
    const reply = await drive.readMeta(META_CURSOR);
    if (!reply.ok) throw unavailable();
    if (reply.value === undefined) return WALK_START;
    return reply.value[0] === END_MARK ? "end" : reply.value;
  }

  async #save(next: WalkPosition): Promise<void> {
    const { drive } = this.#modules;
    const value = next === "end" ? Uint8Array.of(END_MARK) : next;
    const reply = await drive.writeMeta(META_CURSOR, value);
    if (!reply.ok) throw unavailable();
  }

  async #fill(key: Buffer): Promise<void> {
    const { core, drive } = this.#modules;
    for (const { data } of dataOf(key, await core.registers.read(key))) {
      const slot = data.drives.indexOf(drive.index);
      if (slot < 0 || (data.missing & (1 << slot)) !== 0) continue;
      await this.#rebuild(key, data, slot);
    }
  }

  async #rebuild(key: Buffer, data: ShardedData, slot: number): Promise<void> {
    const { rebuilder, drive, damage, core } = this.#modules;
    const targets = [{ slot, driveIndex: drive.index }];
    damage.remember(data, key);
    try {
      const rebuilt = await rebuilder.rebuild({ data, ownerKey: key, targets });
      if (rebuilt.length > 0) {
        this.#done += 1;
        core.pending.rebuilt(data, [slot]);
        return;
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      core.log.warn("a shard could not be rebuilt", { error });
    }
    this.#failed += 1;
    damage.add(data, [slot]);
  }
}

function unavailable(): StoreError {
  return new StoreError({ code: "data-unavailable", message: "the drive does not answer" });
}
