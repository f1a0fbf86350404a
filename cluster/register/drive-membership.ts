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
import { decideExclusion, type EpochRecord, encodeEpoch } from "./epoch.ts";
import { type FirstEpoch, formFirstEpoch } from "./first-epoch.ts";
import type { MembershipHazards } from "./hazards.ts";
import { META_CLEAN_STOP, META_EPOCH, type MemberDrive, writeAll } from "./member-drive.ts";
import type { RecentLog, Refusal } from "./replica.ts";
import { majorityGroup, ReplicaSet } from "./replica-set.ts";
import { type CellPage, resyncObserver } from "./resync-observer.ts";

/** What the membership asks of the register engine. */
export interface MemberEngine {
  settleRecent(logs: readonly RecentLog[], options: { fenced: boolean }): Promise<void>;
  settleUnsettled(): Promise<void>;
  resync(key: Uint8Array, observerId: string): Promise<void>;
  answered(driveId: string): Promise<void>;
  replicaSetChanged(): void;
  settledBelow(): number;
  readonly isQuiet: boolean;
  stop(): void;
}

export interface DriveMembershipOptions {
  /** Between two rounds of forgetting recent keys. */
  readonly forgetMs: number;
  /** Before something that failed is tried again. */
  readonly retryMs: number;
  /** The operator's word for a start from half of the drives: see StartEvidence. */
  readonly acceptMissing: boolean;
}

export interface DriveMembershipModules {
  readonly clock: Clock;
  readonly log: Logger;
  /** A page of the keys after `after` and their accepted ballots, in key order. */
  listCells(drive: MemberDrive, after: Uint8Array | undefined): Promise<CellPage | Refusal>;
}

export class DriveMembership {
  readonly #options: DriveMembershipOptions;
  readonly #modules: DriveMembershipModules;
  readonly #hazards: MembershipHazards;
  readonly #drives = new Map<string, MemberDrive>();
  /** Each with the number of its stay: what was compared in an earlier stay counts for nothing. */
  readonly #observers = new Map<string, number>();
  #stays = 0;
  /** Drives that do not answer and may have to go. */
  readonly #lost = new Set<string>();
  #record: EpochRecord = { epoch: 0, members: [], bases: [] };
  /** The last epoch number used, perhaps for a record that was not written everywhere. */
  #epoch = 0;
  #incarnation = 0;
  /** Members of records begun and not finished: see decideExclusion. */
  #attempts: Array<readonly string[]> = [];
  /** An observer that a record perhaps calls a member already: it stays until one says otherwise. */
  #pinned: string | undefined;
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

  /** Members that were reported and could not be excluded: too few others are there. */
  get lostMembers(): readonly string[] {
    return this.#record.members.filter((id) => this.#lost.has(id));
  }

  get observers(): readonly string[] {
    return [...this.#observers.keys()];
  }

  /** Forms the first epoch of this process, if the drives that are there can (first-epoch.ts). */
  async start(drives: readonly MemberDrive[], expected: number): Promise<FirstEpoch> {
    const { acceptMissing } = this.#options;
    const first = await formFirstEpoch(drives, { expected, acceptMissing, hazards: this.#hazards });
    if (first.mode === "read-write") {
      this.#incarnation = first.incarnation;
      for (const drive of first.drives) this.#drives.set(drive.id, drive);
      this.#adopt(first.record);
    }
    return first;
  }

  /** Settles what the last process left unsettled and goes to work. Resolves when it may be used. */
  async open(engine: MemberEngine): Promise<void> {
    this.#engine = engine;
    await this.#untilDone(async () => {
      const logs = this.#hazards.skipRecent === true ? [] : this.#memberDrives();
      await engine.settleRecent(logs, { fenced: this.#record.bases.length > 0 });
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
    if (this.#observers.has(id)) {
      this.#lost.add(id);
      this.#dropLostObservers();
      return;
    }
    if (this.#lost.has(id) || !this.#record.members.includes(id)) return;
    this.#lost.add(id);
    void this.#exclusively(() => this.#excludeLost());
  }

  /**
   * A drive is there (again), or is new: it becomes a member once it holds what members hold.
   * Requests sent to it before may still be on their way; each must be answered in the end, and not
   * before it can have no effect any more.
   */
  addDrive(drive: MemberDrive): void {
    this.#drives.set(drive.id, drive);
    if (this.#record.members.includes(drive.id)) {
      // It could not be excluded, so everything it has missed is still on the engine's list.
      this.#lost.delete(drive.id);
      this.#adopt(this.#record);
      // With this one there may be enough to go on without others, or to finish what it interrupted.
      void this.#exclusively(async () => {
        await this.#excludeLost();
        await this.#withdraw();
      });
      return;
    }
    // Observers wait until the members are settled: see `open`.
    if (!this.#open) return;
    this.#lost.delete(drive.id);
    const stay = this.#observers.get(drive.id) ?? ++this.#stays;
    this.#observers.set(drive.id, stay);
    this.#adopt(this.#record);
    this.#takeBack(drive.id, stay);
  }

  stop(): void {
    this.#stopped = true;
    this.#forgetting?.cancel();
  }

  /**
   * Stops in good order, the engine too: settles what is not and marks the members, so that half of
   * them may answer reads at a start. When something is still under way only the mark is missing.
   */
  async leave(): Promise<void> {
    this.#forgetting?.cancel();
    await this.#changes;
    try {
      if (this.#engine !== undefined && this.#open) await this.#markCleanStop(this.#engine);
    } catch (error) {
      this.#modules.log.debug("the stop could not be marked as clean", { error });
    }
    this.#engine?.stop();
    this.stop();
  }

  async #markCleanStop(engine: MemberEngine): Promise<void> {
    await engine.settleUnsettled();
    engine.stop();
    if (!engine.isQuiet) return;
    const upTo = engine.settledBelow() - 1;
    const members = this.#memberDrives();
    const replies = await Promise.all(members.map((drive) => drive.forgetRecent(upTo)));
    if (this.#lost.size > 0 || !replies.every((reply) => reply.ok)) return;
    await writeAll(members, META_CLEAN_STOP, utf8(String(this.#incarnation)));
  }

  #memberDrives(): MemberDrive[] {
    return this.#record.members.flatMap((id) => this.#drives.get(id) ?? []);
  }

  /** Makes a record the present one. */
  #adopt(record: EpochRecord): void {
    this.#record = record;
    this.#epoch = Math.max(this.#epoch, record.epoch);
    this.#set = new ReplicaSet({
      epoch: ++this.#setNumber,
      groups: [majorityGroup(record.members)],
      members: this.#memberDrives(),
      observers: [...this.#observers.keys()].flatMap((id) => this.#drives.get(id) ?? []),
    });
    this.#engine?.replicaSetChanged();
  }

  async #excludeLost(): Promise<void> {
    while (!this.#stopped && this.#record.members.some((member) => this.#lost.has(member))) {
      const survivors = this.#record.members.filter((member) => !this.#lost.has(member));
      const decision = decideExclusion(this.#record, new Set(survivors), this.#attempts);
      const free = this.#hazards.excludeFreely === true && survivors.length > 0;
      if (!decision.ok && !free) {
        const { needed, got } = decision;
        this.#modules.log.error("too few drives are left to go on writing", { needed, got });
        return;
      }
      const { members, bases } = decision.ok ? decision : { members: survivors, bases: [] };
      const next = { epoch: ++this.#epoch, members, bases };
      if (!(await this.#recordOnAll(next))) continue;
      const excluded = this.#record.members.filter((member) => !members.includes(member));
      this.#modules.log.warn("drives were excluded", { drives: excluded });
      for (const id of excluded) {
        this.#drives.delete(id);
        this.#lost.delete(id);
      }
      this.#pinned = undefined;
      this.#adopt(next);
      this.#dropLostObservers();
      this.#settleBases();
    }
  }

  /** What an observer has missed is of no concern once it is none any more. */
  #dropLostObservers(): void {
    const lost = [...this.#observers.keys()].filter(
      (id) => this.#lost.has(id) && id !== this.#pinned,
    );
    if (lost.length === 0) return;
    this.#modules.log.warn("observers were lost", { drives: lost });
    for (const id of lost) {
      this.#observers.delete(id);
      this.#lost.delete(id);
    }
    this.#adopt(this.#record);
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
    const next = { epoch: ++this.#epoch, members: this.#record.members, bases: [] };
    // The members are the same: no operation notices.
    if (await this.#recordOnAll(next)) this.#record = next;
  }

  /** Brings an observer up to date, then makes it a member, unless it goes away meanwhile. */
  #takeBack(id: string, stay: number): void {
    this.#untilDone(async () => {
      if (this.#observers.get(id) !== stay) return;
      if (this.#hazards.readmitUnchecked !== true) await this.#bringUpToDate(id);
      await this.#exclusively(async () => {
        if (this.#observers.get(id) === stay) await this.#readmit(id);
      });
      if (this.#observers.get(id) === stay) throw interrupted();
    }).catch((error: unknown) => this.#modules.log.error("resync failed", { drive: id, error }));
  }

  async #bringUpToDate(id: string): Promise<void> {
    const observer = this.#drives.get(id);
    const [member] = this.#memberDrives();
    const engine = this.#engine;
    if (observer === undefined || member === undefined || engine === undefined) return;
    await resyncObserver({ observer, member, engine, listCells: this.#modules.listCells });
    await engine.settleUnsettled();
  }

  /**
   * While the record is being written, and when that fails until another is, a start may take the
   * drive for a member. So it stays an observer: what it misses then stays in the recent logs.
   */
  async #readmit(id: string): Promise<void> {
    if (this.#lost.has(id) || this.#stopped) return;
    const { members, bases } = this.#record;
    const next = {
      epoch: ++this.#epoch,
      members: [...members, id],
      bases: [members, ...bases],
    };
    this.#pinned = id;
    if (!(await this.#recordOnAll(next))) {
      await this.#withdraw();
      return;
    }
    this.#pinned = undefined;
    this.#observers.delete(id);
    this.#modules.log.info("a drive is a member again", { drive: id });
    this.#adopt(next);
    this.#settleBases();
    // It may have been lost while its record was being written; nobody reports it a second time.
    await this.#excludeLost();
  }

  /** Records the present set above a readmission that failed half-way. */
  async #withdraw(): Promise<void> {
    if (this.#pinned === undefined || this.#stopped) return;
    const next = { ...this.#record, epoch: ++this.#epoch };
    if (!(await this.#recordOnAll(next))) return;
    this.#record = next;
    this.#pinned = undefined;
    this.#dropLostObservers();
  }

  /** False when a drive could not be written: it is reported, and the change has to be redone. */
  async #recordOnAll(record: EpochRecord): Promise<boolean> {
    const drives = record.members.flatMap((id) => this.#drives.get(id) ?? []);
    this.#attempts.push(record.members);
    const failed = await writeAll(drives, META_EPOCH, encodeEpoch(record));
    for (const id of failed) this.reportUnavailable(id);
    if (failed.length > 0) return false;
    // Whoever would believe an earlier attempt meets a member that knows this record.
    this.#attempts = [];
    return !this.#stopped;
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
