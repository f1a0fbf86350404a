/**
 * What an operator, or a node that joins, asks of a running cluster: what it is made of and how its
 * data moves, what a change of the members would move, and to make that change. Types only; the
 * implementation is ring-administration.ts.
 *
 * One change at a time. `apply` resolves when the change is agreed and this node goes by it; the data
 * moves afterwards, driven by whichever nodes are there, and `status` tells how far it is. A change
 * that is refused has changed nothing: StoreError
 * - `busy`: another change is under way, or the members have changed since `expectedRevision`;
 * - `invalid-argument`: it cannot be made, with a sentence for people;
 * - `no-quorum`, `unknown-outcome`: the cluster does not answer; look at `status` before trying again.
 */
import type { Geometry } from "../../../cluster/layout/layout.ts";
import type { NewDrive, NewNode } from "../../../cluster/layout/member-changes.ts";
import type { MemberState } from "../../../cluster/layout/members.ts";
import type { RingPhase } from "../../../cluster/layout/ring-state.ts";
import type { DriveId, NodeId } from "../../base/ids.ts";

export type MemberChange =
  | { readonly kind: "add-node"; readonly node: NewNode }
  | {
      readonly kind: "add-drives";
      readonly nodeId: NodeId;
      readonly drives: readonly NewDrive[];
    }
  /** Moves everything off while the member serves; it is `removed` when that is done. */
  | { readonly kind: "drain-node"; readonly nodeId: NodeId }
  | { readonly kind: "drain-drive"; readonly driveId: DriveId }
  /** For a member that will not come back: what it held is rebuilt from the others. */
  | { readonly kind: "remove-node"; readonly nodeId: NodeId }
  | { readonly kind: "remove-drive"; readonly driveId: DriveId }
  /** Takes a member back into service that is draining: abandons its draining. */
  | { readonly kind: "return-node"; readonly nodeId: NodeId }
  | { readonly kind: "return-drive"; readonly driveId: DriveId }
  /** A new, empty drive of the same node takes over exactly the slots of the old one. */
  | { readonly kind: "replace-drive"; readonly driveId: DriveId; readonly by: NewDrive }
  /** A new node takes over the slots of the old one, drive by drive in their order. */
  | { readonly kind: "replace-node"; readonly nodeId: NodeId; readonly by: NewNode }
  /** Undefined: by capacity again. */
  | {
      readonly kind: "weight";
      readonly driveId: DriveId;
      readonly weight: number | undefined;
    };

/** One drive in a plan. Bytes are estimates: slots of a drive are taken to be equally full. */
export interface PlannedDrive {
  readonly driveId: DriveId;
  readonly nodeId: NodeId;
  /** How people know it: address of its node and its number. */
  readonly name: string;
  readonly slotsBefore: number;
  readonly slotsAfter: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface PlannedShape {
  readonly nodes: number;
  readonly drives: number;
  readonly partitions: number;
  readonly geometry: Geometry;
  /** By how much the fullest drive is above its even share, as a part of it. */
  readonly imbalance: number;
  /** Whether data at full strength survives the loss of any one node. */
  readonly survivesNode: boolean;
}

/** What a change would move, before it is made. */
export interface ChangePlan {
  /** For `apply`: of the members that this was computed from. */
  readonly revision: number;
  readonly before: PlannedShape;
  readonly after: PlannedShape;
  /** Replicas of partitions whose records have to be copied. */
  readonly recordReplicasMoved: number;
  /** Slots of partitions whose shards have to be copied, and the least that could be. */
  readonly slotsMoved: number;
  readonly slotsMovedAtLeast: number;
  readonly bytesMoved: number;
  /** Every drive that is in the layout before or after. */
  readonly drives: readonly PlannedDrive[];
  /** Sentences for people. */
  readonly warnings: readonly string[];
}

export interface DriveMemberStatus {
  readonly driveId: DriveId;
  readonly number: number;
  readonly state: MemberState;
  /** Whether it answers, as this node sees it. */
  readonly online: boolean;
  /** Why it does not answer, when that is known. */
  readonly reason: string | undefined;
  readonly capacityBytes: number;
  /** What the operator has set; undefined: by capacity. */
  readonly weight: number | undefined;
  /** 0 while it has not been heard of. */
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Slots in the layout that new data goes by. */
  readonly slots: number;
}

export interface NodeMemberStatus {
  readonly nodeId: NodeId;
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly zone: string;
  readonly state: MemberState;
  /** Whether it is the node that answers. */
  readonly self: boolean;
  /** Whether it answers, as this node sees it. */
  readonly online: boolean;
  /** Epoch of the ring that it was last heard to go by; undefined: not heard yet. */
  readonly epoch: number | undefined;
  readonly drives: readonly DriveMemberStatus[];
}

/** How far the running change is; counts of the nodes that answer. */
export interface ChangeProgress {
  readonly partitions: number;
  /** Partitions whose records are on their new replicas. */
  readonly partitionsSynced: number;
  /** Partitions whose data is where the layout wants it. */
  readonly partitionsMoved: number;
  readonly shardsMoved: number;
  readonly bytesMoved: number;
  /** Tries that failed; they are made again. */
  readonly shardsFailed: number;
  /** From what is left of the partitions and the sizes met so far; undefined: cannot be told yet. */
  readonly shardsLeft: number | undefined;
  readonly bytesLeft: number | undefined;
  readonly bytesPerSecond: number;
  readonly remainingMs: number | undefined;
  /** What the change waits for, for people. */
  readonly waitingFor: readonly string[];
}

export interface HealBacklog {
  /** Records that are known to lack shards; undefined: not counted yet. */
  readonly waiting: number | undefined;
  readonly done: number;
  readonly failed: number;
}

export interface ClusterStatus {
  readonly clusterId: string;
  /** Of the members, for `apply`. */
  readonly revision: number;
  readonly epoch: number;
  readonly phase: RingPhase;
  /** Of the layout that new data goes by. */
  readonly layoutVersion: number;
  /** Removed members too. */
  readonly nodes: readonly NodeMemberStatus[];
  /** Undefined while the ring is stable. */
  readonly change: ChangeProgress | undefined;
  readonly heal: HealBacklog;
}

export interface ClusterAdministration {
  status(): Promise<ClusterStatus>;
  /** Changes nothing. Rejects with `invalid-argument` what `apply` would refuse. */
  plan(change: MemberChange): Promise<ChangePlan>;
  /** Resolves when the change is agreed and this node goes by it. */
  apply(change: MemberChange, expectedRevision: number): Promise<void>;
  /**
   * Gives the running change up: what it added is drained again, what it drained serves again.
   * `invalid-argument` when there is none, or it is too late.
   */
  abandon(): Promise<void>;
}
