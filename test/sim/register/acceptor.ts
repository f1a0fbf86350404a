/**
 * A simulated drive: the real acceptor rules over cells that are volatile until a flush ends. A
 * flush makes durable what was there when it began, then lets the waiting replies go.
 */

import type {
  AcceptReply,
  CellReport,
  DefiniteRefusal,
  Done,
  InstallReply,
  PrepareReply,
  Proposal,
  PurgeReply,
} from "../../../cluster/register/replica.ts";
import { type Ballot, compareBallots, ZERO_BALLOT } from "../../../src/base/ballot.ts";
import {
  decideAccept,
  decideFirstAccept,
  decideInstall,
  decidePrepare,
  decidePurge,
  decodeCell,
  encodeCell,
  type RegisterCell,
  UNREADABLE,
} from "../../../src/base/register-cell.ts";
import type { World } from "./world.ts";

/** Rules of the acceptor switched off. */
export interface AcceptorHazards {
  /** Rule 1 off: replies leave before the flush. */
  readonly replyBeforeFlush?: boolean;
  /** Rule 1b off: reads show what is not flushed. */
  readonly readUnflushed?: boolean;
  /** Rule 6 off: collecting a tombstone leaves no floor. */
  readonly noFloor?: boolean;
  /** Rule 6 off for installs: one that comes late fills a key that was collected. */
  readonly installBelowFloor?: boolean;
}

export interface AcceptorOptions {
  readonly hazards: AcceptorHazards;
  /** Keep the log of recent keys, which only a sole proposer forgets. */
  readonly keepRecent: boolean;
  readonly flushMsMin: number;
  readonly flushMsMax: number;
}

interface State {
  readonly cells: Map<string, Uint8Array>;
  /** Clock of the ballot → key, in order: the log of recent keys. */
  readonly recent: Map<number, string>;
  readonly notes: Map<string, string>;
  floor: Ballot;
}

export class Acceptor {
  readonly id: string;
  readonly #world: World;
  readonly #options: AcceptorOptions;
  #volatile: State = emptyState();
  #durable: State = emptyState();
  #waiting: Array<() => void> = [];
  #flushing = false;
  /** Keys whose cell cannot be read. */
  readonly #rotten = new Set<string>();
  /** Raised by every crash: a flush of an earlier life does nothing. */
  #life = 0;

  constructor(id: string, world: World, options: AcceptorOptions) {
    this.id = id;
    this.#world = world;
    this.#options = options;
  }

  /** A sector goes bad. */
  rot(key: string): void {
    if (this.#durable.cells.has(key)) this.#rotten.add(key);
  }

  read(key: string, reply: (reply: CellReport | DefiniteRefusal) => void): void {
    if (this.#rotten.has(key)) {
      reply(CORRUPT);
      return;
    }
    const state = this.#options.hazards.readUnflushed === true ? this.#volatile : this.#durable;
    reply(report(cellOf(state, key), state.floor));
  }

  prepare(key: string, ballot: Ballot, reply: (reply: PrepareReply) => void): void {
    if (this.#rotten.has(key)) {
      reply(CORRUPT);
      return;
    }
    const before = cellOf(this.#volatile, key);
    const { floor } = this.#volatile;
    const decision = decidePrepare(before, floor, ballot);
    if (!decision.ok) {
      reply(decision);
      return;
    }
    this.#volatile.cells.set(key, encodeCell(decision.cell));
    const answer: CellReport = { ...report(before, floor), promised: ballot };
    this.#afterFlush(() => reply(answer));
  }

  accept(
    key: string,
    ballot: Ballot,
    proposal: Proposal,
    reply: (reply: AcceptReply) => void,
  ): void {
    if (this.#rotten.has(key)) {
      reply(CORRUPT);
      return;
    }
    const { floor } = this.#volatile;
    const decide = proposal.first === true ? decideFirstAccept : decideAccept;
    const decision = decide(cellOf(this.#volatile, key), floor, ballot, proposal.value);
    if (!decision.ok) {
      reply(decision);
      return;
    }
    this.#store(key, ballot, decision.cell);
    this.#afterFlush(() => reply({ ok: true }));
  }

  install(
    key: string,
    ballot: Ballot,
    proposal: Proposal,
    reply: (reply: InstallReply) => void,
  ): void {
    const cell = this.#rotten.has(key) ? UNREADABLE : cellOf(this.#volatile, key);
    const floor =
      this.#options.hazards.installBelowFloor === true ? ZERO_BALLOT : this.#volatile.floor;
    const decision = decideInstall(cell, floor, ballot, proposal.value);
    if (!decision.ok) {
      reply(decision);
      return;
    }
    this.#rotten.delete(key);
    this.#store(key, ballot, decision.cell);
    this.#afterFlush(() => reply({ ok: true }));
  }

  purge(key: string, ballot: Ballot, reply: (reply: PurgeReply) => void): void {
    if (this.#rotten.has(key)) {
      reply(CORRUPT);
      return;
    }
    const { floor } = this.#volatile;
    const decision = decidePurge(cellOf(this.#volatile, key), floor, ballot);
    if (!decision.ok) {
      reply(decision);
      return;
    }
    this.#volatile.cells.delete(key);
    if (this.#options.hazards.noFloor !== true) this.#volatile.floor = decision.floor;
    this.#afterFlush(() => reply({ ok: true }));
  }

  discard(key: string, floor: Ballot, reply: (reply: Done) => void): void {
    this.#rotten.delete(key);
    this.#volatile.cells.delete(key);
    if (compareBallots(floor, this.#volatile.floor) > 0) this.#volatile.floor = floor;
    this.#afterFlush(() => reply({ ok: true }));
  }

  recent(limit: number): { keys: string[]; upTo: number } {
    const entries = [...this.#durable.recent].sort((left, right) => left[0] - right[0]);
    const page = entries.slice(0, limit);
    return { keys: page.map((entry) => entry[1]), upTo: page.at(-1)?.[0] ?? 0 };
  }

  forgetRecent(upTo: number, reply: (reply: Done) => void): void {
    for (const clock of [...this.#volatile.recent.keys()]) {
      if (clock <= upTo) this.#volatile.recent.delete(clock);
    }
    this.#afterFlush(() => reply({ ok: true }));
  }

  /** Small values of the drive itself. */
  readNote(name: string): string | undefined {
    return this.#durable.notes.get(name);
  }

  writeNote(name: string, value: string, reply: (reply: Done) => void): void {
    this.#volatile.notes.set(name, value);
    this.#afterFlush(() => reply({ ok: true }));
  }

  keys(): string[] {
    return [...this.#durable.cells.keys()].sort();
  }

  /** The cell as it is durable. */
  durableCell(key: string): RegisterCell | undefined {
    return cellOf(this.#durable, key);
  }

  /** Everything not flushed is lost, and so are the replies that waited for it. */
  powerCut(): void {
    this.#life++;
    this.#volatile = copyState(this.#durable);
    this.#waiting = [];
    this.#flushing = false;
  }

  #store(key: string, ballot: Ballot, cell: RegisterCell): void {
    this.#volatile.cells.set(key, encodeCell(cell));
    if (this.#options.keepRecent) this.#volatile.recent.set(ballot.clock, key);
  }

  #afterFlush(reply: () => void): void {
    if (this.#options.hazards.replyBeforeFlush === true) reply();
    else this.#waiting.push(reply);
    if (!this.#flushing) this.#flush();
  }

  #flush(): void {
    this.#flushing = true;
    const life = this.#life;
    const batch = this.#waiting;
    this.#waiting = [];
    const snapshot = copyState(this.#volatile);
    const { flushMsMin, flushMsMax } = this.#options;
    this.#world.after(this.#world.between(flushMsMin, flushMsMax), () => {
      if (this.#life !== life) return;
      this.#durable = snapshot;
      this.#flushing = false;
      for (const reply of batch) reply();
      if (this.#waiting.length > 0) this.#flush();
      else if (this.#options.hazards.replyBeforeFlush === true) this.#flushIfDirty();
    });
  }

  /** Replies that did not wait leave nothing behind to start the next flush. */
  #flushIfDirty(): void {
    const { cells, floor } = this.#volatile;
    const same =
      compareBallots(floor, this.#durable.floor) === 0 &&
      cells.size === this.#durable.cells.size &&
      [...cells].every(([key, bytes]) => this.#durable.cells.get(key) === bytes);
    if (!same) this.#flush();
  }
}

const CORRUPT: DefiniteRefusal = { ok: false, reason: "corrupt" };

function emptyState(): State {
  return { cells: new Map(), recent: new Map(), notes: new Map(), floor: ZERO_BALLOT };
}

function copyState(state: State): State {
  return {
    cells: new Map(state.cells),
    recent: new Map(state.recent),
    notes: new Map(state.notes),
    floor: state.floor,
  };
}

function cellOf(state: State, key: string): RegisterCell | undefined {
  const bytes = state.cells.get(key);
  return bytes === undefined ? undefined : decodeCell(bytes);
}

function report(cell: RegisterCell | undefined, floor: Ballot): CellReport {
  if (cell === undefined) {
    return { ok: true, promised: ZERO_BALLOT, accepted: ZERO_BALLOT, floor };
  }
  const { promised, accepted, value } = cell;
  if (accepted.clock === 0) return { ok: true, promised, accepted, floor };
  return { ok: true, promised, accepted, value, floor };
}
