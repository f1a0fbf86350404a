/**
 * A value that must not be printed by accident: `JSON.stringify`, string templates and
 * `util.inspect` all show a placeholder. Only `reveal` gives the text, so every use can be found.
 */
import { inspect } from "node:util";

export const HIDDEN = "(hidden)";

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return HIDDEN;
  }

  toJSON(): string {
    return HIDDEN;
  }

  [inspect.custom](): string {
    return HIDDEN;
  }
}
