/**
 * The real disk: node:fs behind the `Disk` interface, and the only file of the product that imports
 * it for data. Plain descriptors and callbacks, because file handles cost twice as much per call.
 */
import * as fs from "node:fs";
import type { Disk, DiskFile, DiskStat } from "../base/disk.ts";

/** IOV_MAX of Linux is 1024; a shard write needs three. */
const VECTORS_MAX = 64;

const { O_CREAT, O_EXCL, O_WRONLY, O_DSYNC } = fs.constants;
const NEW_FILE = O_CREAT | O_EXCL | O_WRONLY;

export function createNodeDisk(): Disk {
  return {
    create: (path) => openFile(path, NEW_FILE),
    createSynced,
    open: (path) => openFile(path, fs.constants.O_RDONLY),
    rename: (source, target) => settle((done) => fs.rename(source, target, done)),
    unlink: (path) => settle((done) => fs.unlink(path, done)),
    mkdir: (path) => settle((done) => fs.mkdir(path, done)),
    readdir: (path) => fs.promises.readdir(path),
    stat: readStat,
    fsyncDir: syncFolder,
    statfs: async (path) => {
      const { blocks, bfree, bavail, bsize } = await fs.promises.statfs(path);
      // Blocks kept for the system are neither ours nor in use: the rest of the total is.
      return { totalBytes: (blocks - bfree + bavail) * bsize, freeBytes: bavail * bsize };
    },
  };
}

class NodeFile implements DiskFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    if (buffers.length > VECTORS_MAX) throw new Error(`more than ${VECTORS_MAX} buffers`);
    let left = buffers.filter((buffer) => buffer.length > 0);
    let offset = position;
    while (left.length > 0) {
      const written = await settle<number>((done) =>
        fs.writev(this.#descriptor, left, offset, done),
      );
      offset += written;
      left = dropFirst(left, written);
    }
  }

  async readv(buffers: readonly Uint8Array[], position: number): Promise<number> {
    let left = buffers.filter((buffer) => buffer.length > 0);
    let count = 0;
    while (left.length > 0) {
      const offset = position + count;
      const read = await settle<number>((done) => fs.readv(this.#descriptor, left, offset, done));
      if (read === 0) break;
      count += read;
      left = dropFirst(left, read);
    }
    return count;
  }

  fdatasync(): Promise<void> {
    return settle((done) => fs.fdatasync(this.#descriptor, done));
  }

  close(): Promise<void> {
    return settle((done) => fs.close(this.#descriptor, done));
  }
}

/** What remains of the buffers after `count` bytes were taken from their beginning. */
function dropFirst(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const left: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip < buffer.length) left.push(skip === 0 ? buffer : buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return left;
}

async function openFile(path: string, flags: number): Promise<DiskFile> {
  const descriptor = await settle<number>((done) => fs.open(path, flags, 0o640, done));
  return new NodeFile(descriptor);
}

/** With O_DSYNC one call does it; elsewhere than on Linux it does not reach through all caches. */
async function createSynced(path: string): Promise<DiskFile> {
  if (process.platform === "linux") return openFile(path, NEW_FILE | O_DSYNC);
  const file = await openFile(path, NEW_FILE);
  return {
    writev: async (buffers, position) => {
      await file.writev(buffers, position);
      await file.fdatasync();
    },
    readv: (buffers, position) => file.readv(buffers, position),
    fdatasync: () => file.fdatasync(),
    close: () => file.close(),
  };
}

async function syncFolder(path: string): Promise<void> {
  const flags = fs.constants.O_RDONLY | fs.constants.O_DIRECTORY;
  const descriptor = await settle<number>((done) => fs.open(path, flags, done));
  try {
    await settle<void>((done) => fs.fsync(descriptor, done));
  } finally {
    await settle<void>((done) => fs.close(descriptor, done));
  }
}

async function readStat(path: string): Promise<DiskStat> {
  const found = await fs.promises.stat(path);
  const kind = found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
  return { kind, bytes: found.size, mtimeMs: found.mtimeMs, device: found.dev };
}

/** A callback API as a promise. */
function settle<T>(
  start: (done: (error: NodeJS.ErrnoException | null, value?: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      if (error) reject(error);
      // Callbacks without a result are only used with T = void.
      else resolve(value as T);
    });
  });
}
