/**
 * Sole proposer: guesses whether the next update meets a blank register, as nearly all do while many
 * objects are being put for the first time. Then its value goes out at once, to be accepted only
 * where nothing was accepted before, and no member is asked first (docs/decisions/0031).
 *
 * A wrong guess costs one round that changes nothing, so it is made after a run of blank registers
 * only, and not again before the next such run.
 */

/** So many blank registers in a row make the guess. */
export const BLANK_RUN_MIN = 16;

export class BlankRun {
  #length = 0;

  get goesOn(): boolean {
    return this.#length >= BLANK_RUN_MIN;
  }

  /** What an update has met. */
  met(blank: boolean): void {
    this.#length = blank ? Math.min(this.#length + 1, BLANK_RUN_MIN) : 0;
  }
}
