/**
 * The drives of the other nodes: one PeerDrive each, and what their nodes say of them, asked once a
 * second of every node that answers.
 */
import type { PeerId } from "../../../cluster/peers/peer-id.ts";
import type { PeerNetwork, PeerStatus } from "../../../cluster/peers/peer-network.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { StoreError } from "../../base/store-error.ts";
import type { DriveReport } from "../../store/store-messages.ts";
import { DRIVES_METHOD, decodeReports } from "./drive-protocol.ts";
import { PEER_DRIVE_LIMITS, PeerDrive, type PeerDriveOptions } from "./peer-drive.ts";

export type PeerDriveMember = Omit<PeerDriveOptions, "limits">;

export interface PeerDrivesModules {
  readonly network: Pick<
    PeerNetwork,
    "call" | "openBulkRead" | "openBulkWrite" | "onStatus" | "statusOf"
  >;
  readonly clock: Clock;
}

const REPORT_EVERY_MS = 1_000;
const REPORT_WITHIN_MS = 5_000;

export class PeerDrives {
  readonly #modules: PeerDrivesModules;
  readonly #byPeer = new Map<PeerId, PeerDrive[]>();
  readonly #byId = new Map<string, PeerDrive>();
  readonly #asking = new Set<PeerId>();
  readonly #returnListeners: (() => void)[] = [];
  #timer: Timer | undefined;
  #stopStatus: (() => void) | undefined;

  constructor(modules: PeerDrivesModules) {
    this.#modules = modules;
  }

  /** A drive that is known already stays the same object. */
  take(members: readonly PeerDriveMember[]): readonly PeerDrive[] {
    const known = new Map(this.#byId);
    this.#byPeer.clear();
    this.#byId.clear();
    for (const member of members) {
      const options = { ...member, limits: PEER_DRIVE_LIMITS };
      const drive = known.get(member.id) ?? new PeerDrive(options, this.#modules.network);
      this.#byId.set(member.id, drive);
      this.#byPeer.set(member.peer, [...(this.#byPeer.get(member.peer) ?? []), drive]);
    }
    return this.list();
  }

  list(): readonly PeerDrive[] {
    return [...this.#byId.values()];
  }

  /** Asked for every register call to a drive of another node. */
  get(driveId: string): PeerDrive | undefined {
    return this.#byId.get(driveId);
  }

  start(): void {
    this.#stopStatus = this.#modules.network.onStatus((status) => this.#onStatus(status));
    this.#askAll();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#stopStatus?.();
  }

  /** Tells whenever a drive is there that was not. */
  onReturn(listener: () => void): void {
    this.#returnListeners.push(listener);
  }

  #onStatus(status: PeerStatus): void {
    if (status.state === "down") this.#lose(status.peer, status.reason ?? "its node is down");
    else if (status.state === "up") void this.#ask(status.peer);
  }

  #askAll(): void {
    for (const peer of this.#byPeer.keys()) {
      const { state, reason } = this.#modules.network.statusOf(peer);
      if (state === "down") this.#lose(peer, reason ?? "its node is down");
      else void this.#ask(peer);
    }
    this.#timer = this.#modules.clock.after(REPORT_EVERY_MS, () => this.#askAll());
  }

  async #ask(peer: PeerId): Promise<void> {
    if (this.#asking.has(peer)) return;
    this.#asking.add(peer);
    const options = { deadlineMs: REPORT_WITHIN_MS };
    const result = await this.#modules.network.call(peer, DRIVES_METHOD, NOTHING, options);
    this.#asking.delete(peer);
    if (!result.ok) {
      this.#lose(peer, `its node does not answer (${result.error.code})`);
      return;
    }
    try {
      const reports = new Map(decodeReports(result.payload).map((it) => [it.drive, it.report]));
      for (const drive of this.#byPeer.get(peer) ?? []) this.#report(drive, reports.get(drive.id));
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#lose(peer, "its node sends reports that cannot be read");
    }
  }

  #report(drive: PeerDrive, report: DriveReport | undefined): void {
    if (report === undefined) {
      drive.takeUnreachable("its node does not have it");
      return;
    }
    const wasOnline = isOnline(drive);
    drive.takeReport(report);
    if (wasOnline || !isOnline(drive)) return;
    for (const listener of this.#returnListeners) listener();
  }

  #lose(peer: PeerId, reason: string): void {
    for (const drive of this.#byPeer.get(peer) ?? []) drive.takeUnreachable(reason);
  }
}

const NOTHING = new Uint8Array(0);

function isOnline(drive: PeerDrive): boolean {
  return drive.status().state === "online";
}
