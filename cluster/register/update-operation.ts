/**
 * One read-modify-write of a register, from the first attempt to an answer that is true.
 *
 * Rule 3: once an accept of this operation was sent, each further attempt first looks for its id in
 * the value found. Rule 4: a negative answer is given only from a chosen value, and
 * only when no accept of this operation can take effect any more. Rule 5: when an
 * accept was sent and nothing proves what became of it, the outcome is unknown and stays so.
 * Rule 7: so does it when a floor shows that the proof may have been collected.
 *
 * The caller holds the key's lane.
 */
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../src/base/ballot.ts";
import { asBuffer, equalBytes } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { Base, Missed, PreparedKey } from "./base.ts";
import type { KeyName } from "./key-name.ts";
import type { Proposer } from "./proposer.ts";
import type { ChangeFunction, RegisterChange, UpdateOutcome } from "./register-contract.ts";
import { acceptAgain, type ChosenValue, isOutdated, makeChosen, prepareAt } from "./settle-key.ts";
import {
  type AppliedOperation,
  BLANK_VALUE,
  decodeValue,
  encodeValue,
  type RegisterValue,
  WINDOW_OPERATIONS_MAX,
} from "./value-envelope.ts";

export interface UpdateRequest<Answer> {
  readonly key: KeyName;
  readonly operationId: Uint8Array;
  /** An earlier call may have sent accepts at this ballot or later. */
  readonly repeatedSince: Ballot | undefined;
  /** Of the first attempt. */
  readonly prepared: PreparedKey | undefined;
  readonly change: ChangeFunction<Answer>;
}

/** The newest operation below an accept that was sent; undefined when it was the first of all. */
type Anchor = string | undefined;

export class UpdateOperation<Answer> {
  readonly #proposer: Proposer;
  readonly #request: UpdateRequest<Answer>;
  /** Nothing of this operation was accepted anywhere below this ballot. */
  #sentSince: Ballot | undefined;
  /** The epoch of the replicas at the first accept. */
  #sentEpoch = 0;
  /** One per accept sent: what the window shows if that accept took effect and is still in it. */
  readonly #anchors: Anchor[] = [];
  /** An earlier call's accepts have no anchors. */
  readonly #anchorsComplete: boolean;
  #prepared: PreparedKey | undefined;
  #lastMiss: Missed = { kind: "missed", duel: false, got: 0 };

  constructor(proposer: Proposer, request: UpdateRequest<Answer>) {
    this.#proposer = proposer;
    this.#request = request;
    this.#sentSince = request.repeatedSince;
    this.#prepared = request.prepared;
    this.#anchorsComplete = request.repeatedSince === undefined;
  }

  /** One attempt; undefined when another may succeed. */
  async attempt(): Promise<UpdateOutcome<Answer> | undefined> {
    try {
      return await this.#attempt();
    } catch (error) {
      // Whatever went wrong, an accept that was sent may have taken effect.
      if (this.#sentSince === undefined) throw error;
      throw new StoreError({ code: "unknown-outcome" }, { cause: error });
    }
  }

  async #attempt(): Promise<UpdateOutcome<Answer> | undefined> {
    const { key } = this.#request;
    const set = this.#proposer.modules.replicasFor(key.bytes);
    if (this.#isProbablyFirst(set)) {
      const outcome = await this.#writeFirst(set);
      if (outcome !== undefined || this.#sentSince !== undefined) return outcome;
    }
    const base = (await this.#settledBase(set)) ?? (await this.#preparedBase(set));
    if (base.kind === "missed") return this.#missed(base);
    this.#proposer.blanks.met(base.bytes === undefined);
    if (isOutdated(this.#proposer, key, base)) return undefined;
    const value = base.bytes === undefined ? BLANK_VALUE : decodeValue(base.bytes);
    const earlier = this.#findEarlierAttempt(base, value);
    if (earlier !== undefined) return this.#confirm(base, earlier);
    const wanted = this.#request.change(value.body);
    const change = wanted instanceof Promise ? await wanted : wanted;
    if (isOutdated(this.#proposer, key, base)) return undefined;
    if (change.kind === "write") return this.#write(base, value, change);
    const answer: UpdateOutcome<Answer> =
      change.kind === "refuse"
        ? { kind: "refused", answer: change.answer }
        : { kind: "kept", answer: change.answer };
    if (this.#proposer.hazards.refuseFromUnchosen === true) return answer;
    const chosen = await this.#makeFinal(base);
    return chosen.kind === "missed" ? this.#missed(chosen) : answer;
  }

  /**
   * Rule 4, and more when accepts of this operation were sent: one of them may lie, unchosen, on a
   * replica that has not promised now, above the value found. It would be found later, and the
   * operation would take effect after it was refused. Accepting the value found once more, above
   * it, ends it; a blank register cannot be accepted again, so that outcome stays unknown.
   */
  #makeFinal(base: Base): Promise<ChosenValue | Missed> {
    const { hazards } = this.#proposer;
    const { key } = this.#request;
    const dangling =
      this.#sentSince !== undefined && !base.unanimous && hazards.leaveDangling !== true;
    if (!dangling) return makeChosen(this.#proposer, key, base);
    if (base.bytes === undefined) throw new StoreError({ code: "unknown-outcome" });
    return acceptAgain(this.#proposer, key, base, base.bytes);
  }

  /** Why there is no answer after the last attempt. */
  failure(): StoreError {
    const { hazards, modules } = this.#proposer;
    if (this.#sentSince !== undefined && hazards.failDefinitely !== true) {
      return new StoreError({ code: "unknown-outcome" });
    }
    if (this.#lastMiss.duel) return new StoreError({ code: "conditional-conflict" });
    const needed = modules.replicasFor(this.#request.key.bytes).acceptQuorum;
    return new StoreError({ code: "no-quorum", needed, got: this.#lastMiss.got });
  }

  /**
   * Sole proposer, no accept of this key unresolved: the value is that of any member (settled key)
   * or that of a quorum, and nobody else can have proposed since. No prepare is needed.
   */
  async #settledBase(set: Base["set"]): Promise<Base | undefined> {
    const { key } = this.#request;
    const { unsettled, options, hazards, trusted } = this.#proposer;
    if (!options.soleProposer || !trusted || this.#sentSince !== undefined) return undefined;
    const known = hazards.trustUnsettled === true ? undefined : unsettled.get(key.text);
    if (known?.unresolved === true || known?.fenced === true) return undefined;
    if (known === undefined) {
      const report = await this.#proposer.readMember(key, set);
      if (report !== undefined) return settledBase(set, report);
    }
    const findings = await this.#proposer.readQuorum(key, set);
    return findings === undefined ? undefined : settledBase(set, findings);
  }

  /**
   * Sole proposer: a settled key that is blank as likely as not. All members hold the same cell of it,
   * so that an accept on nothing is accepted by all or refused by all. An observer holds another:
   * it would take what the members refuse.
   */
  #isProbablyFirst(set: Base["set"]): boolean {
    const { text } = this.#request.key;
    const { unsettled, settledValues, options, trusted, blanks, hazards } = this.#proposer;
    const guess = blanks.goesOn || hazards.guessFirst === true;
    if (!guess || !options.soleProposer || !trusted) return false;
    if (this.#sentSince !== undefined || unsettled.get(text) !== undefined) return false;
    return set.replicas.length === set.memberCount && settledValues.get(text) === undefined;
  }

  /** Undefined without a trace (`#sentSince`) when nothing was changed: a value has to be read. */
  async #writeFirst(set: Base["set"]): Promise<UpdateOutcome<Answer> | undefined> {
    const { key, change } = this.#request;
    const base = settledBase(set, { accepted: ZERO_BALLOT, floor: ZERO_BALLOT });
    let made: RegisterChange<Answer>;
    try {
      const wanted = change(undefined);
      made = wanted instanceof Promise ? await wanted : wanted;
    } catch {
      // Neither a refusal nor a failure that follows from a guess is answered.
      return undefined;
    }
    if (made.kind !== "write" || isOutdated(this.#proposer, key, base)) return undefined;
    const outcome = await this.#write(base, BLANK_VALUE, made, { first: true });
    if (outcome === undefined) this.#proposer.blanks.met(false);
    return outcome;
  }

  async #preparedBase(set: Base["set"]): Promise<Base | Missed> {
    const { key } = this.#request;
    const ahead = await this.#prepared?.base;
    this.#prepared = undefined;
    if (ahead?.kind === "base" && ahead.set.epoch === set.epoch) return ahead;
    return this.#proposer.prepare(key, set, prepareAt(this.#proposer, key));
  }

  /** Rules 3 and 7; throws `unknown-outcome` when nobody can tell any more. */
  #findEarlierAttempt(base: Base, value: RegisterValue): AppliedOperation | undefined {
    const { hazards } = this.#proposer;
    if (this.#sentSince === undefined || hazards.retryBlindly === true) return undefined;
    const { operationId } = this.#request;
    const found = value.window.find((applied) => equalBytes(applied.id, operationId));
    if (found !== undefined) return found;
    const collected =
      hazards.ignoreFloor !== true && compareBallots(base.floor, this.#sentSince) >= 0;
    if (this.#hasMoved(base) || collected || !this.#provesAbsence(value)) {
      throw new StoreError({ code: "unknown-outcome" });
    }
    return undefined;
  }

  /** Replicas that took the place of others do not know the floors of those. */
  #hasMoved(base: Base): boolean {
    const { options } = this.#proposer;
    return !options.soleProposer && this.#sentEpoch !== 0 && base.set.epoch !== this.#sentEpoch;
  }

  /**
   * The id is not in the window: was it ever applied? A window that is not full has dropped
   * nothing. A full one that still shows the operation right below each accept sent would show the
   * accept too, since ids enter once and leave in order.
   */
  #provesAbsence({ window }: RegisterValue): boolean {
    if (window.length < this.#windowMax || this.#proposer.hazards.trustFullWindow) return true;
    if (!this.#anchorsComplete) return false;
    const ids = new Set(window.map((applied) => idText(applied)));
    return this.#anchors.every((anchor) => anchor !== undefined && ids.has(anchor));
  }

  /** The operation took effect; say so once the value that shows it is chosen. */
  async #confirm(
    base: Base,
    applied: AppliedOperation,
  ): Promise<UpdateOutcome<Answer> | undefined> {
    const chosen = await makeChosen(this.#proposer, this.#request.key, base);
    if (chosen.kind === "missed") return this.#missed(chosen);
    return { kind: "written", ballot: chosen.ballot, result: applied.result };
  }

  async #write(
    base: Base,
    value: RegisterValue,
    change: Extract<RegisterChange<Answer>, { kind: "write" }>,
    how: { readonly first: boolean } = { first: false },
  ): Promise<UpdateOutcome<Answer> | undefined> {
    const { key, operationId } = this.#request;
    const { result } = change;
    const operation = { id: operationId, result };
    const bytes = encodeValue(value, operation, change.body, this.#windowMax);
    const outcome = await this.#proposer.accept(key, base, bytes, how);
    if (outcome.verdict === "reached") return { kind: "written", ballot: outcome.ballot, result };
    if (!outcome.mayBeApplied && outcome.full) throw new StoreError({ code: "drive-full" });
    if (outcome.mayBeApplied) {
      const below = value.window.at(-1);
      this.#anchors.push(below === undefined ? undefined : idText(below));
      this.#sentSince ??= outcome.ballot;
      if (this.#sentEpoch === 0) this.#sentEpoch = base.set.epoch;
    }
    const { duel, staleEpoch } = outcome;
    return this.#missed({ kind: "missed", duel, got: 0, staleEpoch });
  }

  get #windowMax(): number {
    return this.#proposer.hazards.windowOperations ?? WINDOW_OPERATIONS_MAX;
  }

  #missed(miss: Missed): undefined {
    this.#lastMiss = miss;
    if (miss.staleEpoch) {
      throw new StoreError({ code: "stale-bucket", bucketEpoch: miss.staleEpoch });
    }
    return undefined;
  }
}

function settledBase(
  set: Base["set"],
  found: { readonly accepted: Ballot; readonly value?: Uint8Array | undefined; floor: Ballot },
): Base {
  return {
    kind: "base",
    set,
    ballot: ZERO_BALLOT,
    accepted: found.accepted,
    bytes: found.value,
    chosen: true,
    unanimous: false,
    floor: found.floor,
  };
}

function idText(applied: AppliedOperation): string {
  return asBuffer(applied.id).toString("latin1");
}
