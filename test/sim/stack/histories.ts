/**
 * What clients were told, key by key, as histories of registers: reads, listings and copies become
 * gets, every write a put, a delete or a compare-and-swap of content numbers.
 */
import type { Operation, OperationKind } from "../register/linearizability.ts";
import type { World } from "../register/world.ts";

/** A key of a bucket, by names. */
export interface Place {
  readonly bucket: string;
  readonly key: string;
}

export interface Started {
  readonly place: Place;
  readonly kind: OperationKind;
  readonly client: number;
  readonly value?: number | undefined;
  readonly expected?: number | undefined;
}

/** A version that a client was told of. */
export interface ToldVersion {
  readonly versionId: string;
  readonly value: number;
}

interface Copy {
  readonly source: Place;
  readonly place: Place;
  readonly client: number;
  readonly callMs: number;
}

export interface OpenCopy {
  done(value: number): void;
  failed(): void;
}

export class Histories {
  readonly byPlace = new Map<string, Operation[]>();
  /** Versions acknowledged, by place. */
  readonly versions = new Map<string, ToldVersion[]>();
  /** What no history has room for. */
  readonly violations: string[] = [];
  readonly #copies = new Set<Copy>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  begin({ place, kind, client, value, expected }: Started): Operation {
    const operation: Operation = {
      client,
      kind,
      value,
      expected,
      callMs: this.#world.nowMs,
      returnMs: Number.POSITIVE_INFINITY,
      status: "unknown",
      found: undefined,
      swapped: false,
    };
    this.of(place).push(operation);
    return operation;
  }

  of(place: Place): Operation[] {
    const name = nameOf(place);
    const history = this.byPlace.get(name) ?? [];
    this.byPlace.set(name, history);
    return history;
  }

  /** A read that began at `callMs` and ends now. */
  found(place: Place, client: number, callMs: number, value: number | undefined): void {
    this.of(place).push({
      client,
      kind: "get",
      value: undefined,
      expected: undefined,
      callMs,
      returnMs: this.#world.nowMs,
      status: "ok",
      found: value,
      swapped: false,
    });
  }

  /** A copy, whose value shows in its answer only. */
  copying(source: Place, place: Place, client: number): OpenCopy {
    const callMs = this.#world.nowMs;
    const copy: Copy = { source, place, client, callMs };
    this.#copies.add(copy);
    return {
      done: (value) => {
        this.#copies.delete(copy);
        const operation = this.begin({ place, kind: "put", client, value });
        this.of(place).pop();
        operation.status = "ok";
        operation.returnMs = this.#world.nowMs;
        this.of(place).push({ ...operation, callMs });
      },
      failed: () => void this.#copies.delete(copy),
    };
  }

  /**
   * At the end: copies without an answer may have written anything that their source ever was.
   * `copied` says what a copy of a value is.
   */
  closeCopies(copied: (value: number) => number): void {
    // Also what was there before: a copy may have brought it back after something else.
    const tried = new Map([...this.#copies].map((copy) => [copy, new Set<number>()]));
    for (let more = true; more; ) {
      more = false;
      for (const [{ source, place, client, callMs }, values] of tried) {
        for (const value of this.written(source).map(copied)) {
          if (values.has(value)) continue;
          values.add(value);
          more = true;
          const operation = this.begin({ place, kind: "put", client, value });
          this.of(place).pop();
          this.of(place).push({ ...operation, callMs });
        }
      }
    }
  }

  told(place: Place, version: ToldVersion): void {
    const name = nameOf(place);
    this.versions.set(name, [...(this.versions.get(name) ?? []), version]);
  }

  violate(what: string): void {
    this.#world.note(`VIOLATION: ${what}`);
    this.violations.push(what);
  }

  /** Everything that was ever written there, or may have been. */
  written(place: Place): number[] {
    const values = this.of(place).flatMap(({ kind, value, status }) =>
      kind !== "get" && value !== undefined && status !== "failed" ? [value] : [],
    );
    return [...new Set(values)];
  }
}

export function nameOf({ bucket, key }: Place): string {
  return `${bucket}/${key}`;
}
