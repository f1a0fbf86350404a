/**
 * Calls of other nodes to us, as the front answers them: finds the handler, keeps each method within
 * its bound, tells handlers when nobody waits any more, and turns what they throw into data.
 */
import type { Clock, Timer } from "../../src/base/clock.ts";
import type { Logger } from "../../src/base/log.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { type Frame, NO_DEADLINE } from "./frame.ts";
import { assertMethod, frameOf } from "./front-calls.ts";
import type { LaneClient } from "./lane-client.ts";
import type { Answer } from "./lane-messages.ts";
import type { PeerId } from "./peer-id.ts";
import { CALL_PAYLOAD_BYTES_MAX, type PeerLimits } from "./peer-limits.ts";
import type { CallHandler, ServeContext, ServeLimits } from "./peer-network.ts";
import { encodeFailure, travelling, type WireError } from "./wire-error.ts";

interface Method {
  readonly handler: CallHandler;
  readonly inFlightMax: number;
}

interface Session {
  readonly number: number;
  readonly peer: PeerId;
  readonly contexts: Map<number, ServingContext>;
}

export interface ServerModules {
  readonly clock: Clock;
  readonly limits: PeerLimits;
  readonly logger: Logger;
}

export class FrontServer {
  readonly #lane: LaneClient;
  readonly #modules: ServerModules;
  readonly #methods: Map<string, Method>;
  readonly #sessions = new Map<number, Session>();
  /** Calls whose handlers are at work, per peer and method, whether or not anybody still waits. */
  readonly #running = new Map<string, number>();

  constructor(lane: LaneClient, methods: Map<string, Method>, modules: ServerModules) {
    this.#lane = lane;
    this.#methods = methods;
    this.#modules = modules;
  }

  begin(number: number, peer: PeerId): void {
    this.#sessions.set(number, { number, peer, contexts: new Map() });
  }

  end(number: number): void {
    const session = this.#sessions.get(number);
    this.#sessions.delete(number);
    for (const context of session?.contexts.values() ?? []) context.abort("the caller is gone");
  }

  endAll(): void {
    for (const number of [...this.#sessions.keys()]) this.end(number);
  }

  take(number: number, frame: Frame): void {
    const session = this.#sessions.get(number);
    if (session === undefined) return;
    if (frame.kind === "cancel") {
      session.contexts.get(frame.id)?.abort("cancelled by the caller");
      session.contexts.delete(frame.id);
    } else this.#request(session, frame);
  }

  #request(session: Session, frame: Frame): void {
    const method = this.#methods.get(frame.method);
    if (method === undefined) {
      this.#fail(session, frame.id, { code: "unknown-method", applied: "no" });
      return;
    }
    const slot = `${session.peer} ${frame.method}`;
    const running = this.#running.get(slot) ?? 0;
    if (running >= method.inFlightMax) {
      const message = `too many calls of ${frame.method} are being answered`;
      this.#fail(session, frame.id, { code: "busy", applied: "no", message });
      return;
    }
    this.#running.set(slot, running + 1);
    const context = new ServingContext(session.peer, frame.deadlineMs, this.#modules.clock);
    session.contexts.set(frame.id, context);
    void this.#run(method.handler, frame.payload, context).then((answer) => {
      this.#leave(slot);
      context.close();
      if (session.contexts.get(frame.id) === context) {
        session.contexts.delete(frame.id);
        this.#answer(session, frame.id, answer);
      }
    });
  }

  #leave(slot: string): void {
    const running = (this.#running.get(slot) ?? 1) - 1;
    if (running === 0) this.#running.delete(slot);
    else this.#running.set(slot, running);
  }

  async #run(handler: CallHandler, payload: Uint8Array, context: ServeContext): Promise<Answer> {
    return answerOf(
      async () => await handler(payload, context),
      CALL_PAYLOAD_BYTES_MAX,
      this.#modules.logger,
    );
  }

  #answer(session: Session, id: number, answer: Answer): void {
    if (answer.ok) {
      this.#lane.sendFrame(session.number, frameOf("reply", id, answer.payload));
    } else {
      const data = travelling(answer.data);
      this.#fail(session, id, { code: "remote", applied: "unknown", data });
    }
  }

  #fail(session: Session, id: number, error: WireError): void {
    this.#lane.sendFrame(session.number, frameOf("failure", id, encodeFailure(error)));
  }
}

export function methodOf(
  method: string,
  handler: CallHandler,
  served: ServeLimits | undefined,
  limits: PeerLimits,
): Method {
  assertMethod(method);
  return { handler, inFlightMax: served?.inFlightMax ?? limits.methodInFlightMax };
}

/** What a handler returns or throws, as data. A bug in one is logged here and told as internal. */
export async function answerOf(
  work: () => Promise<Uint8Array>,
  bytesMax: number,
  logger: Logger,
): Promise<Answer> {
  try {
    const payload = await work();
    if (payload.length <= bytesMax) return { ok: true, payload };
    throw new Error(`a reply of ${payload.length} bytes, at most ${bytesMax} may be sent`);
  } catch (error) {
    const { data } = StoreError.from(error);
    if (data.code === "internal") logger.error("a peer's request failed", { error: data.message });
    return { ok: false, data };
  }
}

/** The signal is made when somebody looks at it: most handlers are done before they would. */
export class ServingContext implements ServeContext {
  readonly peer: PeerId;
  readonly #clock: Clock;
  readonly #untilMs: number;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #abortedBy: string | undefined;

  constructor(peer: PeerId, deadlineMs: number, clock: Clock) {
    this.peer = peer;
    this.#clock = clock;
    this.#untilMs =
      deadlineMs === NO_DEADLINE ? Number.POSITIVE_INFINITY : clock.monotonicMs() + deadlineMs;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.#abortedBy !== undefined) controller.abort(new Error(this.#abortedBy));
    else if (Number.isFinite(this.#untilMs)) {
      const leftMs = Math.max(0, this.#untilMs - this.#clock.monotonicMs());
      this.#timer = this.#clock.after(leftMs, () => this.abort("deadline"));
    }
    return controller.signal;
  }

  abort(reason: string): void {
    this.#abortedBy ??= reason;
    this.#timer?.cancel();
    this.#controller?.abort(new Error(reason));
  }

  /** The handler is done. */
  close(): void {
    this.#timer?.cancel();
  }
}
