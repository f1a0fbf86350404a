/** The front's end of one network lane: hands over what it is asked per turn, and passes on what the lane reports. */
import type { Frame } from "./frame.ts";
import { readBatch } from "./frame-batch.ts";
import type { LanePort, LaneReport, LaneRequest } from "./lane-messages.ts";
import { TurnOutbox } from "./turn-outbox.ts";

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
  readonly #outbox: TurnOutbox;
  #endReason: string | undefined;

  constructor(
    index: number,
    handle: LaneHandle,
    afterTurn: (callback: () => void) => void,
    listener: LaneListener,
  ) {
    this.index = index;
    this.#handle = handle;
    const { port } = handle;
    this.#outbox = new TurnOutbox(
      {
        post: (items, transfer) => {
          if (this.#endReason === undefined) port.post(items, transfer);
        },
        onMessage: (callback) => port.onMessage(callback),
      },
      afterTurn,
    );
    port.onMessage((items) => {
      for (const item of items) {
        if (this.#endReason !== undefined) return;
        if (item instanceof ArrayBuffer) {
          readBatch(item, (number, bytes) => listener.frame(this, number, bytes));
        } else listener.report(this, item as LaneReport); // nobody else posts to this port
      }
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
    this.#outbox.addFrame(number, frame);
  }

  request(request: LaneRequest): void {
    this.#outbox.add(request);
  }

  terminate(): Promise<void> {
    return this.#handle.terminate();
  }
}
