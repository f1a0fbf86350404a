/**
 * Doors by name: many may pass at once, one may close a door, wait until all who passed have left,
 * and work while nobody is inside. Keeps a change of a bucket (or of an upload) apart from the
 * commits under it, within this process.
 *
 * Who waits is let in before who comes later closes again; nothing is held between calls, so a door
 * nobody uses takes no memory.
 */
import { createDeferred, type Deferred } from "../../base/deferred.ts";

interface Door {
  inside: number;
  closed: Deferred<void> | undefined;
  emptied: Deferred<void> | undefined;
  /** Waiting to pass or to close: the door must not be forgotten. */
  waiting: number;
}

export class KeyedGate {
  readonly #doors = new Map<string, Door>();

  /** Runs with others, never while the door is closed. */
  async pass<T>(name: string, run: () => Promise<T>): Promise<T> {
    const door = this.#door(name);
    while (door.closed !== undefined) {
      door.waiting += 1;
      await door.closed.promise;
      // From here to the next await nobody else runs, so the door cannot be forgotten meanwhile.
      door.waiting -= 1;
    }
    door.inside += 1;
    try {
      return await run();
    } finally {
      door.inside -= 1;
      if (door.inside === 0) door.emptied?.resolve();
      this.#forget(name, door);
    }
  }

  /** Runs alone. */
  async close<T>(name: string, run: () => Promise<T>): Promise<T> {
    const door = this.#door(name);
    while (door.closed !== undefined) {
      door.waiting += 1;
      await door.closed.promise;
      // From here to the next await nobody else runs, so the door cannot be forgotten meanwhile.
      door.waiting -= 1;
    }
    const closed = createDeferred<void>();
    door.closed = closed;
    try {
      if (door.inside > 0) {
        door.emptied = createDeferred<void>();
        await door.emptied.promise;
      }
      return await run();
    } finally {
      door.closed = undefined;
      door.emptied = undefined;
      closed.resolve();
      this.#forget(name, door);
    }
  }

  /** Doors somebody uses; for tests. */
  get size(): number {
    return this.#doors.size;
  }

  #door(name: string): Door {
    let door = this.#doors.get(name);
    if (door === undefined) {
      door = { inside: 0, closed: undefined, emptied: undefined, waiting: 0 };
      this.#doors.set(name, door);
    }
    return door;
  }

  #forget(name: string, door: Door): void {
    if (door.inside === 0 && door.closed === undefined && door.waiting === 0) {
      this.#doors.delete(name);
    }
  }
}
