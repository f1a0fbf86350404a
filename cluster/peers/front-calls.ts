/**
 * Our calls to other nodes, as the front keeps them: who waits for which answer, until when. A call
 * is settled once, whatever comes first: answer, failure, deadline, signal, end of the connection.
 */
import { assert } from "../../src/base/assert.ts";
import type { Clock, Timer } from "../../src/base/clock.ts";
import { type Frame, type FrameKind, NO_DEADLINE } from "./frame.ts";
import type { LaneClient } from "./lane-client.ts";
import { CALL_PAYLOAD_BYTES_MAX, METHOD_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import type { PeerError, PeerResult } from "./peer-network.ts";
import { decodeFailure } from "./wire-error.ts";

interface Pending {
  readonly member: number;
  readonly bytes: number;
  readonly timer: Timer;
  settle(result: PeerResult): void;
}

interface Load {
  calls: number;
  bytes: number;
}

/** One object of one shape for each call: there are many, and spreading objects costs more than sending. */
export interface OutgoingCall {
  readonly member: number;
  readonly method: string;
  readonly payload: Uint8Array;
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

const METHOD = /^[!-~]+$/;
const NOTHING = new Uint8Array(0);
const ID_LAST = 2 ** 32 - 1;

export class FrontCalls {
  readonly #lane: LaneClient;
  readonly #clock: Clock;
  readonly #limits: PeerLimits;
  readonly #pending = new Map<number, Pending>();
  readonly #loads = new Map<number, Load>();
  #lastId = 0;

  constructor(lane: LaneClient, clock: Clock, limits: PeerLimits) {
    this.#lane = lane;
    this.#clock = clock;
    this.#limits = limits;
  }

  call(call: OutgoingCall): Promise<PeerResult> {
    assertMethod(call.method);
    const refusal = this.#refusal(call);
    if (refusal !== undefined) return Promise.resolve({ ok: false, error: refusal });
    return new Promise((resolve) => this.#send(call, resolve));
  }

  /** An answer has come. */
  take(frame: Frame): void {
    if (frame.kind === "reply") this.#settle(frame.id, { ok: true, payload: frame.payload });
    else this.end([frame.id], decodeFailure(frame.payload));
  }

  end(ids: readonly number[], error: PeerError): void {
    for (const id of ids) this.#settle(id, { ok: false, error });
  }

  endAll(error: PeerError): void {
    this.end([...this.#pending.keys()], error);
  }

  #refusal({ payload, signal, deadlineMs, member }: OutgoingCall): PeerError | undefined {
    if (payload.length > CALL_PAYLOAD_BYTES_MAX) {
      return { code: "too-large", applied: "no", bytesMax: CALL_PAYLOAD_BYTES_MAX };
    }
    if (signal?.aborted) return { code: "aborted", applied: "no" };
    if (deadlineMs <= 0) return { code: "deadline", applied: "no" };
    const load = this.#loads.get(member);
    if (load === undefined) return undefined;
    const { callsInFlightMax, servedBytesMax } = this.#limits;
    return load.calls >= callsInFlightMax || load.bytes + payload.length > servedBytesMax
      ? { code: "busy", applied: "no", message: "too many calls to this peer are under way" }
      : undefined;
  }

  #send(call: OutgoingCall, resolve: (result: PeerResult) => void): void {
    const { member, method, payload, deadlineMs, signal } = call;
    const id = this.#nextId();
    const giveUp = (error: PeerError) => {
      this.#settle(id, { ok: false, error });
      this.#lane.sendFrame(member, frameOf("cancel", id));
    };
    const onAbort = () => giveUp({ code: "aborted", applied: "unknown" });
    signal?.addEventListener("abort", onAbort, { once: true });
    const timer = this.#clock.after(deadlineMs, () =>
      giveUp({ code: "deadline", applied: "unknown" }),
    );
    this.#pending.set(id, {
      member,
      bytes: payload.length,
      timer,
      settle(result) {
        signal?.removeEventListener("abort", onAbort);
        resolve(result);
      },
    });
    const load = this.#loads.get(member) ?? { calls: 0, bytes: 0 };
    load.calls += 1;
    load.bytes += payload.length;
    this.#loads.set(member, load);
    const version = 0;
    this.#lane.sendFrame(member, { version, kind: "request", id, deadlineMs, method, payload });
  }

  #settle(id: number, result: PeerResult): void {
    const pending = this.#pending.get(id);
    // Nobody waits any more.
    if (pending === undefined) return;
    this.#pending.delete(id);
    pending.timer.cancel();
    const load = this.#loads.get(pending.member);
    if (load !== undefined) {
      load.calls -= 1;
      load.bytes -= pending.bytes;
      if (load.calls === 0) this.#loads.delete(pending.member);
    }
    pending.settle(result);
  }

  /** Never 0, never one that is waiting. */
  #nextId(): number {
    do {
      this.#lastId = this.#lastId === ID_LAST ? 1 : this.#lastId + 1;
    } while (this.#pending.has(this.#lastId));
    return this.#lastId;
  }
}

export function assertMethod(method: string): void {
  const proper = method.length <= METHOD_BYTES_MAX && METHOD.test(method);
  assert(proper, "a method's name is short and ASCII");
}

export function frameOf(kind: FrameKind, id: number, payload: Uint8Array = NOTHING): Frame {
  return { version: 0, kind, id, deadlineMs: NO_DEADLINE, method: "", payload };
}
