/**
 * The keys of one head that any of several drives holds, in order and each once, a few at a time.
 * A drive that does not answer is left out from there on, and is named afterwards.
 */
import { compareBytes } from "../../base/bytes.ts";
import { headQuery } from "./row-digest.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

const PAGE_ROWS = 128;
const START = new Uint8Array(0);

/** Where the walk stands on one drive. */
interface Source {
  readonly drive: Pick<SharedDrive, "id" | "range">;
  /** Of the page fetched last; relative to the head. */
  keys: readonly Uint8Array[];
  at: number;
  /** Where the next page begins; undefined after the last one. */
  from: Uint8Array | undefined;
}

export class KeyMerge {
  readonly #head: Uint8Array;
  readonly #fence: Fence;
  readonly #failed = new Set<string>();
  #sources: readonly Source[];

  constructor(
    drives: readonly Pick<SharedDrive, "id" | "range">[],
    { head, fence }: { readonly head: Uint8Array; readonly fence: Fence },
  ) {
    this.#head = head;
    this.#fence = fence;
    this.#sources = drives.map((drive) => ({ drive, keys: [], at: 0, from: START }));
  }

  /** Ids of drives whose keys are not all among those returned, because they did not answer. */
  get failed(): ReadonlySet<string> {
    return this.#failed;
  }

  /** At most so many further keys, whole ones; none at the end. */
  async next(keysMax: number): Promise<Buffer[]> {
    const keys: Buffer[] = [];
    while (keys.length < keysMax) {
      await this.#fill();
      const least = leastOf(this.#sources.flatMap((source) => source.keys[source.at] ?? []));
      if (least === undefined) break;
      for (const source of this.#sources) {
        const key = source.keys[source.at];
        if (key !== undefined && compareBytes(key, least) === 0) source.at += 1;
      }
      keys.push(Buffer.concat([this.#head, least]));
    }
    return keys;
  }

  /** Afterwards each source shows its next key, or has none. */
  async #fill(): Promise<void> {
    const isLacking = (source: Source): boolean => {
      return source.at >= source.keys.length && source.from !== undefined;
    };
    while (this.#sources.some(isLacking)) {
      await Promise.all(this.#sources.filter(isLacking).map((source) => this.#fetch(source)));
      this.#sources = this.#sources.filter(({ drive }) => !this.#failed.has(drive.id));
    }
  }

  async #fetch(source: Source): Promise<void> {
    const { drive, from } = source;
    if (from === undefined) return;
    const page = await drive.range(headQuery(this.#head, from, PAGE_ROWS), this.#fence);
    if (!page.ok) {
      this.#failed.add(drive.id);
      return;
    }
    source.keys = page.rows.map(({ key }) => key);
    source.at = 0;
    source.from = page.exhausted ? undefined : page.resume;
  }
}

function leastOf(keys: readonly Uint8Array[]): Uint8Array | undefined {
  return keys.reduce<Uint8Array | undefined>(
    (least, key) => (least === undefined || compareBytes(key, least) < 0 ? key : least),
    undefined,
  );
}
