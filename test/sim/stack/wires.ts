/**
 * The network between the simulated processes, below calls and streams: pairs of processes with one
 * connection each, which delivers late, falls silent, or breaks. As with TCP, what was sent before a
 * connection broke may still have arrived, and what a process that stands has received it meets
 * when it goes on.
 */
import type { World } from "../register/world.ts";
import type { Life } from "./life.ts";

export interface WirePressure {
  /** Share of messages that take long, and how long. */
  readonly late: number;
  readonly lateMsMax: number;
  /** Share of messages that break their connection instead of arriving. */
  readonly breaks: number;
}

/** One end of something that is waiting for the other side. */
export interface Waiting {
  /** The connection is gone; whether the other side has acted is not known. */
  lose(reason: string): void;
}

/** How long a silent connection is believed in. */
const SILENCE_MS_MIN = 1500;
const SILENCE_MS_MAX = 5000;

export class Wire {
  readonly ends: readonly [number, number];
  readonly #wires: Wires;
  readonly #waiting = new Set<Waiting>();
  #held: { readonly send: () => void; readonly epoch: number }[] = [];
  #epoch = 0;
  #silent = false;
  #silences = 0;
  #down = false;

  constructor(ends: readonly [number, number], wires: Wires) {
    this.ends = ends;
    this.#wires = wires;
  }

  get isDown(): boolean {
    return this.#down;
  }

  /** Raised whenever the connection breaks. */
  get epoch(): number {
    return this.#epoch;
  }

  /** For as long as it may be told that the connection broke. */
  wait(waiting: Waiting): () => void {
    this.#waiting.add(waiting);
    return () => this.#waiting.delete(waiting);
  }

  /** Carries something to the other process as it lives now. Returns when it arrives at best. */
  carry(to: Life, deliver: () => void, notBeforeMs = 0): number {
    const { world, pressure } = this.#wires;
    if (world.chance(pressure.breaks)) {
      this.break("connection reset");
      return world.nowMs;
    }
    const epoch = this.#epoch;
    const late = world.chance(pressure.late) ? world.between(20, pressure.lateMsMax) : 0;
    const dueMs = Math.max(notBeforeMs, world.nowMs + world.between(0, 3) + late);
    const arrive = (): void => {
      if (epoch !== this.#epoch && !world.chance(0.3)) return;
      if (this.#silent) this.#held.push({ send: () => to.meet(deliver), epoch });
      else to.meet(deliver);
    };
    world.after(dueMs - world.nowMs, arrive);
    return dueMs;
  }

  /** Nothing arrives any more. Sooner or later both sides give the connection up. */
  fallSilent(): void {
    if (this.#silent) return;
    this.#silent = true;
    const { world } = this.#wires;
    const silence = ++this.#silences;
    world.after(world.between(SILENCE_MS_MIN, SILENCE_MS_MAX), () => {
      if (!this.#silent || this.#silences !== silence) return;
      this.#setDown(true);
      this.break("silence");
    });
  }

  speak(): void {
    this.#silent = false;
    const held = this.#held;
    this.#held = [];
    for (const { send, epoch } of held) {
      if (epoch === this.#epoch || this.#wires.world.chance(0.3)) send();
    }
    this.#setDown(false);
  }

  break(reason: string): void {
    this.#epoch += 1;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const each of waiting) each.lose(reason);
  }

  #setDown(down: boolean): void {
    if (this.#down === down) return;
    this.#down = down;
    for (const end of this.ends) this.#wires.onState(end, this);
  }
}

export class Wires {
  readonly world: World;
  pressure: WirePressure;
  readonly #all: Wire[] = [];
  readonly #byEnds: (Wire | undefined)[][] = [];
  readonly #byEnd: Wire[][] = [];
  /** Told for both ends when a connection is given up, or there again. */
  onState: (node: number, wire: Wire) => void = () => {};

  constructor(world: World, pressure: WirePressure) {
    this.world = world;
    this.pressure = pressure;
  }

  between(left: number, right: number): Wire {
    const [low, high] = left < right ? [left, right] : [right, left];
    const known = this.#byEnds[low]?.[high];
    if (known !== undefined) return known;
    const wire = new Wire([low, high], this);
    this.#all.push(wire);
    this.#byEnds[low] ??= [];
    this.#byEnds[low][high] = wire;
    for (const end of [low, high]) {
      this.#byEnd[end] ??= [];
      this.#byEnd[end].push(wire);
    }
    return wire;
  }

  all(): readonly Wire[] {
    return this.#all;
  }

  of(node: number): readonly Wire[] {
    return this.#byEnd[node] ?? [];
  }
}
