/**
 * Sole proposer: values of settled keys, kept so that reading them again asks no replica.
 *
 * All members hold the same durable cell of a settled key, and only an accept or a purge of this
 * process changes it. Either is told here before it is sent (`forget`), which also bars every read
 * then under way from keeping what it finds: it may have found the older value. So what is kept is
 * what any member would answer, at any moment at which the key is settled. Whether it is, the caller
 * looks up first (unsettled-keys.ts).
 *
 * Bounded in bytes. When it is full, only every eighth new value is taken, for the oldest ones: one
 * long walk over many keys does not drive out what is asked for often.
 */
import type { RegisterReading } from "./register-contract.ts";

/** Larger values are not kept. */
export const SETTLED_VALUE_BYTES_MAX: number = 64 * 1024;
/** What an entry takes besides its value, about. */
const ENTRY_BYTES = 256;
/** Of so many values that find no room one is taken. */
const ONE_OF = 8;

/** A read under way, which may keep what it finds if nothing changes the key meanwhile. */
export interface SettledRead {
  readonly text: string;
}

interface Kept {
  readonly reading: RegisterReading;
  readonly bytes: number;
}

export class SettledValues {
  readonly #bytesMax: number;
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #reads = new Map<string, SettledRead>();
  #bytes = 0;
  #turnedAway = 0;

  /** With 0 nothing is kept. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(text: string): RegisterReading | undefined {
    return this.#kept.get(text)?.reading;
  }

  /** Before the replicas are asked. Undefined when nothing is kept at all. */
  beginRead(text: string): SettledRead | undefined {
    if (this.#bytesMax === 0) return undefined;
    const read: SettledRead = { text };
    // The last of several wins; the others keep nothing.
    this.#reads.set(text, read);
    return read;
  }

  /** True when nothing changed the key since: what was found may be kept. */
  endRead(read: SettledRead): boolean {
    if (this.#reads.get(read.text) !== read) return false;
    return this.#reads.delete(read.text);
  }

  /** `makeReading` is called when the value is taken: its bytes must be nobody else's memory. */
  keep(text: string, valueBytes: number, makeReading: () => RegisterReading): void {
    const bytes = valueBytes + ENTRY_BYTES;
    if (valueBytes > SETTLED_VALUE_BYTES_MAX || bytes > this.#bytesMax) return;
    this.#drop(text);
    if (this.#bytes + bytes > this.#bytesMax) {
      this.#turnedAway = (this.#turnedAway + 1) % ONE_OF;
      if (this.#turnedAway !== 0) return;
      this.#makeRoom(bytes);
    }
    this.#kept.set(text, { reading: makeReading(), bytes });
    this.#bytes += bytes;
  }

  /** The key's value is about to change. */
  forget(text: string): void {
    this.#drop(text);
    this.#reads.delete(text);
  }

  forgetAll(): void {
    this.#kept.clear();
    this.#reads.clear();
    this.#bytes = 0;
  }

  #makeRoom(bytes: number): void {
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes + bytes <= this.#bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(text: string): void {
    const kept = this.#kept.get(text);
    if (kept === undefined) return;
    this.#kept.delete(text);
    this.#bytes -= kept.bytes;
  }
}
