/**
 * Drives of this node of a cluster that come and go while it runs. A drive that the cluster has given
 * to the node gets the next empty folder. A drive whose disk was replaced, so that its folder is
 * there and empty, is replaced in the cluster: a new drive with an id of its own takes over its
 * slots by a change of the ring, as `ringfort cluster replace` does it. So a drive that has lost
 * what it had promised never votes again; what is in its place begins with nothing and says so.
 *
 * Nothing is replaced while it could be a mistake: the folder has to stay empty for a while, with a
 * disk mounted where there was one, it has to be known whose it was, the new disk has to be about as
 * large, and enough drives have to answer for the change to end. A replacement that was given up is
 * not begun again.
 */
import type { MemberDrive, MemberNode } from "../../../cluster/layout/members.ts";
import { type Clock, type Timer, withDeadline } from "../../base/clock.ts";
import type { DriveId } from "../../base/ids.ts";
import { newDriveId } from "../../base/ids.ts";
import type { Logger } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import type { ClusterAdministration } from "../../object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../../object/cluster/cluster-map.ts";
import { partitionsWithoutMajority } from "../../object/cluster/ring-safety.ts";
import type { Drive, DriveStatus } from "../../store/drive.ts";
import type { Store } from "../../store/store.ts";

export interface ReplacementOptions {
  /** How long a folder stays empty before its drive is replaced; undefined: never by itself. */
  readonly afterMs: number | undefined;
}

export interface ReplacementModules {
  map(): ClusterMap;
  /** This node among the members. */
  member(): MemberNode | undefined;
  readonly store: Pick<Store, "drives" | "emptyFolders" | "adopt">;
  readonly administration: Pick<ClusterAdministration, "apply">;
  statusOf(driveId: string): Pick<DriveStatus, "state"> | undefined;
  capacityOf(path: string): Promise<number>;
  /** Makes the folder this node's before a drive is made in it. Rejects when it is in use. */
  claim(path: string): Promise<void>;
  /** The drive is there: from now on it serves. */
  take(drive: Drive): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** How often it is looked whether a drive is missing. */
const LOOK_MS = 1_000;
const STOP_MS_MAX = 5_000;
/** Disks of one size differ by a little. */
const CAPACITY_SHARE_MIN = 0.95;

/** A drive that is to be replaced, and the folder that the new one is made in. */
interface Lost {
  readonly drive: MemberDrive;
  readonly path: string;
}

export class DriveReplacement {
  readonly #options: ReplacementOptions;
  readonly #modules: ReplacementModules;
  /** Replaced by this process: whoever gave that up does not want it again. */
  readonly #tried = new Set<DriveId>();
  readonly #emptySince = new Map<string, number>();
  readonly #said = new Set<string>();
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ReplacementOptions, modules: ReplacementModules) {
    this.#options = options;
    this.#modules = modules;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#modules.clock.after(LOOK_MS, () => {
      const looking = this.look().catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        this.#say(`an empty folder cannot become a drive yet: ${reason}`);
      });
      this.#looking = looking.then(() => this.start());
    });
  }

  /** A disk that hangs is not waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    const { clock } = this.#modules;
    const looking = this.#looking ?? Promise.resolve();
    await withDeadline({ clock, deadlineMs: STOP_MS_MAX }, looking, () => undefined);
  }

  /** One look, and whatever follows from it now. */
  async look(): Promise<void> {
    const node = this.#modules.member();
    if (node === undefined || node.state !== "active") return;
    const given = node.drives.filter((drive) => this.#isGiven(drive));
    const missing = node.drives.filter((drive) => this.#isMissing(drive));
    if (given.length === 0 && missing.length === 0) {
      this.#emptySince.clear();
      return;
    }
    const places = await this.#modules.store.emptyFolders();
    const [next] = given;
    if (next !== undefined) {
      await this.#adopt(next, places);
      return;
    }
    await this.#replace(missing, this.#settled(places));
  }

  /** The cluster has given it to this node, and no folder has it yet. */
  #isGiven({ driveId, state }: MemberDrive): boolean {
    return state === "active" && this.#own(driveId) === undefined;
  }

  #isMissing({ driveId, state }: MemberDrive): boolean {
    const own = this.#own(driveId);
    return state === "active" && own !== undefined && own.status().state !== "online";
  }

  #own(driveId: DriveId): Drive | undefined {
    return this.#modules.store.drives.find(({ id }) => id === driveId);
  }

  /** In the folder of one that goes, where there is one. */
  async #adopt({ driveId, number }: MemberDrive, places: readonly string[]): Promise<void> {
    const { store, claim, take, log } = this.#modules;
    const offline = store.drives.filter((drive) => drive.status().state !== "online");
    const path = places.find((place) => offline.some((drive) => drive.path === place)) ?? places[0];
    if (path === undefined) {
      this.#say(`drive ${number} of this node waits for an empty folder`);
      return;
    }
    await claim(path);
    take(await store.adopt({ id: driveId, index: number }, path));
    this.#emptySince.delete(path);
    log.info("an empty folder is a drive of this node now", { path, drive: driveId, number });
  }

  /** Those that have been empty for long enough. */
  #settled(places: readonly string[]): string[] {
    const { clock } = this.#modules;
    const { afterMs } = this.#options;
    for (const path of this.#emptySince.keys()) {
      if (!places.includes(path)) this.#emptySince.delete(path);
    }
    const nowMs = clock.monotonicMs();
    return places.filter((path) => {
      const sinceMs = this.#emptySince.get(path) ?? nowMs;
      this.#emptySince.set(path, sinceMs);
      return afterMs !== undefined && nowMs - sinceMs >= afterMs;
    });
  }

  async #replace(missing: readonly MemberDrive[], places: readonly string[]): Promise<void> {
    const { map, administration, claim, capacityOf, random, log } = this.#modules;
    const { record } = map();
    const [lost] = this.#lost(missing, places);
    if (lost === undefined || record.ring.phase !== "stable") return;
    const { drive, path } = lost;
    const capacityBytes = await capacityOf(path);
    const doubt = this.#doubt(lost, capacityBytes);
    if (doubt !== undefined) {
      this.#say(
        `${path} is empty, and drive ${drive.number} is not replaced by itself: ${doubt}. ` +
          `If its data is lost: ringfort cluster replace ${drive.number}`,
      );
      return;
    }
    const by = { driveId: newDriveId(random), capacityBytes };
    const change = { kind: "replace-drive", driveId: drive.driveId, by } as const;
    log.warn("an empty folder takes the place of a lost drive", {
      path,
      number: drive.number,
      drive: drive.driveId,
    });
    // So that a restart in the meantime knows who this node is.
    await claim(path);
    try {
      await administration.apply(change, record.members.revision);
      this.#tried.add(drive.driveId);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // Somebody else changes the cluster: it is looked at again.
      if (error.data.code !== "busy") this.#say(`drive ${drive.number}: ${error.message}`);
    }
  }

  /** Which folder was whose: as this process knows it, or because nothing else is possible. */
  #lost(missing: readonly MemberDrive[], places: readonly string[]): Lost[] {
    const pathOf = (drive: MemberDrive) => this.#own(drive.driveId)?.path ?? "";
    const known = missing.flatMap((drive) =>
      places.includes(pathOf(drive)) ? { drive, path: pathOf(drive) } : [],
    );
    const isUntried = ({ drive }: Lost) => !this.#tried.has(drive.driveId);
    const unplaced = missing.filter((drive) => pathOf(drive) === "");
    const free = places.filter((path) => known.every((lost) => lost.path !== path));
    if (unplaced.length > free.length && free.length > 0) {
      this.#say(
        `${free.join(", ")} is empty and ${unplaced.length} drives are missing: nobody can tell ` +
          "whose folder it was. Bring the others back, or ringfort cluster replace NUMBER",
      );
      return known.filter(isUntried);
    }
    const placed = unplaced.flatMap((drive, at) => ({ drive, path: free[at] ?? "" }));
    return [...known, ...placed].filter((lost) => isUntried(lost) && lost.path !== "");
  }

  /** Why a person should look at it first. */
  #doubt({ drive }: Lost, capacityBytes: number): string | undefined {
    const { statusOf, map } = this.#modules;
    if (capacityBytes < CAPACITY_SHARE_MIN * drive.capacityBytes) {
      return `the new disk has ${capacityBytes} bytes, the old one had ${drive.capacityBytes}`;
    }
    const without = partitionsWithoutMajority(map(), (id) => statusOf(id)?.state === "online");
    if (without === 0) return undefined;
    return (
      "so many drives of the cluster do not answer that it cannot be told what is lost " +
      `(${without} partitions without a majority); bring them back first`
    );
  }

  #say(sentence: string): void {
    if (this.#said.has(sentence)) return;
    this.#said.add(sentence);
    this.#modules.log.warn(sentence);
  }
}
