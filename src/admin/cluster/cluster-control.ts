/** What the administration API asks of a node of a cluster. Types only. */
import type { NodeId } from "../../base/ids.ts";
import type { ClusterAdministration } from "../../object/cluster/cluster-administration.ts";

export interface TokenWanted {
  readonly lifeMs: number;
  /** The access key of who asks. */
  readonly madeBy: string;
  /** The new node takes this one's place. */
  readonly replaces: NodeId | undefined;
}

export interface IssuedToken {
  /** A secret: whoever has it may add one node. */
  readonly token: string;
  readonly expiresMs: number;
}

/** Work that nobody waits for, as one node counts it since it started. */
export interface NodeWork {
  /** Address of the node. */
  readonly node: string;
  /** Why it does not say; the rest is empty then. */
  readonly problem?: string;
  readonly workers: readonly WorkerFigures[];
}

/** The line that counts what all background work reads and writes of data, in bytes. */
export const TRAFFIC = "traffic";

export interface WorkerFigures {
  readonly name: string;
  readonly done: number;
  readonly failed: number;
  /** Known to be waiting; null when only a scan would tell. */
  readonly waiting: number | null;
  /** Units a second, over the last minute. */
  readonly perSecond: number;
  /** To the end, as far as it can be told. */
  readonly remainingMs: number | null;
}

export interface ClusterControl {
  readonly administration: ClusterAdministration;
  /** How long a token may be good, in milliseconds. */
  readonly tokenLife: { readonly min: number; readonly max: number };
  issueToken(wanted: TokenWanted): Promise<IssuedToken>;
  /** What each node does about healing; one for each node that is a member. */
  work(): Promise<readonly NodeWork[]>;
}
