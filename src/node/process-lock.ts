/**
 * One process per drive: a lock on each drive folder that the kernel releases when the process
 * dies, kill -9 included, and that also holds between containers that share the folder.
 *
 * Node has no flock, so the lock is a chain of Unix sockets in the folder `.ringfort-lock` of the
 * drive, named 1, 2, 3 … A socket is alive while its process listens on it, and once dead it is dead
 * for ever: nobody can listen on an existing socket file again. So:
 *   1. Look at the highest number. Alive: the drive is in use. Dead, or none: its successor is free.
 *   2. Listen on a socket of a fresh name, then `link` it to the successor's name. Linking is atomic
 *      and refuses an existing name, so of several processes exactly one gets the number; the others
 *      start over and find it alive.
 *   3. Look again: a contender that slept through two owners may have got a number that was tidied
 *      away. A higher one then exists, because the highest is never removed, not even at the end.
 * The owner removes lower numbers only.
 *
 * On Linux an abstract socket named after the folder's device and inode is held as well. It needs
 * nothing of the drive, so it still excludes other processes where the chain cannot be written (a
 * full or read-only drive, a mount without sockets): such a drive must not keep the node from
 * starting. It does not reach into other containers.
 *
 * A drive that is not there is left alone, for the store to decide what follows from that; unless no
 * folder holds a drive yet: then the missing folders are made, so that two first starts at the same
 * moment cannot both format them.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { FORMAT_FILE } from "../store/drive-format.ts";
import { LOCK_FOLDER } from "../store/drive-inspection.ts";

export interface DriveLocks {
  /** Drives without a lock that holds everywhere, and why; for the log. */
  readonly weak: ReadonlyArray<{ readonly drive: string; readonly reason: string }>;
  /**
   * Locks a folder that was absent, or of another disk, or has been emptied since. Resolves with why
   * the lock does not hold everywhere; throws DriveLockError where the folder is in use.
   */
  add(drive: string): Promise<string | undefined>;
  /** Lets the drives go. The process's death does the same. */
  release(): Promise<void>;
}

/** The drive belongs to another process, or is given twice. */
export class DriveLockError extends Error {
  readonly drive: string;
  /** Of the owner, where it could be found out. */
  readonly pid: number | undefined;

  constructor(drive: string, problem: string, pid?: number) {
    super(`the drive ${drive} ${problem}`);
    this.name = "DriveLockError";
    this.drive = drive;
    this.pid = pid;
  }
}

const PID_FILE = "pid";
const NEW_PREFIX = "new-";
const LINK_NAME = /^[1-9]\d{0,14}$/;
/** A chain moves on only when a contender wins; losing this often in a row means a broken disk. */
const ATTEMPTS_MAX = 100;
/** Bytes of a socket's path that every Unix accepts. */
const SOCKET_PATH_BYTES_MAX = 100;

/** Locks every drive folder that is there, or none: throws DriveLockError where one is in use. */
export async function lockDrives(drives: readonly string[]): Promise<DriveLocks> {
  const held: Server[] = [];
  const driveOf = new Map<string, string>();
  const weak: Array<{ drive: string; reason: string }> = [];
  const release = async (): Promise<void> => {
    await Promise.all(held.splice(0).map(closeServer));
  };
  try {
    await makeFoldersOfNewSet(drives);
    for (const drive of drives) {
      const inode = await inodeOf(drive);
      if (inode === undefined) {
        weak.push({ drive, reason: "it is not there" });
        continue;
      }
      const twin = driveOf.get(inode);
      if (twin !== undefined) {
        throw new DriveLockError(drive, `is the same folder as ${twin}; give it once`);
      }
      driveOf.set(inode, drive);
      const reason = await lockDrive(drive, inode, held);
      if (reason !== undefined) weak.push({ drive, reason });
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { weak, release, add: (drive) => addLock(drive, driveOf, held) };
}

async function addLock(
  drive: string,
  driveOf: Map<string, string>,
  held: Server[],
): Promise<string | undefined> {
  const inode = await inodeOf(drive);
  if (inode === undefined) return "it is not there";
  const twin = driveOf.get(inode);
  if (twin !== undefined && twin !== drive) {
    throw new DriveLockError(drive, `is the same folder as ${twin}; give it once`);
  }
  driveOf.set(inode, drive);
  if (twin === undefined) return lockDrive(drive, inode, held);
  // Of a folder that was locked before and has been emptied the chain is gone, or not even that.
  try {
    return await lockChain(drive, held);
  } catch (error) {
    if (error instanceof DriveLockError && error.pid === process.pid) return undefined;
    throw error;
  }
}

async function makeFoldersOfNewSet(drives: readonly string[]): Promise<void> {
  const formats = drives.map((drive) => stat(join(drive, FORMAT_FILE)));
  const looks = await Promise.allSettled(formats);
  if (looks.some(({ status }) => status === "fulfilled")) return;
  // What cannot be made is found missing below.
  await Promise.allSettled(drives.map((drive) => mkdir(drive, { recursive: true })));
}

/** The identity of the folder, whatever its path; undefined when there is none to be seen. */
async function inodeOf(drive: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(drive, { bigint: true });
    return `${dev}-${ino}`;
  } catch {
    return undefined;
  }
}

/** Adds what it holds to `held`. Returns why the chain, the stronger half, cannot be had. */
async function lockDrive(
  drive: string,
  inode: string,
  held: Server[],
): Promise<string | undefined> {
  if (process.platform === "linux") held.push(...(await lockInode(drive, inode)));
  return lockChain(drive, held);
}

async function lockChain(drive: string, held: Server[]): Promise<string | undefined> {
  const folder = join(drive, LOCK_FOLDER);
  try {
    await mkdir(folder, { recursive: true });
    const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      held.push(await lockFolder(drive, folder, handle));
    } finally {
      await handle.close();
    }
    return undefined;
  } catch (error) {
    if (error instanceof DriveLockError) throw error;
    return error instanceof Error ? error.message : String(error);
  }
}

/** The abstract socket; none where the system does not let us have one. */
async function lockInode(drive: string, inode: string): Promise<Server[]> {
  try {
    return [await listen(`\0ringfort-drive-${inode}`)];
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") throw await inUse(drive);
    return [];
  }
}

/** Steps 1 to 3 above, until the lock is ours or is seen to be another's. */
async function lockFolder(drive: string, folder: string, handle: FileHandle): Promise<Server> {
  const socketPath = (name: string): string => shortSocketPath(folder, handle, name);
  const ownName = `${NEW_PREFIX}${randomBytes(8).toString("hex")}`;
  let server: Server | undefined;
  try {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const highest = highestNumber(await readdir(folder));
      if (highest > 0 && (await isAlive(socketPath(String(highest))))) {
        throw await inUse(drive);
      }
      server ??= await listen(socketPath(ownName));
      const number = String(highest + 1);
      if (!(await linkIfFree(join(folder, ownName), join(folder, number)))) continue;
      if (highestNumber(await readdir(folder)) === highest + 1) {
        await tidy(folder, highest + 1);
        return server;
      }
      await rm(join(folder, number), { force: true });
    }
    throw new DriveLockError(drive, "cannot be locked: other processes keep starting on it");
  } catch (error) {
    if (server !== undefined) await closeServer(server);
    await rm(join(folder, ownName), { force: true });
    throw error;
  }
}

/** Removes what earlier owners and failed contenders left, and says in a file who we are. */
async function tidy(folder: string, number: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const obsolete = LINK_NAME.test(name) ? Number(name) < number : name.startsWith(NEW_PREFIX);
    if (obsolete) await rm(join(folder, name), { force: true });
  }
  await writePid(folder);
}

/** Only for the message of others; a full drive must not stop us here. */
async function writePid(folder: string): Promise<void> {
  await writeFile(join(folder, PID_FILE), `${process.pid} ${hostname()}\n`).catch(() => {});
}

async function inUse(drive: string): Promise<DriveLockError> {
  const text = await readFile(join(drive, LOCK_FOLDER, PID_FILE), "utf8").catch(() => "");
  const [, pid, host] = /^(\d+) (\S+)$/.exec(text.trim()) ?? [];
  // Of another container, a pid alone would name the wrong process.
  const elsewhere = host === undefined || host === hostname() ? "" : ` on ${host}`;
  const owner = pid === undefined ? "another process" : `another process (pid ${pid}${elsewhere})`;
  const problem = `is in use by ${owner}; stop it first`;
  return new DriveLockError(drive, problem, pid === undefined ? undefined : Number(pid));
}

function highestNumber(names: readonly string[]): number {
  const numbers = names.filter((name) => LINK_NAME.test(name)).map(Number);
  return Math.max(0, ...numbers);
}

/** False when the name is taken, or our own file was tidied away by a new owner. */
async function linkIfFree(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (["EEXIST", "ENOENT"].includes(codeOf(error))) return false;
    throw error;
  }
}

/**
 * A socket's path may have about 100 bytes, a drive's may have more: on Linux the open folder has a
 * short name, too.
 */
function shortSocketPath(folder: string, handle: FileHandle, name: string): string {
  const path = join(folder, name);
  if (Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX) return path;
  if (process.platform === "linux") return `/proc/self/fd/${handle.fd}/${name}`;
  throw new Error("its path is too long for a Unix socket");
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Nobody has anything to say on this socket; that it accepts is the whole message.
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve(server);
    });
  });
}

/** A refused or missing socket is dead, a full backlog alive; anything else cannot be told. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      const code = codeOf(error);
      if (code === "EAGAIN" || code === "EWOULDBLOCK") resolve(true);
      else if (code === "ECONNREFUSED" || code === "ENOENT") resolve(false);
      else reject(error);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
