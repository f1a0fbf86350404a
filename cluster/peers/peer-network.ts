/**
 * What the layers above know of other nodes: calls, bulk streams, who is reachable, and joining.
 * Types only. There is a real one on libp2p and a twin in memory for the simulator;
 * one compliance suite holds for both.
 *
 * Nothing here rejects for what another node or the wire does: failures are data, and every one says
 * whether the other side may have acted (`applied`). "no" is only said when the other side cannot
 * have begun, so the caller may go elsewhere; "unknown" means what it says.
 *
 * Calls and bulk streams are at most once: nothing is ever sent a second time by itself.
 */
import type { StoreErrorData } from "../../src/base/store-error.ts";
import type { PeerId } from "./peer-id.ts";

/** Whom to talk to and where. One port for each lane of that node, lane 0 first. */
export interface PeerMember {
  readonly id: PeerId;
  /** A name or an address; names are looked up at each dial. */
  readonly host: string;
  readonly ports: readonly number[];
}

export type PeerError =
  /** A bound was reached, here or there: ask again later, or somebody else. Nothing was done. */
  | { readonly code: "busy"; readonly applied: "no"; readonly message: string }
  /** There is no connection: nothing was sent. */
  | { readonly code: "unreachable"; readonly applied: "no"; readonly message: string }
  /** The peers do not agree to talk (wrong cluster, not a member, versions, clocks …). */
  | { readonly code: "refused"; readonly applied: "no"; readonly reason: RefusalReason }
  /** The connection ended after the request was, or may have been, sent. */
  | { readonly code: "lost"; readonly applied: "unknown"; readonly message: string }
  | { readonly code: "deadline"; readonly applied: "no" | "unknown" }
  /** The caller's signal. */
  | { readonly code: "aborted"; readonly applied: "no" | "unknown" }
  /** Larger than this kind of message may be; never sent. */
  | { readonly code: "too-large"; readonly applied: "no"; readonly bytesMax: number }
  /** The other side serves no such method (yet): another version, or it is still starting. */
  | { readonly code: "unknown-method"; readonly applied: "no" }
  /** The handler over there failed and said so. What it had done by then, only `data` can tell. */
  | { readonly code: "remote"; readonly applied: "unknown"; readonly data: StoreErrorData }
  /** This network was closed. */
  | { readonly code: "closed"; readonly applied: "no" | "unknown" };

/** Why two nodes do not talk. Precise, because an operator has to act on it. */
export type RefusalReason =
  | { readonly kind: "wrong-cluster"; readonly ours: string; readonly theirs: string }
  | { readonly kind: "not-a-member" }
  | {
      readonly kind: "no-common-version";
      readonly ours: VersionRange;
      readonly theirs: VersionRange;
    }
  /** Positive: their clock is ahead of ours. */
  | { readonly kind: "clock-apart"; readonly offsetMs: number }
  /** What they sent was not a hello, or a hello of somebody else. */
  | { readonly kind: "bad-hello"; readonly message: string }
  | { readonly kind: "rate-limited" };

/** Protocol versions that a build speaks, both ends included. */
export interface VersionRange {
  readonly oldest: number;
  readonly newest: number;
}

export type PeerResult =
  | { readonly ok: true; readonly payload: Uint8Array }
  | { readonly ok: false; readonly error: PeerError };

export interface CallOptions {
  /** From now; travels along, so that the other side gives up as well. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** Who asks, and until when an answer is of use. */
export interface ServeContext {
  readonly peer: PeerId;
  /** Aborted when the caller cancels, its deadline passes, or the connection ends. */
  readonly signal: AbortSignal;
}

/**
 * Answers a call. A rejection with a StoreError reaches the caller as `remote` with its data; any
 * other as an internal error, whose message stays here. `payload` may be kept; it is not reused.
 */
export type CallHandler = (
  payload: Uint8Array,
  context: ServeContext,
) => Promise<Uint8Array> | Uint8Array;

export interface ServeLimits {
  /**
   * Calls of one peer to this method that are being answered; one more is refused as busy. Times the
   * size of a reply this is the memory that a peer can claim, so methods with large replies set it.
   */
  readonly inFlightMax?: number;
}

/** A piece of the shared memory the network was created with. Its owner leaves it alone meanwhile. */
export interface MemoryPlace {
  readonly offset: number;
  readonly length: number;
}

export type BulkReceipt =
  /** `length` is less than was asked for only at the end of the stream; from then on it is 0. */
  | { readonly ok: true; readonly length: number }
  | { readonly ok: false; readonly error: PeerError };

/** The end of a bulk stream that sends bytes. */
export interface BulkSender {
  /**
   * Sends the bytes of `place`. Resolves when the memory may be used again: they have been
   * enciphered, but have not necessarily arrived. Waits while the other side does not read.
   * Several may be under way; they arrive in order. Undefined means well so far.
   */
  send(place: MemoryPlace): Promise<PeerError | undefined>;
}

/** The end of a bulk stream that receives bytes. */
export interface BulkReceiver {
  /**
   * Fills `place` with the next bytes. After a failure or an abort resolves only when nobody
   * writes there any more. Several may be under way; they are filled in order.
   */
  receive(place: MemoryPlace): Promise<BulkReceipt>;
}

/** The opener's end of a stream that it writes. */
export interface BulkWriter extends BulkSender {
  /**
   * Says that this was all. Resolves with what the other side's handler returned after it read to
   * the end and made it durable.
   */
  finish(): Promise<PeerResult>;
  /** Gives up, at once; the other side's handler sees its signal. Does nothing after the end. */
  abort(): void;
}

/** The opener's end of a stream that it reads. */
export interface BulkReader extends BulkReceiver {
  /** Resolves with the closing bytes of the other side's handler, once all has been received. */
  finish(): Promise<PeerResult>;
  abort(): void;
}

export interface BulkHandlers {
  /** A peer writes: receive to the end, make it durable, return the reply. */
  write(
    header: Uint8Array,
    receiver: BulkReceiver,
    context: ServeContext,
  ): Promise<Uint8Array> | Uint8Array;
  /** A peer reads: send what the header asks for, return the closing bytes. */
  read(
    header: Uint8Array,
    sender: BulkSender,
    context: ServeContext,
  ): Promise<Uint8Array> | Uint8Array;
}

/** up: answers. suspect: late by its own habit, worth hedging. down: no connection, or far too late. */
export type PeerState = "up" | "suspect" | "down";

export interface PeerStatus {
  readonly peer: PeerId;
  readonly state: PeerState;
  /** Why it is not up; for people. */
  readonly reason: string | undefined;
  /** Known when the last hello was refused, by either side. */
  readonly refusal: RefusalReason | undefined;
  /** Of the last heartbeats, smoothed; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** Their wall clock minus ours, as the heartbeat with the shortest round trip saw it. */
  readonly clockOffsetMs: number | undefined;
  /** What the peer says it runs. */
  readonly softwareVersion: string | undefined;
  /** The protocol version agreed on. */
  readonly protocolVersion: number | undefined;
}

/** Answers somebody who is not a member, and whose identity is proved. */
export type JoinHandler = (
  payload: Uint8Array,
  context: ServeContext,
) => Promise<Uint8Array> | Uint8Array;

export interface PeerNetwork {
  /** This node. */
  readonly self: PeerId;
  /** The ports listened on, one for each lane. */
  readonly ports: readonly number[];
  /**
   * Who may speak from now on, and with whom connections are kept. Whoever is no longer on the list
   * is cut off at once: calls and streams to and from it end. This node itself may be on it.
   */
  setMembers(members: readonly PeerMember[]): void;
  /** Asks a member. Messages to one peer may overtake each other. */
  call(
    peer: PeerId,
    method: string,
    payload: Uint8Array,
    options: CallOptions,
  ): Promise<PeerResult>;
  /** One handler for each method, a short ASCII name (`peer-limits.ts`). */
  serve(method: string, handler: CallHandler, limits?: ServeLimits): void;
  /** Begins at once: a refusal shows in the first `send` or in `finish`. */
  openBulkWrite(peer: PeerId, header: Uint8Array, options: CallOptions): BulkWriter;
  openBulkRead(peer: PeerId, header: Uint8Array, options: CallOptions): BulkReader;
  serveBulk(handlers: BulkHandlers): void;
  /** Asks a node that this one is no fellow member of. Its identity is checked, nothing else. */
  join(voter: PeerMember, payload: Uint8Array, options: CallOptions): Promise<PeerResult>;
  /** Without a handler, nobody but members is let in. */
  serveJoin(handler: JoinHandler): void;
  statusOf(peer: PeerId): PeerStatus;
  /** Calls back at each change of a peer's state or refusal. Returns how to stop that. */
  onStatus(callback: (status: PeerStatus) => void): () => void;
  /** Ends every call and stream; resolves when nobody touches the shared memory any more. */
  close(): Promise<void>;
}
