/**
 * A replica in memory for tests of the proposer: the real acceptor rules, a list of what it was
 * asked, and switches that make it refuse, lose its answer, hang or lose a cell.
 */

import type { MemberDrive, MetaReply } from "../../../../cluster/register/member-drive.ts";
import type {
  AcceptReply,
  Done,
  PrepareReply,
  Proposal,
  ReadReply,
  RecentReply,
  Refusal,
} from "../../../../cluster/register/replica.ts";
import { type Ballot, ZERO_BALLOT } from "../../../../src/base/ballot.ts";
import {
  decideAccept,
  decideFirstAccept,
  decideInstall,
  decidePrepare,
  decidePurge,
  type RegisterCell,
  UNREADABLE,
} from "../../../../src/base/register-cell.ts";

export type Request =
  | "read"
  | "prepare"
  | "accept"
  | "purge"
  | "install"
  | "discard"
  | "recent"
  | "meta";

/** What happens to requests of one kind: nothing special, or … */
export type Trouble =
  /** refused before anything was done */
  | "gone"
  /** carried out, and the answer is lost */
  | "unknown"
  /** neither carried out nor answered */
  | "hangs"
  | "busy"
  | "full";

export class MemoryReplica implements MemberDrive {
  readonly id: string;
  /** In the order they came. */
  readonly asked: Request[] = [];
  readonly cells = new Map<string, RegisterCell>();
  readonly metas = new Map<string, Uint8Array>();
  readonly trouble = new Map<Request, Trouble>();
  readonly rotten = new Set<string>();
  floor: Ballot = ZERO_BALLOT;
  #recent: Array<{ clock: number; key: Uint8Array }> = [];

  constructor(id: string) {
    this.id = id;
  }

  /** All requests of these kinds meet the trouble from now on. */
  suffer(trouble: Trouble, ...requests: Request[]): void {
    for (const request of requests) this.trouble.set(request, trouble);
  }

  recover(): void {
    this.trouble.clear();
  }

  count(request: Request): number {
    return this.asked.filter((it) => it === request).length;
  }

  read(key: Uint8Array): Promise<ReadReply> {
    return this.#answer<ReadReply>("read", () => {
      if (this.rotten.has(text(key))) return { ok: false, reason: "corrupt" };
      return this.#report(this.cells.get(text(key)));
    });
  }

  prepare(key: Uint8Array, ballot: Ballot): Promise<PrepareReply> {
    return this.#answer<PrepareReply>("prepare", () => {
      if (this.rotten.has(text(key))) return { ok: false, reason: "corrupt" };
      const cell = this.cells.get(text(key));
      const decision = decidePrepare(cell, this.floor, ballot);
      if (!decision.ok) return decision;
      this.cells.set(text(key), decision.cell);
      return this.#report(cell);
    });
  }

  accept(key: Uint8Array, ballot: Ballot, proposal: Proposal): Promise<AcceptReply> {
    return this.#answer<AcceptReply>("accept", () => {
      if (this.rotten.has(text(key))) return { ok: false, reason: "corrupt" };
      const decide = proposal.first === true ? decideFirstAccept : decideAccept;
      const decision = decide(this.cells.get(text(key)), this.floor, ballot, proposal.value);
      if (!decision.ok) return decision;
      this.#store(key, decision.cell);
      return { ok: true };
    });
  }

  purge(key: Uint8Array, ballot: Ballot): Promise<AcceptReply> {
    return this.#answer<AcceptReply>("purge", () => {
      const decision = decidePurge(this.cells.get(text(key)), this.floor, ballot);
      if (!decision.ok) return decision;
      this.cells.delete(text(key));
      this.floor = decision.floor;
      return { ok: true };
    });
  }

  install(key: Uint8Array, ballot: Ballot, proposal: Proposal) {
    return this.#answer("install", () => {
      const cell = this.rotten.has(text(key)) ? UNREADABLE : this.cells.get(text(key));
      const decision = decideInstall(cell, this.floor, ballot, proposal.value);
      if (!decision.ok) return decision;
      this.rotten.delete(text(key));
      this.#store(key, decision.cell);
      return DONE;
    });
  }

  discard(key: Uint8Array, floor: Ballot): Promise<Done | Refusal> {
    return this.#answer<Done | Refusal>("discard", () => {
      this.cells.delete(text(key));
      this.floor = floor;
      return DONE;
    });
  }

  recent(limit: number): Promise<RecentReply> {
    return this.#answer<RecentReply>("recent", () => {
      const page = this.#recent.slice(0, limit);
      return { ok: true, keys: page.map((it) => it.key), upTo: page.at(-1)?.clock ?? 0 };
    });
  }

  forgetRecent(upTo: number): Promise<Done | Refusal> {
    return this.#answer<Done | Refusal>("recent", () => {
      this.#recent = this.#recent.filter((it) => it.clock > upTo);
      return DONE;
    });
  }

  readMeta(name: string): Promise<MetaReply> {
    return this.#answer<MetaReply>("meta", () => {
      const value = this.metas.get(name);
      return value === undefined ? { ok: true } : { ok: true, value };
    });
  }

  writeMeta(name: string, value: Uint8Array): Promise<Done | Refusal> {
    return this.#answer<Done | Refusal>("meta", () => {
      this.metas.set(name, value);
      return DONE;
    });
  }

  #store(key: Uint8Array, cell: RegisterCell): void {
    this.cells.set(text(key), cell);
    this.#recent.push({ clock: cell.accepted.clock, key });
  }

  #report(cell: RegisterCell | undefined): ReadReply {
    const { floor } = this;
    if (cell === undefined) {
      return { ok: true, promised: ZERO_BALLOT, accepted: ZERO_BALLOT, floor };
    }
    const { promised, accepted, value } = cell;
    if (accepted.clock === 0) return { ok: true, promised, accepted, floor };
    return { ok: true, promised, accepted, value, floor };
  }

  async #answer<Reply>(request: Request, carryOut: () => Reply): Promise<Reply | Refusal> {
    this.asked.push(request);
    const trouble = this.trouble.get(request);
    switch (trouble) {
      case undefined:
        return carryOut();
      case "gone":
        return { ok: false, reason: "unavailable", applied: "no" };
      case "busy":
      case "full":
        return { ok: false, reason: trouble };
      case "unknown":
        carryOut();
        return { ok: false, reason: "unavailable", applied: "unknown" };
      case "hangs":
        return new Promise<never>(() => {});
    }
  }
}

const DONE: Done = { ok: true };

function text(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1");
}
