/**
 * What one thread has to tell the other in one turn of its event loop, in one message: waking the
 * other thread costs more than what it is told. Frames and plain objects keep their order.
 */
import type { Frame } from "./frame.ts";
import { FrameBatch } from "./frame-batch.ts";
import type { LanePort } from "./lane-messages.ts";

export class TurnOutbox {
  readonly #port: LanePort;
  readonly #afterTurn: (callback: () => void) => void;
  readonly #batch = new FrameBatch();
  #items: unknown[] = [];
  #transfer: ArrayBuffer[] = [];
  #due = false;

  constructor(port: LanePort, afterTurn: (callback: () => void) => void) {
    this.#port = port;
    this.#afterTurn = afterTurn;
  }

  addFrame(number: number, frame: Frame): void {
    this.#batch.add(number, frame);
    this.#schedule();
  }

  /** A frame that is bytes already. */
  addBytes(number: number, bytes: Uint8Array): void {
    this.#batch.addBytes(number, bytes);
    this.#schedule();
  }

  add(item: object): void {
    this.#closeBatch();
    this.#items.push(item);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#due) return;
    this.#due = true;
    this.#afterTurn(() => this.#flush());
  }

  #closeBatch(): void {
    if (this.#batch.isEmpty) return;
    const batch = this.#batch.take();
    this.#items.push(batch);
    this.#transfer.push(batch);
  }

  #flush(): void {
    this.#due = false;
    this.#closeBatch();
    const items = this.#items;
    const transfer = this.#transfer;
    this.#items = [];
    this.#transfer = [];
    this.#port.post(items, transfer);
  }
}
