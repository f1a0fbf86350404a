/**
 * A drive of the node, there or not, with the thread that serves it: opened at the start, let go of
 * when it fails, looked for and opened again.
 *
 * A drive that comes back proves first that it is the one: its identity names this cluster, this
 * node, this drive, and the index in its folder says the same. What it holds is then compared with
 * others before it counts (cluster/register/drive-membership.ts).
 */
import { type Clock, withDeadline } from "../base/clock.ts";
import type { Disk } from "../base/disk.ts";
import type { DriveId } from "../base/ids.ts";
import type { Logger } from "../base/log.ts";
import { DriveClient } from "./drive-client.ts";
import type { DriveFormat } from "./drive-format.ts";
import { updateIdentity } from "./drive-formatting.ts";
import { inspectFolder } from "./drive-inspection.ts";
import { INDEX_FOLDER } from "./drive-opening.ts";
import { type DrivePlan, returnProblem } from "./drive-plan.ts";
import type { ReturningDrive } from "./drive-returns.ts";
import { enterIndex, leaveIndex } from "./index-mark.ts";
import { createLostLink, lostReport } from "./lost-link.ts";
import type { DriveLink, DriveOpening, OpenedDrive } from "./store-messages.ts";
import type { StoreThread } from "./store-thread.ts";

export interface DriveSeatOptions {
  readonly id: DriveId;
  readonly index: number;
  /** Where it is, or where it was expected. */
  readonly path: string;
  readonly requestsInFlightMax: number;
  readonly deadlineMs: number;
  readonly probeIntervalMs: number;
}

export interface DriveSeatModules {
  readonly thread: StoreThread;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Logger;
  readonly plan: Pick<DrivePlan, "cluster" | "node" | "table" | "stripeDataBytesMax">;
  /** Folders in which no drive is open. */
  freePaths(): readonly string[];
  /** Of this process, once it is known. */
  incarnation(): number;
}

export class DriveSeat implements ReturningDrive {
  readonly id: DriveId;
  readonly client: DriveClient;
  readonly #modules: DriveSeatModules;
  readonly #deadlineMs: number;
  /** Its number in the thread while it is open there. */
  #slot: number | undefined;
  /** The opening at the start, however it ends: it may have been given up before. */
  #opening: Promise<unknown> = Promise.resolve();

  constructor(options: DriveSeatOptions, modules: DriveSeatModules) {
    this.id = options.id;
    this.#modules = modules;
    this.#deadlineMs = options.deadlineMs;
    const report = lostReport("offline", "it has not been opened");
    const { clock, log } = modules;
    this.client = new DriveClient(options, { link: createLostLink(report), clock, log }, report);
  }

  status() {
    return this.client.status();
  }

  onStateChange(callback: () => void): void {
    this.client.onStateChange(callback);
  }

  /**
   * At the start. Rejects with an error that says why the drive cannot be used; one that hangs is not
   * waited for, and comes back as any that has failed.
   */
  async open(opening: DriveOpening): Promise<OpenedDrive> {
    await enterIndex(`${opening.path}/${INDEX_FOLDER}`, this.#modules);
    const starting = this.#openInThread(opening);
    this.#opening = starting.catch(() => {});
    const { clock } = this.#modules;
    const deadlineMs = this.#deadlineMs;
    const { link, opened } = await withDeadline({ clock, deadlineMs }, starting, () => {
      throw new Error(`it does not open within ${deadlineMs / 1000} s`);
    });
    this.client.connect(link, opening.path, opened.report);
    return opened;
  }

  async release(): Promise<void> {
    await this.#opening;
    const slot = this.#slot;
    if (slot === undefined) return;
    const { state, path } = this.client.status();
    await this.#modules.thread.close(slot);
    this.#slot = undefined;
    // What failed is read through when it is opened again.
    if (state === "online") await leaveIndex(`${path}/${INDEX_FOLDER}`, this.#modules);
  }

  async reopen(): Promise<void> {
    const { log } = this.#modules;
    await this.release();
    const { path, format } = await this.#find();
    const opening = { path, id: this.id, create: false, needsResync: false };
    await enterIndex(`${path}/${INDEX_FOLDER}`, this.#modules);
    const { link, opened } = await this.#openInThread(opening);
    const { state, reason } = opened.report;
    if (state !== "online") throw new Error(reason ?? state);
    await this.#makeCurrent(link, path, format);
    log.info("a drive is online again", { drive: this.id, path });
    this.client.connect(link, path, opened.report);
  }

  /** For good: what was asked before is answered first. */
  async close(): Promise<void> {
    this.client.stop();
    await this.release();
  }

  async #openInThread(opening: DriveOpening): Promise<{ link: DriveLink; opened: OpenedDrive }> {
    const { link, opened, slot } = await this.#modules.thread.open(opening);
    this.#slot = slot;
    return { link, opened };
  }

  async #find(): Promise<{ path: string; format: DriveFormat }> {
    const { disk, plan, freePaths } = this.#modules;
    const problems: string[] = [];
    const own = this.client.path;
    const elsewhere = freePaths().filter((path) => path !== own);
    // Another drive may have been mounted where this one was, and this one where the other was.
    const paths = elsewhere.length < freePaths().length ? [own, ...elsewhere] : elsewhere;
    for (const path of paths) {
      const folder = await inspectFolder(disk, path);
      const problem = returnProblem(folder, this.id, plan);
      if (problem !== undefined) problems.push(problem);
      else if (folder.finding.kind === "drive") return { path, format: folder.finding.format };
    }
    throw new Error(problems.length > 0 ? problems.join("; ") : "no folder is left for it");
  }

  /** What a start does for every drive that it finds. */
  async #makeCurrent(link: DriveLink, path: string, format: DriveFormat): Promise<void> {
    const { disk, plan, incarnation } = this.#modules;
    const stripeDataBytesMax = Math.max(format.stripeDataBytesMax, plan.stripeDataBytesMax);
    const tableGrew = format.drives.length < plan.table.length;
    if (tableGrew || format.stripeDataBytesMax < stripeDataBytesMax) {
      await updateIdentity(disk, path, { ...format, drives: plan.table, stripeDataBytesMax });
    }
    const reply = await link.call("raiseIncarnation", { incarnation: incarnation() });
    if (!reply.ok) throw new Error("its incarnation could not be stored");
  }
}
