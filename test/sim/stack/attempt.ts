/** What clients work on, and one operation of a client. */
import type { ObjectStore } from "../../../src/object/contract/object-store.ts";
import type { Life } from "./life.ts";

/** Versioning of the second is switched on and off; the third is deleted and made again. */
export const BUCKETS = ["plain", "history", "passing"] as const;
export const KEYS = ["a", "a/b", "a/c", "b"] as const;

/** An operation under way, which its client may give up. */
export interface Attempt {
  readonly client: number;
  readonly callMs: number;
  readonly store: ObjectStore;
  /** The processes that have a part in it. */
  readonly lives: Life[];
  /** The client still listens. */
  heard: boolean;
}
