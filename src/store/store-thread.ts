/**
 * The front side of one store thread: gathers the requests of one turn of the event loop into one
 * frame, finds the caller of each reply, and, when the thread ends, answers everybody that waits.
 */
import { Worker } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { createDeferred, type Deferred } from "../base/deferred.ts";
import { ByteReader } from "./byte-writer.ts";
import type { DriveRefusal } from "./drive.ts";
import { readReply, writeRequest } from "./drive-wire.ts";
import { reportReply } from "./drive-wire-fields.ts";
import { FrameSender } from "./frame-sender.ts";
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

interface Pending {
  readonly slot: number;
  /** Reads the reply that follows in the frame and hands it over. */
  take(reader: ByteReader): void;
  lose(report: DriveReport): void;
}

const ID_MAX = 2 ** 32 - 1;

export class StoreThread {
  readonly #modules: StoreThreadModules;
  readonly #pending = new Map<number, Pending>();
  readonly #reports = new Map<number, (report: DriveReport) => void>();
  readonly #controls = new Map<number, Deferred<ControlReply>>();
  #lastId = 0;
  #lastSlot = -1;
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
    this.#lastSlot += 1;
    const slot = this.#lastSlot;
    const link = this.#createLink(slot);
    const reply = await this.#control({ kind: "open", slot, opening });
    if (reply.kind === "opened") return { link, opened: reply.opened, slot };
    throw new Error(reply.kind === "refused" ? reply.message : "the store thread ended");
  }

  /** Closes one drive after what was asked before has been answered. */
  async close(slot: number): Promise<void> {
    this.#sender.flush();
    await this.#control({ kind: "close", slot });
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
    const report = lostReport(message);
    for (const callback of this.#reports.values()) callback(report);
    for (const pending of this.#pending.values()) pending.lose(report);
    this.#pending.clear();
  }

  #createLink(slot: number): DriveLink {
    return {
      call: (name, request) => this.#call(slot, name, request),
      onReport: (callback) => {
        this.#reports.set(slot, callback);
        if (this.#endReason !== undefined) callback(lostReport(this.#endReason));
      },
    };
  }

  #call<K extends DriveCallName>(
    slot: number,
    name: K,
    request: DriveRequest<K>,
  ): Promise<DriveReply<K>> {
    if (this.#endReason !== undefined) {
      return Promise.resolve(lostReply(name, lostReport(this.#endReason), "no"));
    }
    const id = this.#nextId();
    const writer = this.#sender.nextEntry();
    writer.u32(id);
    writer.u16(slot);
    writeRequest(writer, name, request);
    return new Promise((resolve) => {
      this.#pending.set(id, {
        slot,
        take: (reader) => resolve(readReply(reader, name)),
        lose: (report) => resolve(lostReply(name, report, "unknown")),
      });
    });
  }

  /** Never 0, never one that is waiting. */
  #nextId(): number {
    do {
      this.#lastId = this.#lastId === ID_MAX ? 1 : this.#lastId + 1;
    } while (this.#pending.has(this.#lastId));
    return this.#lastId;
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
        this.#reports.get(slot)?.(report);
        continue;
      }
      const pending = this.#pending.get(id);
      assert(pending !== undefined, "a reply belongs to a request");
      this.#pending.delete(id);
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

function lostReport(reason: string): DriveReport {
  return {
    ok: true,
    state: "faulty",
    reason,
    full: false,
    totalBytes: 0,
    freeBytes: 0,
    readErrors: 0,
    writeErrors: 0,
  };
}

/** The answer to a call that a thread took with it. */
function lostReply<K extends DriveCallName>(
  name: K,
  report: DriveReport,
  applied: "no" | "unknown",
): DriveReply<K> {
  const message = report.reason ?? "the store thread ended";
  const refusal: DriveRefusal = { ok: false, reason: "unavailable", applied, message };
  // Three calls cannot be refused: two answer with the report, one has nothing left to do.
  const reply =
    name === "probe" || name === "fail" ? report : name === "shardAbort" ? { ok: true } : refusal;
  return reply as DriveReply<K>;
}
