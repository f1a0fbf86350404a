/**
 * Request headers as they came: all of them, in order, names in lower case, repeats kept.
 *
 * Values are text decoded as UTF-8 (what SDKs put into user metadata), trimmed of outer white space.
 * A lookup is a scan: requests carry a dozen headers, and no table has to be built per request.
 */
export type Header = readonly [name: string, value: string];

export class HttpHeaders {
  /** name, value, name, value … */
  readonly #flat: readonly string[];
  #pairs: Header[] | undefined;

  constructor(flat: readonly string[]) {
    this.#flat = flat;
  }

  get count(): number {
    return this.#flat.length / 2;
  }

  has(name: string): boolean {
    return this.#indexOf(name, 0) >= 0;
  }

  /** The value; repeated headers joined by "," in order, as Signature V4 reads them. */
  get(name: string): string | undefined {
    const first = this.#indexOf(name, 0);
    if (first < 0) return undefined;
    let value = this.#flat[first + 1] ?? "";
    let next = this.#indexOf(name, first + 2);
    while (next >= 0) {
      value += `,${this.#flat[next + 1] ?? ""}`;
      next = this.#indexOf(name, next + 2);
    }
    return value;
  }

  /** Every value of a header, in order; empty when it is absent. */
  all(name: string): string[] {
    const values: string[] = [];
    let index = this.#indexOf(name, 0);
    while (index >= 0) {
      values.push(this.#flat[index + 1] ?? "");
      index = this.#indexOf(name, index + 2);
    }
    return values;
  }

  /** Made once: each request is asked for them several times. */
  entries(): readonly Header[] {
    if (this.#pairs === undefined) {
      this.#pairs = [];
      for (let index = 0; index < this.#flat.length; index += 2) {
        this.#pairs.push([this.#flat[index] ?? "", this.#flat[index + 1] ?? ""]);
      }
    }
    return this.#pairs;
  }

  #indexOf(name: string, from: number): number {
    const flat = this.#flat;
    for (let index = from; index < flat.length; index += 2) {
      if (flat[index] === name) return index;
    }
    return -1;
  }
}
