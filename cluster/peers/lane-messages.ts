/**
 * What travels between the front thread and a network lane. Types only.
 *
 * Calls and their replies go in batches, many in one transferred ArrayBuffer:
 *   per entry   number u32, length u32, a frame (frame.ts)
 * where the number is a member's for what belongs to our calls, and a session's for what belongs to
 * theirs. Everything else goes as the plain objects below, in the same order.
 */
import type { StoreErrorData } from "../../src/base/store-error.ts";
import type { PeerId } from "./peer-id.ts";
import type { PeerLimits } from "./peer-limits.ts";
import type { MemoryPlace, PeerError, PeerStatus, VersionRange } from "./peer-network.ts";

/** Given to a lane at its start. */
export interface LaneStart {
  readonly lane: number;
  readonly secret: Uint8Array;
  readonly clusterId: string;
  readonly softwareVersion: string;
  readonly versions: VersionRange;
  readonly listen: { readonly host: string; readonly port: number };
  readonly limits: PeerLimits;
  /** The memory that bulk streams read and write. */
  readonly memory: SharedArrayBuffer;
}

export interface LaneMember {
  /** What the front calls it in messages; never used again for another. */
  readonly number: number;
  readonly id: PeerId;
  readonly host: string;
  readonly port: number;
}

export type BulkDirection = "write" | "read";

/** What ends a bulk exchange or a question to join: closing bytes, or why there are none. */
export type Outcome =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly error: PeerError };

/** What a handler of this node said. */
export type Answer =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly data: StoreErrorData };

export type LaneRequest =
  | { readonly kind: "members"; readonly members: readonly LaneMember[] }
  /** Strangers may ask to join from now on. */
  | { readonly kind: "serve-join" }
  | {
      readonly kind: "join";
      readonly id: number;
      readonly voter: { readonly id: PeerId; readonly host: string; readonly port: number };
      readonly payload: Uint8Array;
      readonly deadlineMs: number;
    }
  | { readonly kind: "join-cancel"; readonly id: number }
  | { readonly kind: "join-answer"; readonly id: number; readonly answer: Answer }
  /** Begins a bulk exchange; ours have even ids, those of peers odd ones. */
  | {
      readonly kind: "bulk-open";
      readonly id: number;
      readonly member: number;
      readonly direction: BulkDirection;
      readonly header: Uint8Array;
      readonly deadlineMs: number;
    }
  | { readonly kind: "bulk-send"; readonly id: number; readonly place: MemoryPlace }
  | { readonly kind: "bulk-receive"; readonly id: number; readonly place: MemoryPlace }
  /** The writer has sent everything, or the reader wants the closing bytes. */
  | { readonly kind: "bulk-finish"; readonly id: number }
  | { readonly kind: "bulk-abort"; readonly id: number }
  /** What the handler of a peer's exchange said. */
  | { readonly kind: "bulk-answer"; readonly id: number; readonly answer: Answer }
  | { readonly kind: "close" };

export type LaneReport =
  | { readonly kind: "started"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "status"; readonly status: PeerStatus }
  /** These calls to a member have come to an end without an answer. */
  | { readonly kind: "calls-ended"; readonly ids: readonly number[]; readonly error: PeerError }
  /** A peer can ask from now on, or no more. */
  | { readonly kind: "session"; readonly number: number; readonly peer: PeerId }
  | { readonly kind: "session-ended"; readonly number: number }
  | {
      readonly kind: "join-asked";
      readonly id: number;
      readonly peer: PeerId;
      readonly payload: Uint8Array;
    }
  | { readonly kind: "join-gone"; readonly id: number }
  | { readonly kind: "join-answered"; readonly id: number; readonly outcome: Outcome }
  | {
      readonly kind: "bulk-opened";
      readonly id: number;
      readonly peer: PeerId;
      readonly direction: BulkDirection;
      readonly header: Uint8Array;
      readonly deadlineMs: number;
    }
  /** The oldest `bulk-send`, or `bulk-receive`, of the stream is done: its memory is free. */
  | { readonly kind: "bulk-sent"; readonly id: number }
  | { readonly kind: "bulk-received"; readonly id: number; readonly length: number }
  /**
   * The exchange is over: places not reported yet are free and failed. With a peer's exchange, its
   * handler is of no more use.
   */
  | { readonly kind: "bulk-ended"; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: "closed" };

/** Either end of the channel between the threads. A message is all of one turn, in order. */
export interface LanePort {
  post(items: readonly unknown[], transfer: readonly ArrayBuffer[]): void;
  onMessage(callback: (items: readonly unknown[]) => void): void;
}
