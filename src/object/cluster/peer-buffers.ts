/**
 * Memory for what other nodes write to and read from the drives of this one: a few stripes of the
 * arena, taken for good and cut into pieces.
 *
 * They are apart from what clients of this node use, in each direction. Else two nodes whose arenas
 * are full of their own uploads would wait for each other for ever. A piece of these is only ever
 * waited for by a drive of this node, or by a peer that has made room before it asked, so each comes
 * back by itself.
 */
import type { Arena, Stripe } from "../../actors/arena.ts";
import { assert } from "../../base/assert.ts";

export type PeerTraffic = "incoming" | "outgoing";

/** What an incoming shard has of its own, so that it takes a piece only when bytes have come. */
export const FIRST_BYTES = 64;

export interface PeerBuffersOptions {
  readonly pieceBytes: number;
  /** For each direction. */
  readonly stripes: number;
}

export interface Piece {
  readonly offset: number;
  readonly bytes: number;
}

type Waiter = (piece: Piece) => void;

export class PeerBuffers {
  readonly pieceBytes: number;
  readonly #memory: Uint8Array;
  readonly #free: Record<PeerTraffic, Piece[]>;
  readonly #waiting: Record<PeerTraffic, Waiter[]> = { incoming: [], outgoing: [] };
  readonly #first: Piece[] = [];

  constructor(arena: Arena, { pieceBytes, stripes }: PeerBuffersOptions) {
    this.pieceBytes = Math.min(pieceBytes, arena.stripeBytes);
    this.#memory = new Uint8Array(arena.memory.buffer);
    this.#free = {
      incoming: takePieces(arena, "write", { pieceBytes: this.pieceBytes, stripes }),
      outgoing: takePieces(arena, "read", { pieceBytes: this.pieceBytes, stripes }),
    };
    const cut = this.#free.incoming.pop();
    assert(cut !== undefined, "there is a piece to cut");
    for (let at = 0; at + FIRST_BYTES <= cut.bytes; at += FIRST_BYTES) {
      this.#first.push({ offset: cut.offset + at, bytes: FIRST_BYTES });
    }
  }

  /** Undefined when as many shards are coming in as there may be. */
  takeFirst(): Piece | undefined {
    return this.#first.pop();
  }

  giveBackFirst(first: Piece): void {
    this.#first.push(first);
  }

  /** Copies the first bytes to the beginning of a piece. */
  copyFirst(first: Piece, piece: Piece): void {
    this.#memory.copyWithin(piece.offset, first.offset, first.offset + first.bytes);
  }

  /** In the order of asking. */
  take(traffic: PeerTraffic): Promise<Piece> {
    const piece = this.#free[traffic].pop();
    if (piece !== undefined) return Promise.resolve(piece);
    return new Promise((resolve) => this.#waiting[traffic].push(resolve));
  }

  giveBack(traffic: PeerTraffic, piece: Piece): void {
    const next = this.#waiting[traffic].shift();
    if (next === undefined) this.#free[traffic].push(piece);
    else next(piece);
  }
}

function takePieces(
  arena: Arena,
  use: Stripe["use"],
  { pieceBytes, stripes }: PeerBuffersOptions,
): Piece[] {
  const pieces: Piece[] = [];
  for (let count = 0; count < stripes; count++) {
    const stripe = arena.tryAcquire(use);
    assert(stripe !== undefined, "the arena has stripes for its peers");
    for (let at = 0; at + pieceBytes <= arena.stripeBytes; at += pieceBytes) {
      pieces.push({ offset: stripe.offset + at, bytes: pieceBytes });
    }
  }
  return pieces;
}
