/**
 * Drives that run the real code over disks that can lose their power, in one thread and on the
 * arena that is given. When the power fails nothing is answered any more; `open` begins the next life
 * on what survived.
 */
import { newDriveId } from "../../src/base/ids.ts";
import { silentLogger } from "../../src/base/log.ts";
import type { Random } from "../../src/base/random.ts";
import { xxh3 } from "../../src/codec/xxh3.ts";
import { DriveClient } from "../../src/store/drive-client.ts";
import { beginFormatting, finishFormatting } from "../../src/store/drive-formatting.ts";
import { openDriveActor } from "../../src/store/drive-opening.ts";
import type { PlannedDrive } from "../../src/store/drive-plan.ts";
import type { RecordDigest } from "../../src/store/drive-tables.ts";
import { InlineLink } from "../../src/store/inline-drive.ts";
import { openJournaledKv } from "../../src/store/kv-journaled.ts";
import { createMemoryKv, createMemoryKvImage } from "../../src/store/kv-memory.ts";
import { FaultDisk } from "./fault-disk.ts";
import { ManualClock } from "./manual-clock.ts";

/** Of a segment: small, because the disk in memory copies whole files. */
const JOURNAL_BYTES = 65_536;

/** What drives of one machine share. */
export class Power {
  /** Disk operations and index commits so far. */
  operations = 0;
  /** From this operation on nothing is answered any more. */
  failsAt = Number.POSITIVE_INFINITY;

  step(): Promise<void> {
    return this.operations++ >= this.failsAt ? new Promise(() => {}) : Promise.resolve();
  }
}

export class DiskDrive {
  readonly clock = new ManualClock();
  readonly #disk: FaultDisk;
  readonly #image = createMemoryKvImage();
  readonly #planned: PlannedDrive;
  readonly #power: Power;
  readonly #random: Random;

  private constructor(index: number, random: Random, power: Power) {
    this.#power = power;
    const id = newDriveId(random);
    this.#planned = {
      path: "/drive",
      format: {
        cluster: "c".repeat(32),
        node: "e".repeat(32),
        drive: id,
        index,
        state: "formatting",
        createdMs: 1,
        stripeDataBytesMax: 0,
        drives: [{ index, id, createdMs: 1 }],
      },
      toFormat: true,
      outdated: false,
      needsResync: false,
      replaces: undefined,
    };
    this.#random = random;
    this.#disk = new FaultDisk({ random, before: () => power.step() });
  }

  /** Formats a disk and opens it for the first time. */
  static async create(
    index: number,
    modules: { readonly random: Random; readonly power: Power; readonly memory: SharedArrayBuffer },
  ) {
    const drive = new DiskDrive(index, modules.random, modules.power);
    await beginFormatting(drive.#disk, drive.#planned);
    const client = await drive.#open(modules.memory, true);
    await finishFormatting(drive.#disk, drive.#planned);
    return { drive, client };
  }

  /** The next life, on what survived of the last. */
  open(memory: SharedArrayBuffer): Promise<DriveClient> {
    this.#disk.cutPower();
    return this.#open(memory, false);
  }

  async #open(memory: SharedArrayBuffer, create: boolean): Promise<DriveClient> {
    const { path, format, needsResync } = this.#planned;
    const link = new InlineLink();
    const digest: RecordDigest = (parts) => xxh3(Buffer.concat(parts));
    const { actor, opened } = await openDriveActor(
      { path, id: format.drive, create, needsResync },
      {
        reserve: { reserveBytesMin: 1024, reserveShare: 0.01, reserveShareMax: 0.05 },
        openFilesMax: 4,
      },
      {
        disk: this.#disk,
        memory: Buffer.from(memory),
        digest,
        openKv: () =>
          createMemoryKv(this.#image, { flush: async (apply) => this.#power.step().then(apply) }),
        addJournal: (engine, folder) =>
          openJournaledKv(
            { folder, segmentBytes: JOURNAL_BYTES },
            { engine, disk: this.#disk, digest, random: this.#random },
          ),
        defer: queueMicrotask,
        onReport: link.report,
      },
    );
    link.connect(actor);
    const limits = { requestsInFlightMax: 1000, deadlineMs: 1000, probeIntervalMs: 5000 };
    return new DriveClient(
      { id: format.drive, path, index: format.index, ...limits },
      { link, clock: this.clock, log: silentLogger },
      opened.report,
    );
  }
}
