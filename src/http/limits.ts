/** The limits of the HTTP front, each named and explained in docs/LIMITS.md. */
import { KIB, MIB } from "../base/bytes.ts";

export interface HttpLimits {
  /** Header lines of one request. */
  readonly headersMax: number;
  /** Names and values of all headers of one request, in characters as sent. */
  readonly headerBytesMax: number;
  /** Path and query of one request, in characters as sent. */
  readonly urlBytesMax: number;
  /** Bytes read from all sockets in one turn of the event loop, to a chunk more. */
  readonly readBytesPerTurn: number;
  /** How much of a body that nobody reads is taken before the connection is closed. */
  readonly drainBytesMax: number;
  /** How long a body that nobody reads may hold the answer back. */
  readonly drainMsMax: number;
  /** How long an upload or a download may stand still because of the client. */
  readonly stallMsMax: number;
}

export const HTTP_LIMITS: HttpLimits = {
  headersMax: 98,
  headerBytesMax: 64 * KIB,
  urlBytesMax: 16 * KIB,
  readBytesPerTurn: MIB,
  drainBytesMax: 16 * MIB,
  drainMsMax: 8_000,
  stallMsMax: 60_000,
};

/** How long the head of a request may take, and how long a connection may wait for the next one. */
export const IDLE_MS_MAX = 10_000;
