/**
 * The replicas of a key at one moment: who votes, who only learns, and what a quorum is.
 *
 * A set has one group of members, or several during a ring change; a quorum is then needed in EACH
 * group. Observers receive every accept and never count. Replies are counted in bit masks: bit i is
 * `replicas[i]`, members first. Immutable; a change is a new set with a higher epoch.
 */

import { assert } from "../../src/base/assert.ts";
import { countBits } from "../../src/base/bits.ts";
import type { RegisterReplica } from "./replica.ts";

/** Members (drive ids) and their quorums. Every accept quorum meets every prepare quorum. */
export interface QuorumGroup {
  readonly members: readonly string[];
  readonly acceptQuorum: number;
  readonly prepareQuorum: number;
}

export interface ReplicaSetOptions {
  readonly epoch: number;
  readonly groups: readonly QuorumGroup[];
  /** Every member of every group, once, in the order of preference for reading. */
  readonly members: readonly RegisterReplica[];
  readonly observers: readonly RegisterReplica[];
}

/** Masks are 31-bit integers. */
export const REPLICAS_PER_SET_MAX = 31;

export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** A group in which any majority is a quorum for both phases. */
export function majorityGroup(members: readonly string[]): QuorumGroup {
  const quorum = majority(members.length);
  return { members, acceptQuorum: quorum, prepareQuorum: quorum };
}

interface GroupMask {
  readonly mask: number;
  readonly acceptQuorum: number;
  readonly prepareQuorum: number;
}

export class ReplicaSet {
  readonly epoch: number;
  /** Members, then observers. */
  readonly replicas: readonly RegisterReplica[];
  readonly memberCount: number;
  readonly memberMask: number;
  /** Members and observers. */
  readonly everyMask: number;
  /** The largest accept quorum of its groups, for error messages. */
  readonly acceptQuorum: number;
  readonly #groups: readonly GroupMask[];

  constructor(options: ReplicaSetOptions) {
    this.epoch = options.epoch;
    this.replicas = [...options.members, ...options.observers];
    this.memberCount = options.members.length;
    assert(this.replicas.length <= REPLICAS_PER_SET_MAX, "a replica set fits a bit mask");
    assert(new Set(this.replicas.map((it) => it.id)).size === this.replicas.length, "ids differ");
    this.memberMask = 2 ** this.memberCount - 1;
    this.everyMask = 2 ** this.replicas.length - 1;
    this.#groups = options.groups.map((group) => this.#toMask(group));
    this.acceptQuorum = Math.max(...options.groups.map((group) => group.acceptQuorum));
  }

  #toMask(group: QuorumGroup): GroupMask {
    const { acceptQuorum, prepareQuorum, members } = group;
    assert(acceptQuorum + prepareQuorum > members.length, "quorums of the two phases meet");
    let mask = 0;
    for (const member of members) {
      const index = this.indexOf(member);
      assert(index >= 0 && index < this.memberCount, "every member of a group is a member");
      mask |= 1 << index;
    }
    return { mask, acceptQuorum, prepareQuorum };
  }

  /** The bit of a replica, or -1 when it is not in the set. */
  indexOf(id: string): number {
    return this.replicas.findIndex((replica) => replica.id === id);
  }

  isAcceptQuorum(mask: number): boolean {
    for (const group of this.#groups) {
      if (countBits(mask & group.mask) < group.acceptQuorum) return false;
    }
    return true;
  }

  isPrepareQuorum(mask: number): boolean {
    for (const group of this.#groups) {
      if (countBits(mask & group.mask) < group.prepareQuorum) return false;
    }
    return true;
  }

  /** The same replicas of `mask`, a mask of `other`, as a mask of this set. */
  translate(mask: number, other: ReplicaSet): number {
    if (other === this) return mask;
    let translated = 0;
    for (let index = 0; index < other.replicas.length; index++) {
      if ((mask & (1 << index)) === 0) continue;
      const here = this.indexOf(other.replicas[index]?.id ?? "");
      if (here >= 0) translated |= 1 << here;
    }
    return translated;
  }
}
