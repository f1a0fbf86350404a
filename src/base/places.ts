/**
 * Things that wait for a short while, each in a numbered place that is used again afterwards.
 *
 * For what comes and goes with every request, instead of a Map or a Set: those make a new table for
 * every few dozen entries that came and went, and an old table that V8 has moved out of its young
 * generation keeps what was in it, and all that hangs on it, until the next full collection.
 * Measured: a fifth of what a PUT allocates lived that long.
 */

export class Places<Item> {
  readonly #items: (Item | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** The number of the place, at least 0; it belongs to nobody else until it is taken. */
  put(item: Item): number {
    const place = this.#free.pop() ?? this.#items.length;
    this.#items[place] = item;
    return place;
  }

  /** What is in the place, which is free from now on; undefined when it was free. */
  take(place: number): Item | undefined {
    const item = this.#items[place];
    if (item === undefined) return undefined;
    this.#items[place] = undefined;
    this.#free.push(place);
    return item;
  }

  /** Everything there is, in no particular order. What is put meanwhile may be met or not. */
  *[Symbol.iterator](): IterableIterator<Item> {
    for (const item of this.#items) if (item !== undefined) yield item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#free.length = 0;
  }
}
