/**
 * The drive actor without a thread: the same calls, answered in place. For tests and simulation.
 * What a thread does by its nature is done here too: read values are copied out of the index.
 */
import type { DriveActor } from "./drive-actor.ts";
import type {
  DriveCallName,
  DriveLink,
  DriveReply,
  DriveReport,
  DriveRequest,
} from "./store-messages.ts";

export class InlineLink implements DriveLink {
  #actor: DriveActor | undefined;
  #callback: (report: DriveReport) => void = () => {};

  /** Give it to the actor as its `onReport`. */
  readonly report = (report: DriveReport): void => this.#callback(report);

  connect(actor: DriveActor): void {
    this.#actor = actor;
  }

  async call<K extends DriveCallName>(name: K, request: DriveRequest<K>): Promise<DriveReply<K>> {
    if (this.#actor === undefined) throw new Error("the link has no actor yet");
    const reply: DriveReply<DriveCallName> = await this.#actor.handlers[name](request);
    if (!("value" in reply) || reply.value === undefined) return reply as DriveReply<K>;
    return { ...reply, value: Buffer.from(reply.value) } as DriveReply<K>;
  }

  onReport(callback: (report: DriveReport) => void): void {
    this.#callback = callback;
  }
}
