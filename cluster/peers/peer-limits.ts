/**
 * Every bound of the peer transport. What two nodes must agree on is a constant; what a node may
 * choose for itself is a field of `PeerLimits`.
 */
import { KIB, MIB } from "../../src/base/bytes.ts";
import type { VersionRange } from "./peer-network.ts";

/** What this build speaks. A release raises `newest` at most by one and keeps the one before. */
export const PROTOCOL_VERSIONS: VersionRange = { oldest: 1, newest: 1 };

/** Name of a method, ASCII. */
export const METHOD_BYTES_MAX = 48;
/** Payload of a call or of its reply. */
export const CALL_PAYLOAD_BYTES_MAX = 8 * MIB;
/** A frame of an RPC stream, header included. */
export const FRAME_BYTES_MAX: number = CALL_PAYLOAD_BYTES_MAX + 1024;
/** Frames before two nodes have agreed to talk. */
export const HELLO_BYTES_MAX = 4 * KIB;
/** What a bulk stream begins with. */
export const BULK_HEADER_BYTES_MAX = 64 * KIB;
/** Reply or closing bytes of a bulk stream. */
export const BULK_REPLY_BYTES_MAX: number = 1 * MIB;
/** A question or an answer of somebody who is not a member. */
export const JOIN_BYTES_MAX = 64 * KIB;
/** Clocks further apart than this do not talk: ballots and times of objects come from clocks. */
export const CLOCK_APART_MS_MAX: number = 10 * 60 * 1000;

export interface PeerLimits {
  /** Calls to one peer that are not answered yet. */
  readonly callsInFlightMax: number;
  /** Calls of one peer to one method that are not answered yet; `serve` may set another. */
  readonly methodInFlightMax: number;
  /** Calls of one peer to all methods that are not answered yet. */
  readonly servedInFlightMax: number;
  /** Payload of those, together; one more is refused as busy. */
  readonly servedBytesMax: number;
  /**
   * Bytes that wait to be written to one peer: calls beyond are refused as busy, its own calls are
   * not read while half as much waits, and it is cut off at four times as much.
   */
  readonly queuedBytesMax: number;
  /** Bulk streams to one peer, and again from one peer, that are under way. */
  readonly bulkStreamsMax: number;
  /** Bulk streams kept open for the next exchange. */
  readonly bulkIdleMax: number;
  /** `send`s or `receive`s of one bulk stream that are under way. */
  readonly bulkPlacesMax: number;
  /** A heartbeat goes out so often. */
  readonly heartbeatMs: number;
  /** Dial, Noise, stream, hello: all of it. */
  readonly connectMs: number;
  /** Between attempts to connect: the first wait, doubled up to the second. */
  readonly backOffFirstMs: number;
  readonly backOffLastMs: number;
  /** Connections of non-members, all together; a member's address may be among them. */
  readonly strangersMax: number;
  /** After this a stranger's connection is closed, whatever it does. */
  readonly strangerMs: number;
  /** Questions to join, from all strangers together: one more each so often, a few at once. */
  readonly joinEveryMs: number;
  readonly joinBurst: number;
}

export const DEFAULT_PEER_LIMITS: PeerLimits = {
  callsInFlightMax: 4096,
  methodInFlightMax: 2048,
  servedInFlightMax: 4096,
  servedBytesMax: 64 * MIB,
  queuedBytesMax: 16 * MIB,
  bulkStreamsMax: 64,
  bulkIdleMax: 8,
  bulkPlacesMax: 16,
  heartbeatMs: 1000,
  connectMs: 10_000,
  backOffFirstMs: 100,
  backOffLastMs: 5000,
  strangersMax: 16,
  strangerMs: 15_000,
  joinEveryMs: 1000,
  joinBurst: 5,
};
