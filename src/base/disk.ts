/**
 * Files as a collaborator, so that fault injection and the simulator run the real code.
 *
 * Every method rejects with an error that carries a POSIX `code` (see `diskErrorCode`). Nothing is
 * durable until `fdatasync` (bytes and size of a file) or `fsyncDir` (names in a folder) resolved.
 */

export interface DiskFile {
  /** Writes all buffers one after the other at `position`. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Fills the buffers from `position`; resolves with the bytes read, fewer only at the end. */
  readv(buffers: readonly Uint8Array[], position: number): Promise<number>;
  fdatasync(): Promise<void>;
  /** Call once, after everything else has settled. */
  close(): Promise<void>;
}

export interface DiskStat {
  readonly kind: "file" | "folder" | "other";
  readonly bytes: number;
  readonly mtimeMs: number;
  /** Differs from the parent's on a mount point. */
  readonly device: number;
}

export interface DiskSpace {
  readonly totalBytes: number;
  /** What this process may still use. */
  readonly freeBytes: number;
}

export interface Disk {
  /** Creates a file that did not exist (EEXIST otherwise), for writing. */
  create(path: string): Promise<DiskFile>;
  /** The same, and each write is durable when it resolves, as if followed by `fdatasync`. */
  createSynced(path: string): Promise<DiskFile>;
  /** Opens an existing file for reading. */
  open(path: string): Promise<DiskFile>;
  rename(source: string, target: string): Promise<void>;
  unlink(path: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** Names, in no particular order. */
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<DiskStat>;
  fsyncDir(path: string): Promise<void>;
  statfs(path: string): Promise<DiskSpace>;
}

/** The POSIX code of a file error ("ENOENT" …), or undefined for anything else. */
export function diskErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** A file error as fault injection makes it. */
export class DiskError extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.name = "DiskError";
    this.code = code;
  }
}
