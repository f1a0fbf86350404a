/** The front's end of one network lane: batches frames per turn, and passes on what the lane reports. */
import type { Frame } from "./frame.ts";
import { FrameBatch, readBatch } from "./frame-batch.ts";
import type { LanePort, LaneReport, LaneRequest } from "./lane-messages.ts";

export interface LaneHandle {
  readonly port: LanePort;
  /** Calls back once, when the thread is gone. */
  onEnd(callback: (reason: string) => void): void;
  terminate(): Promise<void>;
}

export interface LaneListener {
  /** A frame of a member (answers to us) or of a session (questions to us). */
  frame(lane: LaneClient, number: number, bytes: Buffer): void;
  report(lane: LaneClient, report: LaneReport): void;
  ended(lane: LaneClient, reason: string): void;
}

export class LaneClient {
  readonly index: number;
  readonly #handle: LaneHandle;
  readonly #afterTurn: (callback: () => void) => void;
  readonly #batch = new FrameBatch();
  #endReason: string | undefined;

  constructor(
    index: number,
    handle: LaneHandle,
    afterTurn: (callback: () => void) => void,
    listener: LaneListener,
  ) {
    this.index = index;
    this.#handle = handle;
    this.#afterTurn = afterTurn;
    handle.port.onMessage((message) => {
      if (this.#endReason !== undefined) return;
      if (message instanceof ArrayBuffer) {
        readBatch(message, (number, bytes) => listener.frame(this, number, bytes));
      } else listener.report(this, message as LaneReport); // nobody else posts to this port
    });
    handle.onEnd((reason) => {
      if (this.#endReason !== undefined) return;
      this.#endReason = reason;
      listener.ended(this, reason);
    });
  }

  /** Why the thread is gone, if it is. */
  get endReason(): string | undefined {
    return this.#endReason;
  }

  sendFrame(number: number, frame: Frame): void {
    if (this.#batch.isEmpty) this.#afterTurn(() => this.#flush());
    this.#batch.add(number, frame);
  }

  /** After the frames of this turn. */
  request(request: LaneRequest): void {
    this.#flush();
    if (this.#endReason === undefined) this.#handle.port.post(request, []);
  }

  terminate(): Promise<void> {
    return this.#handle.terminate();
  }

  #flush(): void {
    if (this.#batch.isEmpty) return;
    const batch = this.#batch.take();
    if (this.#endReason === undefined) this.#handle.port.post(batch, [batch]);
  }
}
