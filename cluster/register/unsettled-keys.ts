/**
 * Sole proposer: the keys whose members may hold different cells right now. Every other key is
 * *settled*: all members (and observers) hold the same cell, so any one of them may answer a read
 * and the next accept needs no prepare.
 *
 * A key enters when an accept is sent and leaves when every member and observer of the current set
 * has acknowledged the newest one, or when those that have not are no longer in the set. It stays
 * across operations whose outcome is unknown: that is the fence which makes skipping prepare safe
 * (docs/decisions/0002-sole-proposer.md).
 */
import type { Ballot } from "../../src/base/ballot.ts";
import type { ReplicaSet } from "./replica-set.ts";
import type { Round } from "./round.ts";

export interface UnsettledKey {
  readonly text: string;
  readonly key: Uint8Array;
  /** Clock of the first ballot since the key was settled: members may differ from there on. */
  readonly oldestClock: number;
  /** The newest accept; undefined while the key is only suspected. */
  round: Round | undefined;
  ballot: Ballot | undefined;
  /** No quorum is known to hold the newest accept: a prepare must find out. */
  unresolved: boolean;
  /** The set changed since: only all of its members together know the value. */
  fenced: boolean;
  /** When the newest accept was sent, monotonic. */
  sentMs: number;
  /** How many background attempts have not settled it. */
  attempts: number;
}

export interface SentAccept {
  readonly key: Uint8Array;
  readonly ballot: Ballot;
  readonly round: Round;
  readonly nowMs: number;
}

export class UnsettledKeys {
  /** In the order of `oldestClock`: a key is inserted at the moment its ballot is minted. */
  readonly #keys = new Map<string, UnsettledKey>();

  get size(): number {
    return this.#keys.size;
  }

  get(text: string): UnsettledKey | undefined {
    return this.#keys.get(text);
  }

  values(): IterableIterator<UnsettledKey> {
    return this.#keys.values();
  }

  /** The clock of the oldest accept that some member may lack. */
  oldestClock(): number | undefined {
    for (const first of this.#keys.values()) return first.oldestClock;
    return undefined;
  }

  /** Before an accept is sent. */
  sent(text: string, accept: SentAccept): void {
    const known = this.#keys.get(text);
    if (known !== undefined) {
      known.round = accept.round;
      known.ballot = accept.ballot;
      known.unresolved = true;
      known.sentMs = accept.nowMs;
      return;
    }
    this.#keys.set(text, {
      text,
      key: accept.key,
      oldestClock: accept.ballot.clock,
      round: accept.round,
      ballot: accept.ballot,
      unresolved: true,
      fenced: false,
      sentMs: accept.nowMs,
      attempts: 0,
    });
  }

  /** A member cannot read its cell of a key. `clock` is that of a ballot minted just now. */
  damaged(text: string, key: Uint8Array, mark: { clock: number; nowMs: number }): void {
    if (this.#keys.has(text)) return;
    this.#keys.set(text, {
      text,
      key,
      oldestClock: mark.clock,
      round: undefined,
      ballot: undefined,
      unresolved: true,
      fenced: false,
      sentMs: mark.nowMs,
      attempts: 0,
    });
  }

  /** The newest accept reached a quorum of the current set, which lifts a fence too. */
  resolved(text: string, round: Round): void {
    const known = this.#keys.get(text);
    if (known?.round !== round) return;
    known.unresolved = false;
    known.fenced = false;
  }

  /** Nothing was sent, or nothing of it can have had an effect: as if it had not been tried. */
  withdrawn(text: string, round: Round): void {
    const known = this.#keys.get(text);
    if (known?.round === round && known.oldestClock === known.ballot?.clock) {
      this.#keys.delete(text);
    }
  }

  /** All members were seen to hold the same cell without an accept. */
  settled(text: string): void {
    this.#keys.delete(text);
  }

  /** After each acknowledgement: drops the key when it was the last one. */
  acknowledged(text: string, round: Round): void {
    if (!round.reachedEveryone) return;
    const known = this.#keys.get(text);
    if (known?.round === round) this.#keys.delete(text);
  }

  /**
   * The set changed. A value chosen by the old set may now be on a minority of the new one, so what
   * does not settle at once is fenced until all members were asked.
   */
  setChanged(setOf: (key: Uint8Array) => ReplicaSet): void {
    for (const known of this.#keys.values()) {
      known.fenced = true;
      known.round?.adopt(setOf(known.key));
      if (known.round?.reachedEveryone === true) this.#keys.delete(known.text);
    }
  }
}
