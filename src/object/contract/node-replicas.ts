/**
 * The registers as a node has them, whether their replicas are its own drives (DriveSet) or drives
 * all over a cluster (ClusterReplicas): what the object layer and its workers need of either.
 */
import type { Drive } from "../../store/drive.ts";
import type { Registers } from "./registers.ts";

export type DriveSetMode = "starting" | "read-write" | "read-only" | "unavailable";

export interface DriveSetStatus {
  readonly mode: DriveSetMode;
  readonly expected: number;
  /** Drive ids. */
  readonly members: readonly string[];
  /** Being brought up to date. */
  readonly observers: readonly string[];
  /** Accepts that some member has not acknowledged yet. */
  readonly unsettled: number;
}

/** A drive of this node or of another, for what concerns its data. */
export type StoreDrive = Pick<Drive, "id" | "index" | "dropShard" | "deleteRows">;

export interface NodeReplicas extends Registers {
  /** Resolves when the registers may be used, in the mode that the drives allow. */
  start(): Promise<DriveSetMode>;
  /** Resolves when the registers may be written: at the start, or when enough drives have come back. */
  whenWritable(): Promise<void>;
  stop(): Promise<void>;
  status(): DriveSetStatus;
  /** Drives of this node that have the rows of all registers they keep. */
  members(): readonly Drive[];
  /** Drives of this node that are open, members or not. */
  drives(): readonly Drive[];
  /** Tells whenever a drive of any node is there again. */
  onDriveReturned(listener: () => void): void;
  /** By the number that data descriptors have; of any node. */
  driveAt(index: number): StoreDrive | undefined;
  /** A record that is written reaches the rows of this drive, whatever the record. */
  isMember(driveId: string): boolean;
  /** Its registers are still being brought up to date. */
  isObserver(driveId: string): boolean;
  /** Slots of data that is written while every drive of the store is there. */
  slotsFull(): number;
  /** Of all nodes that could do deferred work on a record, this one should. */
  isOurs(key: Uint8Array): boolean;
}
