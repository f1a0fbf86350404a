/**
 * Joining: the one thing that somebody who is not a member may ask. A stream carries one question
 * and one answer, both small; how often anybody may ask is bounded for all strangers together.
 *
 * Both are RPC frames without a hello: a request, then a reply or a failure.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import { encodeFrame, FRAME_HEADER_BYTES, type Frame, FrameReader, NO_DEADLINE } from "./frame.ts";
import type { Answer, LaneReport, Outcome } from "./lane-messages.ts";
import type { PeerId } from "./peer-id.ts";
import { JOIN_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import type { PeerStream } from "./peer-transport.ts";
import { decodeFailure, encodeFailure, travelling, type WireError } from "./wire-error.ts";

export interface JoinModules {
  readonly clock: Clock;
  readonly limits: PeerLimits;
  report(report: LaneReport): void;
}

interface Visitor {
  readonly stream: PeerStream;
  readonly timer: Timer;
}

const FRAME_MOST = FRAME_HEADER_BYTES + JOIN_BYTES_MAX;

export class JoinDesk {
  readonly #modules: JoinModules;
  readonly #visitors = new Map<number, Visitor>();
  #lastId = 0;
  #open = false;
  /** Questions that may be asked at once, as of then. */
  #tokens: number;
  #tokensMs: number;

  constructor(modules: JoinModules) {
    this.#modules = modules;
    this.#tokens = modules.limits.joinBurst;
    this.#tokensMs = modules.clock.monotonicMs();
  }

  open(): void {
    this.#open = true;
  }

  /** Somebody opened a stream to ask. */
  accept(peer: PeerId, stream: PeerStream): void {
    const { clock, limits, report } = this.#modules;
    this.#lastId += 1;
    const id = this.#lastId;
    const reader = new FrameReader(FRAME_MOST);
    const timer = clock.after(limits.strangerMs, () => stream.abort("took too long"));
    let asked = false;
    stream.listen({
      received: (piece) => {
        const fault = reader.push(piece, (frame) => {
          if (asked || frame.kind !== "request") stream.abort("one question, then an answer");
          else {
            asked = true;
            this.#ask(id, peer, stream, frame);
          }
        });
        if (fault !== undefined) stream.abort(fault);
      },
      drained: () => {},
      ended: () => {
        timer.cancel();
        if (this.#visitors.delete(id)) report({ kind: "join-gone", id });
      },
    });
    this.#visitors.set(id, { stream, timer });
  }

  answer(id: number, answer: Answer): void {
    const visitor = this.#visitors.get(id);
    if (visitor === undefined) return;
    if (answer.ok) this.#reply(visitor.stream, "reply", answer.payload);
    else {
      this.#fail(visitor.stream, {
        code: "remote",
        applied: "unknown",
        data: travelling(answer.data),
      });
    }
  }

  #ask(id: number, peer: PeerId, stream: PeerStream, frame: Frame): void {
    if (!this.#open) {
      this.#fail(stream, { code: "unknown-method", applied: "no" });
      return;
    }
    if (!this.#takeToken()) {
      this.#fail(stream, { code: "busy", applied: "no", message: "too many ask to join" });
      return;
    }
    const payload = Uint8Array.from(frame.payload);
    this.#modules.report({ kind: "join-asked", id, peer, payload });
  }

  #takeToken(): boolean {
    const { clock, limits } = this.#modules;
    const nowMs = clock.monotonicMs();
    const earned = (nowMs - this.#tokensMs) / limits.joinEveryMs;
    this.#tokens = Math.min(limits.joinBurst, this.#tokens + earned);
    this.#tokensMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  #fail(stream: PeerStream, error: WireError): void {
    this.#reply(stream, "failure", encodeFailure(error));
  }

  /** The visitor ends the stream when it has read this; the timer does if it never reads. */
  #reply(stream: PeerStream, kind: "reply" | "failure", payload: Uint8Array): void {
    stream.send([joinFrame(kind, payload, 0)]);
  }
}

/** Asks on a stream and resolves with the answer. */
export function askToJoin(
  stream: PeerStream,
  payload: Uint8Array,
  deadlineMs: number,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const reader = new FrameReader(FRAME_MOST);
    let outcome: Outcome | undefined;
    stream.listen({
      received: (piece) => {
        const fault = reader.push(piece, (frame) => {
          outcome ??= readAnswer(frame);
        });
        if (outcome !== undefined) stream.abort("answered");
        else if (fault !== undefined) stream.abort(fault);
      },
      drained: () => {},
      ended: (message) =>
        resolve(outcome ?? { ok: false, error: { code: "lost", applied: "unknown", message } }),
    });
    stream.send([joinFrame("request", payload, deadlineMs)]);
  });
}

function joinFrame(
  kind: "request" | "reply" | "failure",
  payload: Uint8Array,
  deadlineMs: number,
): Buffer {
  const header = { version: 0, id: 0, deadlineMs: deadlineMs || NO_DEADLINE, method: "" };
  return encodeFrame({ ...header, kind, payload });
}

function readAnswer(frame: Frame): Outcome {
  if (frame.kind === "reply") return { ok: true, payload: Uint8Array.from(frame.payload) };
  return { ok: false, error: decodeFailure(frame.payload) };
}
