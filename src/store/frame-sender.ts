/**
 * Collects the entries of one turn of the event loop into one frame for the other thread: a message
 * costs the same for one entry as for many. Both ends of a store thread send this way.
 *
 * Frame: count of entries u32, then the entries (drive-wire.ts).
 */
import { ByteWriter } from "./byte-writer.ts";
import type { ThreadPort } from "./thread-messages.ts";

export interface FrameSenderModules {
  readonly port: ThreadPort;
  /** Calls back at the end of this turn of the event loop. */
  afterTurn(callback: () => void): void;
}

export class FrameSender {
  readonly #modules: FrameSenderModules;
  readonly #outgoing = new ByteWriter(0);
  #count = 0;

  constructor(modules: FrameSenderModules) {
    this.#modules = modules;
  }

  /** Where to write one more entry, at once and whole. */
  nextEntry(): ByteWriter {
    if (this.#count === 0) {
      this.#outgoing.u32(0);
      this.#modules.afterTurn(() => this.flush());
    }
    this.#count += 1;
    return this.#outgoing;
  }

  /** Sends what there is without waiting for the end of the turn. */
  flush(): void {
    if (this.#count === 0) return;
    this.#outgoing.patchU32(0, this.#count);
    this.#count = 0;
    const frame = this.#outgoing.takeTransferable();
    this.#modules.port.postMessage(frame, [frame]);
  }
}
