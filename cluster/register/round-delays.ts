/** What happens to rounds and reads that take longer than they should: entries of a DelayQueue. */
import type { Delayed } from "./delay-queue.ts";
import { judgeAccept } from "./quorum-rules.ts";
import type { ReadReply } from "./replica.ts";
import type { Round } from "./round.ts";

/** Asks the others as well when those that a read round asked first are slow. */
export class SlowStart implements Delayed {
  readonly #round: Round;
  readonly #onSlow: (round: Round) => void;

  constructor(round: Round, onSlow: (round: Round) => void) {
    this.#round = round;
    this.#onSlow = onSlow;
  }

  get finished(): boolean {
    return this.#round.finished;
  }

  onDelay(): void {
    this.#onSlow(this.#round);
    this.#round.askEveryone();
  }
}

/** Ends a read round that has a quorum of differing reports and waits for slow members only. */
export class Stragglers implements Delayed {
  readonly #round: Round;

  constructor(round: Round) {
    this.#round = round;
  }

  get finished(): boolean {
    return this.#round.finished;
  }

  onDelay(): void {
    const { set, okMask } = this.#round;
    if (set.isPrepareQuorum(this.#round.inSet(okMask))) this.#round.conclude("missed");
  }
}

/**
 * Ends an accept that needs members which are gone, when by now the set could have changed so that
 * it does not.
 */
export class Hopeless implements Delayed {
  readonly #round: Round;

  constructor(round: Round) {
    this.#round = round;
  }

  get finished(): boolean {
    return this.#round.finished;
  }

  onDelay(): void {
    if (judgeAccept(this.#round) === "missed") this.#round.conclude("missed");
  }
}

/** The reply of one member, or undefined when the hedge delay is over first. */
export class MemberRead implements Delayed {
  finished = false;
  readonly reply: Promise<ReadReply | undefined>;
  #resolve: (reply: ReadReply | undefined) => void = () => {};

  constructor() {
    this.reply = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  conclude(reply: ReadReply | undefined): void {
    this.finished = true;
    this.#resolve(reply);
  }

  onDelay(): void {
    this.conclude(undefined);
  }
}
