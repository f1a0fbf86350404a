/**
 * A drive without a thread: the same actor and the same front side, called in place. For tests and
 * simulation. What a thread does by its nature is done here too: read values are copied out of the
 * index.
 */
import type { DriveActor } from "./drive-actor.ts";
import { DriveClient, type DriveClientModules, type DriveClientOptions } from "./drive-client.ts";
import { type OpeningModules, type OpeningOptions, openDriveActor } from "./drive-opening.ts";
import type {
  DriveCallName,
  DriveLink,
  DriveOpening,
  DriveReply,
  DriveReport,
  DriveRequest,
  OpenedDrive,
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
    // The handler of K answers with a reply of K; the compiler lost the connection.
    if (!("value" in reply) || reply.value === undefined) return reply as DriveReply<K>;
    return { ...reply, value: Buffer.from(reply.value) } as DriveReply<K>;
  }

  onReport(callback: (report: DriveReport) => void): void {
    this.#callback = callback;
  }
}

export type InlineDriveOptions = OpeningOptions & Omit<DriveClientOptions, "id" | "path">;
export type InlineDriveModules = Omit<OpeningModules, "onReport" | "defer"> &
  Omit<DriveClientModules, "link">;

/** Opens a formatted folder. Rejects as `openDriveActor` does. */
export async function createInlineDrive(
  opening: DriveOpening,
  options: InlineDriveOptions,
  modules: InlineDriveModules,
): Promise<{ client: DriveClient; actor: DriveActor; opened: OpenedDrive }> {
  const link = new InlineLink();
  const { actor, opened } = await openDriveActor(opening, options, {
    ...modules,
    defer: queueMicrotask,
    onReport: link.report,
  });
  link.connect(actor);
  const { id, path } = opening;
  const client = new DriveClient({ ...options, id, path }, { ...modules, link }, opened.report);
  return { client, actor, opened };
}
