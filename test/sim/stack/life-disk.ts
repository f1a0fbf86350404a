/**
 * A disk as one life of a process reaches it: each operation takes its time, and one that the process
 * did not live to see the end of is not carried out. What is on the disk outlives it.
 */
import type { Disk, DiskFile, DiskSpace, DiskStat } from "../../../src/base/disk.ts";
import type { Life } from "./life.ts";

export interface DiskPace {
  /** How long the next operation takes. */
  next(): number;
}

export interface DiskHazards {
  /** Says that bytes and names are durable without making them so. */
  readonly lies?: boolean;
}

export class LifeDisk implements Disk {
  readonly #disk: Disk;
  readonly #life: Life;
  readonly #pace: DiskPace;
  readonly #lies: boolean;

  constructor(disk: Disk, life: Life, options: { pace: DiskPace; hazards: DiskHazards }) {
    this.#disk = disk;
    this.#life = life;
    this.#pace = options.pace;
    this.#lies = options.hazards.lies === true;
  }

  async create(path: string): Promise<DiskFile> {
    await this.#turn();
    return this.#wrap(await this.#disk.create(path));
  }

  async createSynced(path: string): Promise<DiskFile> {
    await this.#turn();
    const file = this.#lies ? this.#disk.create(path) : this.#disk.createSynced(path);
    return this.#wrap(await file);
  }

  async open(path: string): Promise<DiskFile> {
    await this.#turn();
    return this.#wrap(await this.#disk.open(path));
  }

  async rename(source: string, target: string): Promise<void> {
    await this.#turn();
    return this.#disk.rename(source, target);
  }

  async unlink(path: string): Promise<void> {
    await this.#turn();
    return this.#disk.unlink(path);
  }

  async mkdir(path: string): Promise<void> {
    return this.#disk.mkdir(path);
  }

  async readdir(path: string): Promise<string[]> {
    return this.#disk.readdir(path);
  }

  async stat(path: string): Promise<DiskStat> {
    return this.#disk.stat(path);
  }

  async fsyncDir(path: string): Promise<void> {
    await this.#turn();
    if (!this.#lies) await this.#disk.fsyncDir(path);
  }

  async statfs(path: string): Promise<DiskSpace> {
    return this.#disk.statfs(path);
  }

  #turn(): Promise<void> {
    return this.#life.pause(this.#pace.next());
  }

  #wrap(file: DiskFile): DiskFile {
    return {
      writev: async (buffers, position) => {
        await this.#turn();
        await file.writev(buffers, position);
      },
      readv: async (buffers, position) => {
        await this.#turn();
        return file.readv(buffers, position);
      },
      fdatasync: async () => {
        await this.#turn();
        if (!this.#lies) await file.fdatasync();
      },
      close: () => file.close(),
    };
  }
}
