/**
 * The inside of a store thread: opens drives, hands them the requests of each frame, and gathers
 * their replies into one frame per turn of the event loop.
 */
import { assert } from "../base/assert.ts";
import { ByteReader } from "./byte-writer.ts";
import type { DriveActor } from "./drive-actor.ts";
import { type OpeningModules, type OpeningOptions, openDriveActor } from "./drive-opening.ts";
import { readCallName, readRequest, writeReply } from "./drive-wire.ts";
import { reportReply } from "./drive-wire-fields.ts";
import { FrameSender } from "./frame-sender.ts";
import type { DriveCallName, DriveReply, DriveReport } from "./store-messages.ts";
import type { ControlReply, ControlRequest, ThreadPort } from "./thread-messages.ts";

export interface ThreadHostModules extends Omit<OpeningModules, "onReport" | "defer"> {
  readonly port: ThreadPort;
  /** Calls back at the end of the event loop's turn (setImmediate). */
  afterTurn(callback: () => void): void;
}

export class ThreadHost {
  readonly #options: OpeningOptions;
  readonly #modules: ThreadHostModules;
  readonly #actors = new Map<number, DriveActor>();
  readonly #sender: FrameSender;

  constructor(options: OpeningOptions, modules: ThreadHostModules) {
    this.#options = options;
    this.#modules = modules;
    this.#sender = new FrameSender(modules);
    modules.port.onMessage((message) => {
      if (message instanceof ArrayBuffer) this.#takeFrame(message);
      // Nobody else posts to this port.
      else void this.#control(message as ControlRequest);
    });
  }

  #takeFrame(frame: ArrayBuffer): void {
    const reader = new ByteReader(new Uint8Array(frame));
    const count = reader.u32();
    for (let index = 0; index < count; index++) {
      const id = reader.u32();
      const actor = this.#actors.get(reader.u16());
      assert(actor !== undefined, "requests go to open drives");
      this.#handle(id, actor, readCallName(reader), reader);
    }
  }

  #handle<K extends DriveCallName>(
    id: number,
    actor: DriveActor,
    name: K,
    reader: ByteReader,
  ): void {
    const reply = actor.handlers[name](readRequest(reader, name));
    // Handlers never reject: a bug that makes one do it ends the thread, and the drives with it.
    if (reply instanceof Promise) void reply.then((later) => this.#reply(id, name, later));
    else this.#reply(id, name, reply);
  }

  #reply<K extends DriveCallName>(id: number, name: K, reply: DriveReply<K>): void {
    const writer = this.#sender.nextEntry();
    writer.u32(id);
    writeReply(writer, name, reply);
  }

  #report(slot: number, report: DriveReport): void {
    const writer = this.#sender.nextEntry();
    writer.u32(0);
    writer.u16(slot);
    reportReply.writeOk(writer, report);
  }

  async #control(request: ControlRequest): Promise<void> {
    const { slot } = request;
    try {
      if (request.kind === "close") {
        const actor = this.#actors.get(slot);
        await actor?.close();
        // After the replies that the close brought about.
        this.#modules.afterTurn(() => {
          this.#actors.delete(slot);
          this.#post({ kind: "closed", slot });
        });
        return;
      }
      const { actor, opened } = await openDriveActor(request.opening, this.#options, {
        ...this.#modules,
        defer: queueMicrotask,
        onReport: (report) => this.#report(slot, report),
      });
      this.#actors.set(slot, actor);
      this.#post({ kind: "opened", slot, opened });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#post({ kind: "refused", slot, message });
    }
  }

  #post(reply: ControlReply): void {
    this.#modules.port.postMessage(reply, []);
  }
}
