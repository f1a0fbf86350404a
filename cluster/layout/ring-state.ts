/**
 * A ring change, from one layout to the next, as pure data: the value of the layout register, and
 * where requests go in each of its states.
 *
 *     stable(v) ── prepare ── joint ── synced ── stable(w)
 *                     └─────────┴── abandon ── returning ── stable(v)
 *
 * Every transition raises the **epoch**. Requests carry the epoch of whoever sends them, and a node
 * that acknowledged an epoch refuses lower ones for ever (I7), also after a change was abandoned.
 *
 * - prepare: requests already need majorities in both layouts and place data by w; it ends when no
 *   request of the stable epoch before can succeed any more.
 * - joint: so what was chosen before can be copied and nothing be missed; it ends when the records
 *   are on a majority of each partition's new replicas and every data slot of w is filled.
 * - synced: w alone decides; it ends when no joint request can succeed any more.
 * - abandon, returning: the same back: v alone decides again (it always took part), first until no
 *   joint request can succeed, then until data that was placed by w is on the slots of v.
 *
 * Copies outside the layout are dropped in `stable` only (I8).
 */
import { assert, assertNever } from "../../src/base/assert.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { LayoutRef } from "./layout.ts";

export const RING_PHASES = [
  "stable",
  "prepare",
  "joint",
  "synced",
  "abandon",
  "returning",
] as const;
export type RingPhase = (typeof RING_PHASES)[number];

export interface RingState {
  readonly epoch: number;
  readonly phase: RingPhase;
  /** v: the layout that was in force before the change, and is while there is none. */
  readonly current: LayoutRef;
  /** w: undefined while stable. */
  readonly next: LayoutRef | undefined;
  /** Highest version that any layout ever had, abandoned ones included. */
  readonly latestVersion: number;
}

/** Which layouts a request uses. */
export interface Routing {
  /** Records: a majority of the replicas in each of them. */
  readonly metadata: readonly LayoutRef[];
  /** New data. */
  readonly data: LayoutRef;
  /** Existing data, in the order in which to look; after that anywhere. */
  readonly read: readonly LayoutRef[];
}

/** The first layout of a cluster. */
export function firstRing(layout: LayoutRef): RingState {
  const { version } = layout;
  return { epoch: 1, phase: "stable", current: layout, next: undefined, latestVersion: version };
}

/** Begins a change. Throws StoreError `busy` during another one. */
export function beginChange(state: RingState, next: LayoutRef): RingState {
  if (state.phase !== "stable") throw new StoreError({ code: "busy" });
  if (next.version <= state.latestVersion) {
    const message = `layout version ${next.version} after ${state.latestVersion}`;
    throw new StoreError({ code: "invalid-argument", message });
  }
  return { ...state, epoch: state.epoch + 1, phase: "prepare", next, latestVersion: next.version };
}

const REFUSED_ABANDON = {
  stable: "there is no change that could be given up",
  synced: "it is too late to give the change up: everything is where it belongs after it",
  abandon: "the change is being given up already",
  returning: "the change is being given up already: what had moved moves back",
} as const;

/** Gives a change up. Throws StoreError `invalid-argument` once it is too late. */
export function abandonChange(state: RingState): RingState {
  if (state.phase !== "prepare" && state.phase !== "joint") {
    const message = REFUSED_ABANDON[state.phase];
    throw new StoreError({ code: "invalid-argument", message });
  }
  return { ...state, epoch: state.epoch + 1, phase: "abandon" };
}

/** The state after this one. Whether it is time is for ring-progress.ts to say. */
export function advance(state: RingState): RingState {
  const epoch = state.epoch + 1;
  switch (state.phase) {
    case "stable":
      throw new StoreError({ code: "invalid-argument", message: "there is no ring change" });
    case "prepare":
      return { ...state, epoch, phase: "joint" };
    case "joint":
      return { ...state, epoch, phase: "synced" };
    case "synced":
      return { ...state, epoch, phase: "stable", current: nextOf(state), next: undefined };
    case "abandon":
      return { ...state, epoch, phase: "returning" };
    case "returning":
      return { ...state, epoch, phase: "stable", next: undefined };
    default:
      return assertNever(state.phase, "phase");
  }
}

/** The layout that a change leads to. */
export function nextOf(state: RingState): LayoutRef {
  assert(state.next !== undefined, "a ring change has a next layout");
  return state.next;
}

export function routingOf(state: RingState): Routing {
  const { phase, current } = state;
  switch (phase) {
    case "stable":
      return { metadata: [current], data: current, read: [current] };
    case "prepare":
    case "joint": {
      const next = nextOf(state);
      return { metadata: [current, next], data: next, read: [next, current] };
    }
    case "synced": {
      const next = nextOf(state);
      return { metadata: [next], data: next, read: [next, current] };
    }
    case "abandon":
    case "returning":
      return { metadata: [current], data: current, read: [current, nextOf(state)] };
    default:
      return assertNever(phase, "phase");
  }
}

/** Whether a node may drop what the current layout does not place on it (I8). */
export function mayDropCopies(state: RingState): boolean {
  return state.phase === "stable";
}

/** What a node that acknowledged `own` does with a request that carries an epoch (I7). */
export type EpochCheck =
  | "serve"
  /** The sender has to learn first. */
  | "refuse"
  /** The node itself has to learn first, and to acknowledge durably. */
  | "learn";

export function checkEpoch(own: number, carried: number): EpochCheck {
  if (carried < own) return "refuse";
  return carried > own ? "learn" : "serve";
}
