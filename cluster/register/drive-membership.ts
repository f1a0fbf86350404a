/**
 * The members of a sole proposer's registers over their lifetime: starting, losing drives, taking
 * them back. The decisions are those of epoch.ts; here they are recorded and carried out, one
 * change at a time.
 *
 * A new epoch is durable on all its members before it is used; drives that fail while it is being
 * recorded are left out too, by the next one. While a loss is too large to go on, nothing changes
 * and operations end without a quorum.
 */
import { utf8 } from "../../src/base/bytes.ts";
import { type Clock, sleep, type Timer } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import { StoreError } from "../../src/base/store-error.ts";
import {
  decideExclusion,
  decideReadmission,
  decideSettled,
  decideStart,
  type EpochRecord,
  encodeEpoch,
  firstEpochOf,
  type HalfPolicy,
  incarnationOf,
  type StartDecision,
} from "./epoch.ts";
import {
  findRecords,
  META_EPOCH,
  META_INCARNATION,
  type MemberDrive,
  writeAll,
} from "./member-drive.ts";
import type { RecentLog, Refusal } from "./replica.ts";
import { majorityGroup, ReplicaSet } from "./replica-set.ts";
import { type CellPage, resyncObserver } from "./resync-observer.ts";

/** What the membership asks of the register engine. */
export interface MemberEngine {
  settleRecent(logs: readonly RecentLog[]): Promise<void>;
  settleUnsettled(): Promise<void>;
  resync(key: Uint8Array, observerId: string): Promise<void>;
  replicaSetChanged(): void;
  settledBelow(): number;
}

export interface DriveMembershipOptions {
  readonly half: HalfPolicy;
  /** Between two rounds of forgetting recent keys. */
  readonly forgetMs: number;
  /** Before something that failed is tried again. */
  readonly retryMs: number;
}

export interface DriveMembershipModules {
  readonly clock: Clock;
  readonly log: Logger;
  /** A page of the keys after `after` and their accepted ballots, in key order. */
  listCells(drive: MemberDrive, after: Uint8Array | undefined): Promise<CellPage | Refusal>;
}

/** For the simulator only. */
export interface MembershipHazards {
  /** Any survivors may go on. */
  readonly excludeFreely?: boolean;
  /** Whatever a start finds may go on. */
  readonly startFromAnything?: boolean;
  /** A drive that comes back is a member at once. */
  readonly readmitUnchecked?: boolean;
  /** Recent keys are not settled after a start. */
  readonly skipRecent?: boolean;
}

export type StartOutcome =
  | { readonly mode: "read-write"; readonly incarnation: number }
  | { readonly mode: "read-only"; readonly members: readonly MemberDrive[] }
  | { readonly mode: "unavailable"; readonly needed: number; readonly got: number };

export class DriveMembership {
  readonly #options: DriveMembershipOptions;
  readonly #modules: DriveMembershipModules;
  readonly #hazards: MembershipHazards;
  readonly #drives = new Map<string, MemberDrive>();
  readonly #observers = new Set<string>();
  /** Members that do not answer and may have to go. */
  readonly #lost = new Set<string>();
  #record: EpochRecord = { epoch: 0, members: [], bases: [] };
  #set: ReplicaSet | undefined;
  #setNumber = 0;
  #engine: MemberEngine | undefined;
  #open = false;
  /** Changes of the record wait for each other. */
  #changes: Promise<void> = Promise.resolve();
  #settling = false;
  #forgetting: Timer | undefined;
  #stopped = false;

  constructor(
    options: DriveMembershipOptions,
    modules: DriveMembershipModules,
    hazards: MembershipHazards = {},
  ) {
    this.#options = options;
    this.#modules = modules;
    this.#hazards = hazards;
  }

  /** The replicas of every key at this moment. */
  get set(): ReplicaSet {
    if (this.#set === undefined) throw new Error("assertion failed: the membership has started");
    return this.#set;
  }

  get members(): readonly string[] {
    return this.#record.members;
  }

  get observers(): readonly string[] {
    return [...this.#observers];
  }

  /**
   * Finds out what the drives know and forms the first epoch of this process. `expected` is the
   * number of drives the node is configured with: only when all of them are there and none knows of
   * any set is a new one made.
   */
  async start(drives: readonly MemberDrive[], expected: number): Promise<StartOutcome> {
    for (let candidates = [...drives]; ; ) {
      const found = await findRecords(candidates);
      candidates = candidates.filter((drive) => found.records.has(drive.id));
      const decision = this.#decideStart(found.records, expected);
      if (decision.mode !== "read-write") return this.#cannotWrite(decision, candidates, expected);
      const incarnation = Math.max(found.incarnation, incarnationOf(decision.latest.epoch)) + 1;
      const { members, bases } = decision;
      const record = { epoch: firstEpochOf(incarnation), members, bases };
      const failed = await this.#found(candidates, record, incarnation);
      if (failed.length === 0) {
        this.#begin(candidates, record);
        return { mode: "read-write", incarnation };
      }
      candidates = candidates.filter((drive) => !failed.includes(drive.id));
    }
  }

  /** Settles what the last process left unsettled and goes to work. Resolves when it may be used. */
  async open(engine: MemberEngine): Promise<void> {
    this.#engine = engine;
    await this.#untilDone(async () => {
      const logs = this.#hazards.skipRecent === true ? [] : this.#memberDrives();
      await engine.settleRecent(logs);
    });
    this.#open = true;
    this.#settleBases();
    this.#forget();
    const waiting = [...this.#drives.values()].filter((drive) => !this.members.includes(drive.id));
    for (const drive of waiting) this.addDrive(drive);
  }

  /** A drive does not answer any more: a member is excluded if the others may go on. */
  reportUnavailable(id: string): void {
    if (this.#stopped) return;
    if (this.#observers.delete(id)) {
      this.#modules.log.warn("an observer was lost", { drive: id });
      this.#adopt(this.#record);
      return;
    }
    if (this.#lost.has(id) || !this.#record.members.includes(id)) return;
    this.#lost.add(id);
    void this.#exclusively(() => this.#excludeLost());
  }

  /** A drive is there (again), or is new: it becomes a member once it holds what members hold. */
  addDrive(drive: MemberDrive): void {
    this.#drives.set(drive.id, drive);
    if (this.#record.members.includes(drive.id)) {
      // It could not be excluded, so everything it has missed is still on the engine's list.
      this.#lost.delete(drive.id);
      this.#adopt(this.#record);
      return;
    }
    // Observers wait until the members are settled: see `open`.
    if (!this.#open) return;
    this.#observers.add(drive.id);
    this.#adopt(this.#record);
    this.#takeBack(drive.id);
  }

  stop(): void {
    this.#stopped = true;
    this.#forgetting?.cancel();
  }

  #decideStart(
    records: ReadonlyMap<string, EpochRecord | undefined>,
    expected: number,
  ): StartDecision {
    const decision = decideStart(records, this.#options.half);
    const everyone = [...records.keys()];
    if (decision.mode === "blank" && everyone.length === expected && expected > 0) {
      const latest = { epoch: 0, members: everyone, bases: [] };
      return { mode: "read-write", members: everyone, bases: [], latest };
    }
    if (this.#hazards.startFromAnything === true && decision.mode !== "blank") {
      const latest = [...records.values()].reduce((left, right) =>
        (left?.epoch ?? 0) >= (right?.epoch ?? 0) ? left : right,
      );
      const members = latest?.members.filter((member) => records.has(member)) ?? [];
      if (latest !== undefined && members.length > 0) {
        return { mode: "read-write", members, bases: [], latest };
      }
    }
    return decision;
  }

  #cannotWrite(
    decision: Exclude<StartDecision, { mode: "read-write" }>,
    drives: readonly MemberDrive[],
    expected: number,
  ): StartOutcome {
    if (decision.mode === "blank") {
      return { mode: "unavailable", needed: expected, got: drives.length };
    }
    if (decision.mode === "unavailable") return decision;
    const members = drives.filter((drive) => decision.members.includes(drive.id));
    return { mode: "read-only", members };
  }

  /**
   * Claims the incarnation on everyone, then records the epoch on its members: a claim that a
   * majority has keeps a later process from using the same number for something else.
   */
  async #found(
    drives: readonly MemberDrive[],
    record: EpochRecord,
    incarnation: number,
  ): Promise<string[]> {
    const failed = await writeAll(drives, META_INCARNATION, utf8(String(incarnation)));
    if (failed.length > 0) return failed;
    const members = drives.filter((drive) => record.members.includes(drive.id));
    return writeAll(members, META_EPOCH, encodeEpoch(record));
  }

  #begin(drives: readonly MemberDrive[], record: EpochRecord): void {
    for (const drive of drives) this.#drives.set(drive.id, drive);
    this.#adopt(record);
  }

  #memberDrives(): MemberDrive[] {
    return this.#record.members.flatMap((id) => this.#drives.get(id) ?? []);
  }

  /** Makes a record the present one. */
  #adopt(record: EpochRecord): void {
    this.#record = record;
    this.#set = new ReplicaSet({
      epoch: ++this.#setNumber,
      groups: [majorityGroup(record.members)],
      members: this.#memberDrives(),
      observers: [...this.#observers].flatMap((id) => this.#drives.get(id) ?? []),
    });
    this.#engine?.replicaSetChanged();
  }

  async #excludeLost(): Promise<void> {
    while (!this.#stopped && this.#record.members.some((member) => this.#lost.has(member))) {
      const survivors = this.#record.members.filter((member) => !this.#lost.has(member));
      const decision = decideExclusion(this.#record, new Set(survivors), this.#options.half);
      const free = this.#hazards.excludeFreely === true && survivors.length > 0;
      if (!decision.ok && !free) {
        const { needed, got } = decision;
        this.#modules.log.error("too few drives are left to go on writing", { needed, got });
        return;
      }
      const next = decision.ok
        ? decision.next
        : { epoch: this.#record.epoch + 1, members: survivors, bases: [] };
      if (!(await this.#recordOnAll(next))) continue;
      const excluded = this.#record.members.filter((member) => !next.members.includes(member));
      this.#modules.log.warn("drives were excluded", { drives: excluded });
      for (const id of excluded) {
        this.#drives.delete(id);
        this.#lost.delete(id);
      }
      this.#adopt(next);
      this.#settleBases();
    }
  }

  /** Until the present members hold every chosen value, the sets before them are remembered. */
  #settleBases(): void {
    if (this.#settling || !this.#open || this.#stopped || this.#record.bases.length === 0) return;
    this.#settling = true;
    const { epoch } = this.#record;
    this.#untilDone(async () => this.#engine?.settleUnsettled())
      .then(() => this.#exclusively(() => this.#recordSettled(epoch)))
      .finally(() => {
        this.#settling = false;
        this.#settleBases();
      })
      .catch((error: unknown) => this.#modules.log.error("settling drives failed", { error }));
  }

  async #recordSettled(epoch: number): Promise<void> {
    if (this.#record.epoch !== epoch || this.#stopped) return;
    const next = decideSettled(this.#record);
    // The members are the same: no operation notices.
    if (await this.#recordOnAll(next)) this.#record = next;
  }

  /** Brings an observer up to date, then makes it a member. */
  #takeBack(id: string): void {
    this.#untilDone(async () => {
      if (!this.#observers.has(id)) return;
      if (this.#hazards.readmitUnchecked !== true) await this.#bringUpToDate(id);
      await this.#exclusively(() => this.#readmit(id));
      if (this.#observers.has(id)) throw interrupted();
    }).catch((error: unknown) => this.#modules.log.error("resync failed", { drive: id, error }));
  }

  async #bringUpToDate(id: string): Promise<void> {
    const observer = this.#drives.get(id);
    const [member] = this.#memberDrives();
    const engine = this.#engine;
    if (observer === undefined || member === undefined || engine === undefined) return;
    await resyncObserver({
      observer,
      member,
      listCells: this.#modules.listCells,
      resync: (key) => engine.resync(key, id),
    });
    await engine.settleUnsettled();
  }

  async #readmit(id: string): Promise<void> {
    if (!this.#observers.has(id) || this.#stopped) return;
    const next = decideReadmission(this.#record, id);
    if (!(await this.#recordOnAll(next))) return;
    this.#observers.delete(id);
    this.#modules.log.info("a drive is a member again", { drive: id });
    this.#adopt(next);
    this.#settleBases();
  }

  /** False when a drive could not be written: it is reported, and the change has to be redone. */
  async #recordOnAll(record: EpochRecord): Promise<boolean> {
    const drives = record.members.flatMap((id) => this.#drives.get(id) ?? []);
    const failed = await writeAll(drives, META_EPOCH, encodeEpoch(record));
    for (const id of failed) this.reportUnavailable(id);
    return failed.length === 0 && !this.#stopped;
  }

  /** Regularly tells the drives how much of their recent log nobody will ask for. */
  #forget(): void {
    if (this.#stopped) return;
    this.#forgetting = this.#modules.clock.after(this.#options.forgetMs, () => {
      const upTo = (this.#engine?.settledBelow() ?? 0) - 1;
      for (const replica of this.set.replicas) {
        const drive = this.#drives.get(replica.id);
        drive?.forgetRecent(upTo).then(
          (reply) => {
            if (!reply.ok && reply.reason === "unavailable") this.reportUnavailable(drive.id);
          },
          () => this.reportUnavailable(drive.id),
        );
      }
      this.#forget();
    });
  }

  /** Runs `work` after all changes asked for before it; a failure is logged here already. */
  #exclusively(work: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(() => (this.#stopped ? undefined : work()));
    this.#changes = done.catch((error: unknown) => {
      this.#modules.log.error("the set of drives could not be changed", { error });
    });
    return done;
  }

  /** Repeats what a failing drive interrupts, for as long as this process lives. */
  async #untilDone(work: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await work();
        return;
      } catch (error) {
        this.#modules.log.debug("interrupted by a drive, trying again", { error });
        await sleep(this.#modules.clock, this.#options.retryMs);
      }
    }
  }
}

function interrupted(): StoreError {
  return new StoreError({ code: "data-unavailable", message: "a member was lost meanwhile" });
}
