/**
 * The drives of the node as replicas of its registers: finds out at the start what they can do,
 * excludes those that fail, takes back those that were added, and gives the object layer its
 * registers. Every register has its replicas on all member drives; drives beyond the maximum are
 * spares.
 */
import { AgreedReader } from "../../../cluster/register/agreed-reader.ts";
import {
  DriveMembership,
  type DriveMembershipOptions,
} from "../../../cluster/register/drive-membership.ts";
import type { MemberDrive } from "../../../cluster/register/member-drive.ts";
import type {
  ChangeFunction,
  RegisterEngineOptions,
  UpdateOutcome,
} from "../../../cluster/register/register-contract.ts";
import { RegisterEngine } from "../../../cluster/register/register-engine.ts";
import { majority, type ReplicaSet } from "../../../cluster/register/replica-set.ts";
import type { CellPage } from "../../../cluster/register/resync-observer.ts";
import type { Clock } from "../../base/clock.ts";
import { createDeferred } from "../../base/deferred.ts";
import { hashBytes } from "../../base/hash.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { Drive, DriveStatus } from "../../store/drive.ts";
import type { DriveSetMode, DriveSetStatus, NodeReplicas } from "../contract/node-replicas.ts";
import type { CensusPage, Registers, RowPage, RowQuery } from "../contract/registers.ts";
import { SLOTS_MAX } from "../data/data-placement.ts";
import { rowBallot } from "../records/list-row.ts";
import { deriveRows, purgedRows } from "./derive-rows.ts";
import { readDriveRows } from "./drive-rows.ts";
import { chooseMetadataDrives } from "./metadata-drives.ts";
import { ReadOnlyRegisters } from "./read-only-registers.ts";
import { RegisterClient } from "./register-client.ts";

export type EngineLimits = Omit<RegisterEngineOptions, "proposer" | "incarnation" | "soleProposer">;

export interface DriveSetOptions {
  /** How many drives the node is configured with, present or not. */
  readonly drivesExpected: number;
  /** Drives that keep registers: twice the losses to be survived, and one. */
  readonly replicasMax: number;
  readonly engine: EngineLimits;
  readonly membership: DriveMembershipOptions;
}

export const DRIVE_SET_LIMITS: Omit<DriveSetOptions, "drivesExpected"> = {
  engine: {
    roundMs: 5_000,
    operationMs: 30_000,
    hedgeMs: 200,
    backoffMs: 10,
    attemptsMax: 8,
    waitersPerKeyMax: 1_000,
    unsettledKeysMax: 20_000,
  },
  membership: { forgetMs: 1_000, retryMs: 1_000, acceptMissing: false },
  replicasMax: 9,
};

export interface DriveSetModules {
  /** Those that could be opened. */
  readonly drives: readonly Drive[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The process is the only proposer of a single node. */
const PROPOSER = 1;
const CELLS_PER_PAGE = 1000;
const NOTHING = new Uint8Array(0);

export class DriveSet implements NodeReplicas {
  readonly #options: DriveSetOptions;
  readonly #modules: DriveSetModules;
  readonly #membership: DriveMembership;
  readonly #byId = new Map<string, Drive>();
  /** Drives that are not there, or have left. */
  readonly #lost = new Set<string>();
  #mode: DriveSetMode = "starting";
  #engine: RegisterEngine | undefined;
  #registers: Registers | undefined;
  readonly #writable = createDeferred<void>();
  /** Looking at the drives anew, one look after the other. */
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: DriveSetOptions, modules: DriveSetModules) {
    this.#options = options;
    this.#modules = modules;
    const { clock, log } = modules;
    this.#membership = new DriveMembership(options.membership, {
      clock,
      log,
      listCells: (drive, after) => this.#listCells(drive, after),
    });
    for (const drive of modules.drives) {
      this.#byId.set(drive.id, drive);
      this.#watch(drive);
    }
  }

  /** Resolves when the registers may be used, in the mode that the drives allow. */
  async start(): Promise<DriveSetMode> {
    await this.#begin();
    return this.#mode;
  }

  whenWritable(): Promise<void> {
    return this.#writable.promise;
  }

  async #begin(): Promise<void> {
    const { log } = this.#modules;
    const choice = await chooseMetadataDrives(this.#modules.drives, this.#options);
    const first = await this.#membership.start(choice.drives, choice.expected);
    this.#mode = first.mode;
    if (first.mode === "read-write") {
      await this.#open(first.incarnation);
    } else if (first.mode === "read-only") {
      const reader = new AgreedReader(first.members);
      await reader.load();
      const needed = majority(choice.expected);
      const members = first.members.flatMap(({ id }) => this.#byId.get(id) ?? []);
      this.#registers = new ReadOnlyRegisters({ reader, members, needed });
      const advice = "bring the drives back, or start once with RINGFORT_ACCEPT_MISSING_DRIVES=on";
      log.error("too few drives for writing: the node only reads", { needed, advice });
    } else {
      const { needed, got } = first;
      const advice =
        "bring the drives back; if half of them are there and the others are lost for ever, " +
        "start once with RINGFORT_ACCEPT_MISSING_DRIVES=on";
      log.error("too few drives: the node cannot serve", { needed, got, advice });
    }
  }

  /**
   * A drive has come to a node that began with too few of them: with this one there may be enough.
   * What is read meanwhile is what nobody has changed: so far nothing could be written.
   */
  async #beginAgain(): Promise<void> {
    if (this.#stopped || this.#hasBegun) return;
    try {
      await this.#begin();
      if (this.#hasBegun) this.#modules.log.info("enough drives are there: the node writes");
    } catch (error) {
      this.#modules.log.error("the drives that came back cannot be used", { error });
    }
  }

  /** It writes, or is about to. */
  get #hasBegun(): boolean {
    return this.#mode === "read-write" || this.#mode === "starting";
  }

  /** True when a spare began to take the place of a lost drive, or a drive its own again. */
  takeSpare(): boolean {
    if (this.#mode !== "read-write") return false;
    for (const id of this.#membership.lostMembers) {
      const drive = this.#lost.has(id) ? undefined : this.#byId.get(id);
      // It was too slow once, and too few others were there to go on without it.
      if (drive !== undefined) this.#membership.addDrive(drive);
    }
    const { members, observers } = this.#membership;
    const target = Math.min(this.#options.replicasMax, this.#options.drivesExpected);
    if (members.length + observers.length >= target) return false;
    const spare = this.drives().find(
      ({ id }) => !members.includes(id) && !observers.includes(id) && !this.#lost.has(id),
    );
    if (spare === undefined) return false;
    this.#membership.addDrive(spare);
    return true;
  }

  /** Drives that have all settled rows. */
  members(): readonly Drive[] {
    return this.#membership.members.flatMap((id) => this.#byId.get(id) ?? []);
  }

  onDriveReturned(listener: () => void): void {
    for (const drive of this.drives()) {
      drive.onStateChange(({ state }) => {
        if (state === "online") listener();
      });
    }
  }

  /** All drives of the node, members or not, there or not. */
  drives(): readonly Drive[] {
    return [...this.#byId.values()];
  }

  driveAt(index: number): Drive | undefined {
    return this.drives().find((drive) => drive.index === index);
  }

  slotsFull(): number {
    return Math.min(SLOTS_MAX, this.#options.drivesExpected);
  }

  /** There is no other node. */
  isOurs(): boolean {
    return true;
  }

  isMember(driveId: string): boolean {
    return this.#membership.members.includes(driveId);
  }

  /** Its registers are still being brought up to date. */
  isObserver(driveId: string): boolean {
    return this.#membership.observers.includes(driveId);
  }

  status(): DriveSetStatus {
    return {
      mode: this.#mode,
      expected: this.#options.drivesExpected,
      members: this.#membership.members,
      observers: this.#membership.observers,
      unsettled: this.#engine?.unsettledCount ?? 0,
    };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
    await this.#membership.leave();
  }

  read(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#usable().read(key);
  }

  async update<Answer>(
    key: Uint8Array,
    change: ChangeFunction<Answer>,
  ): Promise<UpdateOutcome<Answer>> {
    try {
      return await this.#usable().update(key, change);
    } catch (error) {
      if (error instanceof StoreError && error.code === "no-quorum" && this.#isFull()) {
        throw new StoreError({ code: "drive-full" }, { cause: error });
      }
      throw error;
    }
  }

  prepareAhead(): undefined {
    // The only proposer: it does not prepare.
  }

  rows(query: RowQuery): Promise<RowPage> {
    return this.#usable().rows(query);
  }

  census(query: RowQuery): Promise<CensusPage> {
    return this.#usable().census(query);
  }

  purge(key: Uint8Array): Promise<boolean> {
    return this.#usable().purge(key);
  }

  fenceBucket(): Promise<void> {
    return Promise.resolve();
  }

  #usable(): Registers {
    if (this.#registers !== undefined) return this.#registers;
    const needed = majority(this.#options.drivesExpected);
    throw new StoreError({ code: "no-quorum", needed, got: 0 });
  }

  async #open(incarnation: number): Promise<void> {
    const { clock, random, log } = this.#modules;
    const engine = new RegisterEngine(
      { ...this.#options.engine, proposer: PROPOSER, incarnation, soleProposer: true },
      {
        replicasFor: () => this.#membership.set,
        deriveRows,
        purgedRows,
        onReplicaUnavailable: (id) => this.#membership.reportUnavailable(id),
        preferredMember: (key, set) => this.#preferredMember(key, set),
        clock,
        random,
        log,
      },
    );
    this.#engine = engine;
    await this.#membership.open(engine);
    this.#registers = new RegisterClient({ engine, members: () => this.members() });
    this.#writable.resolve();
  }

  /** A drive that has left says so before anybody asks it, and so does one that comes back. */
  #watch(drive: Drive): void {
    const look = ({ state }: Pick<DriveStatus, "state">): void => {
      if (state === "online") {
        this.#lost.delete(drive.id);
        this.takeSpare();
        if (!this.#hasBegun) this.#looking = this.#looking.then(() => this.#beginAgain());
      } else {
        this.#lost.add(drive.id);
        this.#engine?.forgetValues();
        this.#membership.reportUnavailable(drive.id);
      }
    };
    drive.onStateChange(look);
    look(drive.status());
  }

  /** Members that are there and have room are too few, and more are there than that. */
  #isFull(): boolean {
    const states = this.members().map((drive) => drive.status());
    const online = states.filter(({ state }) => state === "online");
    const needed = majority(states.length);
    return online.length >= needed && online.filter(({ full }) => !full).length < needed;
  }

  /** Spreads reads; any member that answers will do, also when too few are left for writing. */
  #preferredMember(key: Uint8Array, set: ReplicaSet): number {
    const first = hashBytes(key) % set.memberCount;
    if (this.#lost.size === 0) return first;
    for (let step = 0; step < set.memberCount; step++) {
      const index = (first + step) % set.memberCount;
      if (!this.#lost.has(set.replicas[index]?.id ?? "")) return index;
    }
    return first;
  }

  /** Every cell has a listing row that carries its ballot. */
  async #listCells(
    { id }: MemberDrive,
    after: Uint8Array | undefined,
  ): Promise<CellPage | { ok: false; reason: "unavailable"; applied: "no" }> {
    const drive = this.#byId.get(id);
    const from = { from: after ?? NOTHING, fromExclusive: after !== undefined };
    const page = drive && (await readDriveRows(drive, "list", { ...from, limit: CELLS_PER_PAGE }));
    if (page?.ok !== true) return { ok: false, reason: "unavailable", applied: "no" };
    const cells = page.rows.flatMap(({ key, value }) =>
      value === undefined ? [] : [{ key, accepted: rowBallot(value) }],
    );
    return { ok: true, cells, complete: page.exhausted };
  }
}
