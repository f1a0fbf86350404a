/** What the register engine is given and what it gives. Types only. */
import type { Ballot } from "../../src/base/ballot.ts";
import type { Clock } from "../../src/base/clock.ts";
import type { KvRow } from "../../src/base/kv-row.ts";
import type { Logger } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import type { PreparedKey } from "./base.ts";
import type { ReplicaSet } from "./replica-set.ts";

export interface RegisterEngineOptions {
  /** Names this proposer for ever among all proposers of its registers. */
  readonly proposer: number;
  /** Raised durably at every start, so that no ballot and no operation id is ever reused. */
  readonly incarnation: number;
  /** True while no other process proposes to these replicas: see docs/decisions/0002. */
  readonly soleProposer: boolean;
  /** How long one round waits for its quorum. */
  readonly roundMs: number;
  /** How long a whole operation may take before it stops trying. */
  readonly operationMs: number;
  /** How long a read waits for one replica, or for stragglers, before it asks more of the rest. */
  readonly hedgeMs: number;
  /** Upper bound of the first back-off after a lost duel; doubles with each attempt. */
  readonly backoffMs: number;
  readonly attemptsMax: number;
  /** Operations waiting behind the one in progress on a key; one more is refused `busy`. */
  readonly waitersPerKeyMax: number;
  /**
   * Sole proposer: keys whose newest value some member has not acknowledged yet. Above it the
   * member that lacks most of them is reported unavailable.
   */
  readonly unsettledKeysMax: number;
  /** Sole proposer: bytes of settled values that are kept in memory for reading; none without it. */
  readonly settledBytesMax?: number;
}

export interface RegisterModules {
  /** The current replicas of a key; asked again for every attempt. */
  replicasFor(key: Uint8Array): ReplicaSet;
  /**
   * The rows that go with a value, a pure function of its arguments. A tombstone (`body`
   * undefined) needs a listing row with its ballot too, or a merged listing could not tell a
   * deleted key from one that a replica has missed.
   */
  deriveRows(key: Uint8Array, body: Uint8Array | undefined, ballot: Ballot): readonly KvRow[];
  /** The deletions of every row that `deriveRows` may have made for this key. */
  purgedRows(key: Uint8Array): readonly KvRow[];
  /** A replica answered `unavailable`, or keeps missing accepts. May be called many times. */
  onReplicaUnavailable(replicaId: string): void;
  /** A replica knows this newer epoch of the replica set. May be called many times. */
  onOutdatedSet?(epoch: number): void;
  /** Which member a settled read asks: an index into `set.replicas`, below `memberCount`. */
  preferredMember(key: Uint8Array, set: ReplicaSet): number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface RegisterReading {
  /** ZERO_BALLOT when the register is blank. */
  readonly ballot: Ballot;
  /** Undefined when the register is blank or holds a tombstone. */
  readonly body: Uint8Array | undefined;
}

/**
 * What a change function wants. It is called once per attempt, possibly several times, must not
 * keep state between calls, and may not throw for anything that is an answer.
 *
 * It may answer with a promise, to look at something else first. By then the key is prepared: should
 * anybody change it before this write is accepted, the write is refused and the function asked
 * again. So what was seen still held when this write took effect, as far as whoever ends it writes
 * to this key first.
 */
export type RegisterChange<Answer> =
  /** Replace the body (undefined: a tombstone). `result` (≤ 64 bytes) is kept with the value. */
  | {
      readonly kind: "write";
      readonly body: Uint8Array | undefined;
      readonly result: Uint8Array;
    }
  /** Negative answer: a condition does not hold. */
  | { readonly kind: "refuse"; readonly answer: Answer }
  /** Positive answer without a change. */
  | { readonly kind: "keep"; readonly answer: Answer };

export type ChangeFunction<Answer> = (
  body: Uint8Array | undefined,
) => RegisterChange<Answer> | Promise<RegisterChange<Answer>>;

export interface ReadOptions {
  /**
   * The epoch of the bucket's settings under which the caller acts. Replicas that know a newer one
   * refuse; the operation ends with `stale-bucket`, or `unknown-outcome` when it sent an accept.
   */
  readonly bucketEpoch?: number;
}

export type UpdateOutcome<Answer> =
  /** `result` is that of the attempt which took effect, not always that of the last call. */
  | { readonly kind: "written"; readonly ballot: Ballot; readonly result: Uint8Array }
  | { readonly kind: "refused"; readonly answer: Answer }
  | { readonly kind: "kept"; readonly answer: Answer };

export interface UpdateOptions extends ReadOptions {
  /**
   * Names the operation (12 to 16 bytes) when it must take effect once across calls and crashes;
   * without it the engine mints one.
   */
  readonly operationId?: Uint8Array;
  /**
   * An earlier call with this id may have sent accepts, none below this ballot: the operation looks
   * for its id from its first attempt on. The ballot of a record that the earlier call must have
   * read serves. Tombstones must not be collected sooner than operations may be repeated: a drive
   * that was away for the collection does not know of it.
   */
  readonly repeatedSince?: Ballot;
  /** From `prepareAhead` for this key; used when it was made under the same `bucketEpoch`. */
  readonly prepared?: PreparedKey | undefined;
}
