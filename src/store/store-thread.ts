/**
 * The front side of one store thread: gathers the requests of one turn of the event loop into one
 * frame, finds the caller of each reply, and, when the thread ends, answers everybody that waits.
 */
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { Places } from "../base/places.ts";
import { ByteReader } from "./byte-writer.ts";
import { readReply, writeRequest } from "./drive-wire.ts";
import { reportReply } from "./drive-wire-fields.ts";
import { FrameSender } from "./frame-sender.ts";
import { lostReply, lostReport } from "./lost-link.ts";
import type {
  DriveCallName,
  DriveLink,
  DriveOpening,
  DriveReply,
  DriveReport,
  DriveRequest,
  OpenedDrive,
} from "./store-messages.ts";
import type { ControlReply, ControlRequest, ThreadPort, ThreadStart } from "./thread-messages.ts";

export interface StoreThreadModules {
  readonly port: ThreadPort;
  /** Calls back at the end of the event loop's turn (setImmediate). */
  afterTurn(callback: () => void): void;
  /** Ends the thread. */
  terminate(): Promise<void>;
}

/** One opening of a drive. Once it is closed nothing is sent for it any more. */
interface Channel {
  readonly slot: number;
  closed: boolean;
  onReport(report: DriveReport): void;
}

interface Pending {
  /** Reads the reply that follows in the frame and hands it over. */
  take(reader: ByteReader): void;
  lose(report: DriveReport): void;
}

export class StoreThread {
  readonly #modules: StoreThreadModules;
  /** Each request's id is its place here and one. */
  readonly #pending = new Places<Pending>();
  readonly #channels = new Map<number, Channel>();
  readonly #controls = new Map<number, Deferred<ControlReply>>();
  readonly #sender: FrameSender;
  #closing = false;
  #endReason: string | undefined;

  constructor(modules: StoreThreadModules) {
    this.#modules = modules;
    this.#sender = new FrameSender(modules);
    modules.port.onMessage((message) => {
      if (message instanceof ArrayBuffer) this.#takeFrame(message);
      // Nobody else posts to this port.
      else this.#takeControl(message as ControlReply);
    });
  }

  /** Opens a drive in the thread. Rejects with an error that says why it cannot be used. */
  async open(
    opening: DriveOpening,
  ): Promise<{ link: DriveLink; opened: OpenedDrive; slot: number }> {
    const slot = this.#freeSlot();
    const channel: Channel = { slot, closed: false, onReport() {} };
    this.#channels.set(slot, channel);
    const reply = await this.#control({ kind: "open", slot, opening });
    if (reply.kind === "opened") {
      return { link: this.#createLink(channel), opened: reply.opened, slot };
    }
    this.#channels.delete(slot);
    throw new Error(reply.kind === "refused" ? reply.message : "the store thread ended");
  }

  /**
   * Closes one drive after what was asked before has been answered; what is asked after is refused.
   * Rejects when the drive cannot be let go of.
   */
  async close(slot: number): Promise<void> {
    const channel = this.#channels.get(slot);
    if (channel === undefined) return;
    if (channel.closed) throw new Error("the drive is being closed");
    channel.closed = true;
    this.#sender.flush();
    const reply = await this.#control({ kind: "close", slot });
    // Otherwise the thread may still be at work for it: its number is not given to another.
    if (reply.kind !== "closed") throw new Error("the drive could not be closed");
    this.#channels.delete(slot);
  }

  #freeSlot(): number {
    for (let slot = 0; ; slot++) if (!this.#channels.has(slot)) return slot;
  }

  async terminate(): Promise<void> {
    this.#closing = true;
    // Not before: only then is nobody at work in the arena any more.
    await this.#modules.terminate();
    this.ended("");
  }

  /** The thread is gone: what waits may or may not have happened. */
  ended(reason: string): void {
    if (this.#endReason !== undefined) return;
    const message = this.#closing ? "the store was closed" : reason;
    this.#endReason = message;
    for (const [slot, control] of this.#controls) {
      control.resolve({ kind: "refused", slot, message });
    }
    const report = lostReport("faulty", message);
    for (const channel of this.#channels.values()) channel.onReport(report);
    for (const pending of this.#pending) pending.lose(report);
    this.#pending.clear();
  }

  #createLink(channel: Channel): DriveLink {
    return {
      call: (name, request) => this.#call(channel, name, request),
      onReport: (callback) => {
        channel.onReport = callback;
        if (this.#endReason !== undefined) callback(lostReport("faulty", this.#endReason));
      },
    };
  }

  #call<K extends DriveCallName>(
    { slot, closed }: Channel,
    name: K,
    request: DriveRequest<K>,
  ): Promise<DriveReply<K>> {
    if (closed || this.#endReason !== undefined) {
      const report = lostReport("faulty", this.#endReason ?? "the drive was closed");
      return Promise.resolve(lostReply(name, report, "no"));
    }
    const writer = this.#sender.nextEntry();
    return new Promise((resolve) => {
      const place = this.#pending.put({
        take: (reader) => resolve(readReply(reader, name)),
        lose: (report) => resolve(lostReply(name, report, "unknown")),
      });
      // 0 stands for a report.
      writer.u32(place + 1);
      writer.u16(slot);
      writeRequest(writer, name, request);
    });
  }

  #takeFrame(frame: ArrayBuffer): void {
    if (this.#endReason !== undefined) return;
    const reader = new ByteReader(new Uint8Array(frame));
    const count = reader.u32();
    for (let index = 0; index < count; index++) {
      const id = reader.u32();
      if (id === 0) {
        const slot = reader.u16();
        const report = reportReply.readOk(reader);
        this.#channels.get(slot)?.onReport(report);
        continue;
      }
      const pending = this.#pending.take(id - 1);
      assert(pending !== undefined, "a reply belongs to a request");
      pending.take(reader);
    }
  }

  #control(request: ControlRequest): Promise<ControlReply> {
    const { slot } = request;
    if (this.#endReason !== undefined) {
      return Promise.resolve({ kind: "refused", slot, message: this.#endReason });
    }
    const deferred = createDeferred<ControlReply>();
    this.#controls.set(slot, deferred);
    this.#modules.port.postMessage(request, []);
    return deferred.promise;
  }

  #takeControl(reply: ControlReply): void {
    this.#controls.get(reply.slot)?.resolve(reply);
    this.#controls.delete(reply.slot);
  }
}

/** Starts a thread on the real disk and engine. */
export function startStoreThread(start: ThreadStart): StoreThread {
  const worker = new Worker(new URL("./store-worker.js", import.meta.url), { workerData: start });
  const thread = new StoreThread({
    port: {
      postMessage: (message, transfer) => worker.postMessage(message, transfer),
      onMessage: (callback) => void worker.on("message", callback),
    },
    afterTurn: (callback) => void setImmediate(callback),
    terminate: async () => void (await worker.terminate()),
  });
  let failure: string | undefined;
  worker.on("error", (error) => {
    failure = error.message;
  });
  // Only now has the kernel finished what the thread had begun in the arena.
  worker.on("exit", (code) => thread.ended(`store thread failed: ${failure ?? `code ${code}`}`));
  return thread;
}
