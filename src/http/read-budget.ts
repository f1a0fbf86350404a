/**
 * Bounds what the front reads from sockets in one turn of its event loop. Each readable socket hands
 * over up to 512 KiB, and hundreds may be readable at once; without a bound nothing else would be
 * looked after until all of them were read.
 *
 * When the budget of a turn is used up, all sockets are held and wait in line. Each turn lets in as
 * many as can use up the budget; one that brings little stays in, so that slow clients cost nothing.
 */

import { KIB } from "../base/bytes.ts";

/** The reading side of a socket. */
export interface Readable {
  pause(): void;
  resume(): void;
}

export interface ReadBudgetModules {
  /** Calls back at the end of the event loop's turn (setImmediate). */
  afterTurn(callback: () => void): void;
}

/** What a socket brings at a time, at most: of uWebSockets.js. */
const SOCKET_READ_BYTES_MAX = 512 * KIB;

export class ReadBudget {
  readonly #bytesPerTurn: number;
  readonly #socketsPerTurn: number;
  readonly #afterTurn: (callback: () => void) => void;
  /** Those that may be read, the one read last at the end. */
  readonly #readable = new Set<Readable>();
  /** Those that are held, in line. */
  readonly #held = new Set<Readable>();
  #taken = 0;
  #turnAwaited = false;

  constructor(
    bytesPerTurn: number,
    { afterTurn }: ReadBudgetModules,
    socketReadBytesMax: number = SOCKET_READ_BYTES_MAX,
  ) {
    this.#bytesPerTurn = bytesPerTurn;
    this.#socketsPerTurn = Math.max(1, Math.floor(bytesPerTurn / socketReadBytesMax));
    this.#afterTurn = afterTurn;
  }

  /** A socket that is being read already. */
  add(socket: Readable): void {
    this.#readable.add(socket);
  }

  /** A socket that its owner had paused: it goes on at once, or when its turn comes. */
  resume(socket: Readable): void {
    if (this.#held.size > 0 || this.#taken >= this.#bytesPerTurn) {
      this.#held.add(socket);
      this.#awaitTurn();
    } else {
      this.#readable.add(socket);
      socket.resume();
    }
  }

  /** One that its owner pauses, that is complete or gone; it is not held any more. */
  remove(socket: Readable): void {
    this.#readable.delete(socket);
    if (this.#held.delete(socket)) socket.resume();
  }

  /** Bytes came from a socket; call it last, because the socket may be held from now on. */
  took(socket: Readable, bytes: number): void {
    this.#taken += bytes;
    this.#awaitTurn();
    if (this.#readable.delete(socket)) this.#readable.add(socket);
    if (this.#taken < this.#bytesPerTurn) return;
    for (const readable of this.#readable) {
      readable.pause();
      this.#held.add(readable);
    }
    this.#readable.clear();
  }

  #awaitTurn(): void {
    if (this.#turnAwaited) return;
    this.#turnAwaited = true;
    this.#afterTurn(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#turnAwaited = false;
    this.#taken = 0;
    let left = this.#socketsPerTurn;
    for (const socket of this.#held) {
      if (left === 0) {
        this.#awaitTurn();
        return;
      }
      left--;
      this.#held.delete(socket);
      this.#readable.add(socket);
      socket.resume();
    }
  }
}
