/**
 * A disk none of whose operations is waited for longer than a deadline: a drive that hangs is one that
 * fails (ETIMEDOUT), so that a start goes on without it. What hangs may still be carried out later.
 */
import { type Clock, withDeadline } from "../base/clock.ts";
import type { Disk, DiskFile } from "../base/disk.ts";

export interface DiskDeadline {
  readonly clock: Clock;
  readonly deadlineMs: number;
}

export function limitDisk(disk: Disk, deadline: DiskDeadline): Disk {
  const limit = <T>(work: Promise<T>): Promise<T> => withDeadline(deadline, work, throwTimeout);
  const limitFile = (file: DiskFile): DiskFile => ({
    writev: (buffers, position) => limit(file.writev(buffers, position)),
    readv: (buffers, position) => limit(file.readv(buffers, position)),
    fdatasync: () => limit(file.fdatasync()),
    close: () => limit(file.close()),
  });
  return {
    create: async (path) => limitFile(await limit(disk.create(path))),
    createSynced: async (path) => limitFile(await limit(disk.createSynced(path))),
    open: async (path) => limitFile(await limit(disk.open(path))),
    rename: (source, target) => limit(disk.rename(source, target)),
    unlink: (path) => limit(disk.unlink(path)),
    mkdir: (path) => limit(disk.mkdir(path)),
    readdir: (path) => limit(disk.readdir(path)),
    stat: (path) => limit(disk.stat(path)),
    fsyncDir: (path) => limit(disk.fsyncDir(path)),
    statfs: (path) => limit(disk.statfs(path)),
  };
}

function throwTimeout(): never {
  throw Object.assign(new Error("the drive does not answer"), { code: "ETIMEDOUT" });
}
