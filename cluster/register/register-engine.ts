/**
 * The register engine: a linearizable register per key over any replicas, by CASPaxos (core-design
 * §3.5). No I/O, no threads, no time of its own: replicas, clock and randomness are given.
 *
 * `read` answers a value that is chosen and current. `update` takes effect once or not at all, or
 * throws `unknown-outcome`; when it throws anything else nothing was changed:
 *   no-quorum             too few replicas answered
 *   drive-full            no room for the value
 *   conditional-conflict  the last attempt lost a duel against another proposer
 *   stale-bucket          replicas know a newer epoch of the bucket's settings
 *   deadline, busy, shutting-down, invalid-argument
 *
 * A sole proposer reads a settled key from one member and skips prepare; why that is safe, and what
 * happens when members come and go, is docs/decisions/0002-sole-proposer.md.
 */
import type { Ballot } from "../../src/base/ballot.ts";
import { sleep } from "../../src/base/clock.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { Missed, PreparedKey } from "./base.ts";
import { inBatches } from "./batches.ts";
import { NO_HAZARDS, type RegisterHazards } from "./hazards.ts";
import { KeyLanes } from "./key-lanes.ts";
import { type KeyName, nameKey } from "./key-name.ts";
import { Proposer } from "./proposer.ts";
import { purgeKey } from "./purge-key.ts";
import type {
  ChangeFunction,
  ReadOptions,
  RegisterEngineOptions,
  RegisterModules,
  RegisterReading,
  UpdateOptions,
  UpdateOutcome,
} from "./register-contract.ts";
import type { RecentLog } from "./replica.ts";
import { resyncKey } from "./resync-key.ts";
import {
  type ChosenValue,
  mustAskEveryMember,
  prepareAt,
  settleEverywhere,
  settleKey,
} from "./settle-key.ts";
import { settleLog } from "./settle-log.ts";
import { UnsettledSweeper } from "./unsettled-sweeper.ts";
import { UpdateOperation } from "./update-operation.ts";
import { decodeBody } from "./value-envelope.ts";

const OPERATION_ID_BYTES = 16;
/** Back-off stops doubling here. */
const BACKOFF_DOUBLINGS_MAX = 6;

export class RegisterEngine {
  readonly #options: RegisterEngineOptions;
  readonly #modules: RegisterModules;
  readonly #proposer: Proposer;
  readonly #lanes: KeyLanes;
  readonly #sweeper: UnsettledSweeper;
  #operations = 0;
  #stopped = false;

  /** `hazards` is for the simulator. */
  constructor(
    options: RegisterEngineOptions,
    modules: RegisterModules,
    hazards: RegisterHazards = NO_HAZARDS,
  ) {
    this.#options = options;
    this.#modules = modules;
    this.#proposer = new Proposer({ options, modules, hazards });
    this.#lanes = new KeyLanes(options.waitersPerKeyMax);
    this.#sweeper = new UnsettledSweeper(this.#proposer, {
      isBusy: (text) => this.#lanes.isBusy(text),
      settle: (key) => this.settle(key),
    });
  }

  /** The current value of a register. */
  async read(keyBytes: Uint8Array, options: ReadOptions = {}): Promise<RegisterReading> {
    if (this.#stopped) throw new StoreError({ code: "shutting-down" });
    const key = nameKey(keyBytes, options.bucketEpoch);
    const settled = this.#keptValue(key) ?? (await this.#readSettled(key));
    if (settled !== undefined) return settled;
    const chosen = (await this.#readChosen(key)) ?? (await this.#readInLane(key));
    // A member may have said that it cannot read its cell.
    this.#sweeper.wake();
    return toReading(chosen.ballot, chosen.bytes);
  }

  /** Changes a register by a function of its body; see RegisterChange for what it may ask. */
  async update<Answer>(
    keyBytes: Uint8Array,
    change: ChangeFunction<Answer>,
    options: UpdateOptions = {},
  ): Promise<UpdateOutcome<Answer>> {
    const key = nameKey(keyBytes, options.bucketEpoch);
    this.#admitUpdate(key);
    const operation = new UpdateOperation<Answer>(this.#proposer, {
      key,
      operationId: options.operationId ?? this.#mintOperationId(),
      repeatedSince: options.repeatedSince,
      prepared: this.#usable(options),
      change,
    });
    const outcome = await this.#inLane(key, (deadlineMs) =>
      this.#persist(
        deadlineMs,
        () => operation.attempt(),
        () => operation.failure(),
      ),
    );
    return outcome;
  }

  /**
   * Begins what an update of this key that comes soon has to begin with, so that it waits for one
   * round only. Undefined where that gains nothing: a sole proposer skips it anyway, and a key that
   * is being changed now would refuse what comes of it.
   */
  prepareAhead(keyBytes: Uint8Array, options: ReadOptions = {}): PreparedKey | undefined {
    const key = nameKey(keyBytes, options.bucketEpoch);
    if (this.#stopped || this.#options.soleProposer || this.#lanes.isBusy(key.text)) {
      return undefined;
    }
    if (prepareAt(this.#proposer, key) !== "quorum") return undefined;
    const set = this.#modules.replicasFor(key.bytes);
    const base = this.#proposer.prepare(key, set, "quorum");
    return { bucketEpoch: options.bucketEpoch, base };
  }

  /** Makes every member and observer hold the same cell of a key. */
  async settle(keyBytes: Uint8Array): Promise<void> {
    const key = nameKey(keyBytes);
    await this.#inLane(key, (deadlineMs) =>
      this.#persistUntilChosen(key, deadlineMs, () => settleEverywhere(this.#proposer, key)),
    );
    // Beside other proposers a key is in the table only because some replica could not read it.
    if (!this.#options.soleProposer) this.#proposer.unsettled.settled(key.text);
  }

  /** Collects a tombstone (rule 6). False when there is none, or when it has to wait. */
  async purge(keyBytes: Uint8Array): Promise<boolean> {
    const key = nameKey(keyBytes);
    return this.#inLane(key, () => purgeKey(this.#proposer, key));
  }

  /** Resolves when a replica will change nothing any more by what it was sent up to now. */
  answered(replicaId: string): Promise<void> {
    return this.#proposer.outstanding.answered(replicaId);
  }

  /** Brings one key of an observer to the members' state. */
  async resync(keyBytes: Uint8Array, observerId: string): Promise<void> {
    const key = nameKey(keyBytes);
    await this.#inLane(key, (deadlineMs) =>
      this.#persistUntilChosen(key, deadlineMs, () => resyncKey(this.#proposer, key, observerId)),
    );
  }

  /**
   * Sole proposer, after a start and before anything else: settles every key that some member may
   * have missed when the last process ended. From then on each member is trusted by itself.
   * `fenced`: values chosen by an earlier set of members may be on a minority of these.
   */
  async settleRecent(logs: readonly RecentLog[], { fenced } = { fenced: true }): Promise<void> {
    this.#proposer.fencedUntilTrusted = fenced;
    for (const log of logs) await settleLog(log, (key) => this.settle(key));
    this.#proposer.trusted = true;
  }

  /** Settles every key that is unsettled now; throws when one cannot be. */
  async settleUnsettled(): Promise<void> {
    await inBatches(this.listUnsettled(), (key) => this.settle(key));
  }

  /** The replicas changed: accepts in flight are judged by the new set. */
  replicaSetChanged(): void {
    this.forgetValues();
    // Also keys that `settleRecent` has not come to yet: a quorum may not know their value now.
    if (!this.#proposer.trusted) this.#proposer.fencedUntilTrusted = true;
    this.#proposer.unsettled.setChanged((key) => this.#modules.replicasFor(key));
    this.#sweeper.wake();
  }

  /** A replica left: what is kept in memory must not outlive what it was read from. */
  forgetValues(): void {
    this.#proposer.settledValues.forgetAll();
  }

  /** Every accept whose ballot's clock is below has reached all: `forgetRecent` may forget it. */
  settledBelow(): number {
    return this.#proposer.settledBelow();
  }

  /** No operation is in progress and every key is settled. After `stop` it stays so. */
  get isQuiet(): boolean {
    return this.#lanes.size === 0 && this.#proposer.unsettled.size === 0;
  }

  /** How many keys there are of which some member may lack the newest value. */
  get unsettledCount(): number {
    return this.#proposer.unsettled.size;
  }

  /**
   * Sole proposer: the keys that a range read of ONE member may show wrongly. A listing takes the
   * list before and after its range reads and asks `read` for every key in either; all other rows
   * of that member are chosen and current.
   */
  listUnsettled(): Uint8Array[] {
    return Array.from(this.#proposer.unsettled.values(), (known) => known.key);
  }

  /** Turns away what waits and what comes; what is in progress ends by itself. */
  stop(): void {
    this.#stopped = true;
    this.#sweeper.stop();
    this.#lanes.rejectWaiting(new StoreError({ code: "shutting-down" }));
  }

  /** What was promised under other settings of the bucket says nothing about these. */
  #usable({ prepared, bucketEpoch }: UpdateOptions): PreparedKey | undefined {
    return prepared?.bucketEpoch === bucketEpoch ? prepared : undefined;
  }

  /** Sole proposer: any member may answer for the key by itself. */
  #isSettled(key: KeyName): boolean {
    const { unsettled, trusted, hazards } = this.#proposer;
    if (!this.#options.soleProposer || !trusted) return false;
    return hazards.trustUnsettled === true || unsettled.get(key.text) === undefined;
  }

  /** A settled key that was read before. Under which bucket settings, only replicas can judge. */
  #keptValue(key: KeyName): RegisterReading | undefined {
    if (key.bucketEpoch !== undefined) return undefined;
    return this.#isSettled(key) ? this.#proposer.settledValues.get(key.text) : undefined;
  }

  /** Sole proposer: a settled key, from one member. Undefined when a quorum has to be asked. */
  async #readSettled(key: KeyName): Promise<RegisterReading | undefined> {
    if (!this.#isSettled(key)) return undefined;
    const { unsettled, settledValues, hazards } = this.#proposer;
    const set = this.#modules.replicasFor(key.bytes);
    const read = settledValues.beginRead(key.text);
    const report = await this.#proposer.readMember(key, set);
    const unchanged = read !== undefined && settledValues.endRead(read);
    if (report === undefined) return undefined;
    // An accept sent meanwhile may have been read from this member and be lost all the same.
    const known = hazards.trustUnsettled === true ? undefined : unsettled.get(key.text);
    if (known !== undefined && report.accepted.clock >= known.oldestClock) return undefined;
    const { accepted, value } = report;
    if (unchanged && known === undefined && value !== undefined) {
      // The report's bytes are part of a larger frame.
      settledValues.keep(key.text, value.length, () => toReading(accepted, copyOf(value)));
    }
    return toReading(accepted, value);
  }

  /** Rule 2 without a write; undefined when only an identity write can tell. */
  async #readChosen(key: KeyName): Promise<ChosenValue | undefined> {
    if (mustAskEveryMember(this.#proposer, key)) return undefined;
    const set = this.#modules.replicasFor(key.bytes);
    const found = await this.#proposer.readQuorum(key, set);
    return found && { kind: "chosen", ballot: found.accepted, bytes: found.value };
  }

  #readInLane(key: KeyName): Promise<ChosenValue> {
    return this.#inLane(key, (deadlineMs) =>
      this.#persistUntilChosen(
        key,
        deadlineMs,
        async () => (await this.#readChosen(key)) ?? settleKey(this.#proposer, key),
      ),
    );
  }

  /** The bound on unsettled keys: refuses one more. */
  #admitUpdate(key: KeyName): void {
    const { unsettled } = this.#proposer;
    if (unsettled.size < this.#options.unsettledKeysMax) return;
    this.#sweeper.reportLaggard();
    if (unsettled.get(key.text) === undefined) throw new StoreError({ code: "busy" });
  }

  /** Runs alone on its key; `run` gets the moment after which to give up. */
  async #inLane<Result>(
    key: KeyName,
    run: (deadlineMs: number) => Promise<Result>,
  ): Promise<Result> {
    if (this.#stopped) throw new StoreError({ code: "shutting-down" });
    const { clock } = this.#modules;
    const deadlineMs = clock.monotonicMs() + this.#options.operationMs;
    const turn = this.#lanes.enter(key.text);
    if (turn !== undefined) await turn;
    try {
      if (clock.monotonicMs() > deadlineMs) throw new StoreError({ code: "deadline" });
      return await run(deadlineMs);
    } finally {
      this.#lanes.leave(key.text);
      this.#sweeper.wake();
    }
  }

  /** Attempts with jittered back-off until an answer, the last attempt or the deadline. */
  async #persist<Result>(
    deadlineMs: number,
    attempt: () => Promise<Result | undefined>,
    failure: () => StoreError,
  ): Promise<Result> {
    const { clock, random } = this.#modules;
    for (let attempts = 1; ; attempts++) {
      const result = await attempt();
      if (result !== undefined) return result;
      const last = attempts >= this.#options.attemptsMax || this.#stopped;
      if (last || clock.monotonicMs() >= deadlineMs) throw failure();
      const doublings = Math.min(attempts - 1, BACKOFF_DOUBLINGS_MAX);
      await sleep(clock, 1 + random.below(this.#options.backoffMs * 2 ** doublings));
    }
  }

  #persistUntilChosen(
    key: KeyName,
    deadlineMs: number,
    attempt: () => Promise<ChosenValue | Missed>,
  ): Promise<ChosenValue> {
    let got = 0;
    return this.#persist(
      deadlineMs,
      async () => {
        const result = await attempt();
        if (result.kind === "chosen") return result;
        if (result.staleEpoch) {
          throw new StoreError({ code: "stale-bucket", bucketEpoch: result.staleEpoch });
        }
        got = result.got;
        return undefined;
      },
      () => {
        const needed = this.#modules.replicasFor(key.bytes).acceptQuorum;
        return new StoreError({ code: "no-quorum", needed, got });
      },
    );
  }

  /** Unique by construction: proposer, incarnation, counter. */
  #mintOperationId(): Uint8Array {
    const id = Buffer.allocUnsafe(OPERATION_ID_BYTES);
    id.writeUInt32BE(this.#options.proposer, 0);
    id.writeUInt32BE(this.#options.incarnation, 4);
    id.writeUInt16BE(0, 8);
    id.writeUIntBE(++this.#operations, 10, 6);
    return id;
  }
}

/** Memory of its own, as long as the bytes and no longer. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

function toReading(ballot: Ballot, bytes: Uint8Array | undefined): RegisterReading {
  return { ballot, body: bytes === undefined ? undefined : decodeBody(bytes) };
}
