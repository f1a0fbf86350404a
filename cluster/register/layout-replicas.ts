/**
 * Which replicas a register has in a cluster: by the layout, which names the drives of each
 * partition. During a change of the ring there are two groups, the old and the new one, and every
 * quorum is needed in both.
 *
 * Sets are made once per partition and layout version; their epoch is the version, so an operation
 * that has begun under another layout notices. Every request of such a set carries the version,
 * because its replicas are bound to it.
 */
import { assert } from "../../src/base/assert.ts";
import type { RegisterReplica } from "./replica.ts";
import { majorityGroup, ReplicaSet } from "./replica-set.ts";

/** A layout as the registers see it. */
export interface RegisterLayout {
  /** Rises with every change, also when a change of the ring begins, goes on, or is given up. */
  readonly version: number;
  /** A power of two. */
  readonly partitions: number;
  /** The drives that keep the registers of a partition: one group, or the old and the new one. */
  groupsOf(partition: number): readonly (readonly string[])[];
}

export interface LayoutReplicasModules {
  /** Which partition a register lies in; equal for all keys that share their replicas. */
  partitionOf(key: Uint8Array, partitions: number): number;
  /** A drive as a replica whose requests carry this layout version. Asked once per version. */
  bind(driveId: string, layoutVersion: number): RegisterReplica;
  /** How far a drive is away: nearer ones are read first. */
  distanceOf(driveId: string): number;
}

export class LayoutReplicas {
  readonly #modules: LayoutReplicasModules;
  #layout: RegisterLayout;
  #sets = new Map<number, ReplicaSet>();
  #bound = new Map<string, RegisterReplica>();

  constructor(layout: RegisterLayout, modules: LayoutReplicasModules) {
    this.#layout = layout;
    this.#modules = modules;
  }

  get version(): number {
    return this.#layout.version;
  }

  /** From now on operations begin by this layout. An older one is ignored: false. */
  adopt(layout: RegisterLayout): boolean {
    if (layout.version <= this.#layout.version) return false;
    this.#layout = layout;
    this.#sets = new Map();
    this.#bound = new Map();
    return true;
  }

  setFor(key: Uint8Array): ReplicaSet {
    return this.setOf(this.#modules.partitionOf(key, this.#layout.partitions));
  }

  setOf(partition: number): ReplicaSet {
    const known = this.#sets.get(partition);
    if (known !== undefined) return known;
    const groups = this.#layout.groupsOf(partition);
    assert(groups.length > 0, "a partition has replicas");
    const ids = [...new Set(groups.flat())];
    const distances = new Map(ids.map((id) => [id, this.#modules.distanceOf(id)]));
    ids.sort((left, right) => (distances.get(left) ?? 0) - (distances.get(right) ?? 0));
    const set = new ReplicaSet({
      epoch: this.#layout.version,
      groups: groups.map((members) => majorityGroup(members)),
      members: ids.map((id) => this.#boundTo(id)),
      observers: [],
    });
    this.#sets.set(partition, set);
    return set;
  }

  #boundTo(driveId: string): RegisterReplica {
    const known = this.#bound.get(driveId);
    if (known !== undefined) return known;
    const replica = this.#modules.bind(driveId, this.#layout.version);
    assert(replica.id === driveId, "a drive is bound under its own id");
    this.#bound.set(driveId, replica);
    return replica;
  }
}
