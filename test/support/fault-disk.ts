/**
 * A disk in memory that fails as real ones do, from a seed, under the real code.
 *
 * It keeps two states: what programs see, and what would survive a power cut now. Bytes become
 * durable by fdatasync of the file, names by fsync of the folder. A power cut keeps, of what was not
 * synced, any subset: torn at 512 or 4096 bytes, names or not, as the random source decides.
 */
import type { Disk, DiskFile, DiskSpace, DiskStat } from "../../src/base/disk.ts";
import { DiskError } from "../../src/base/disk.ts";
import type { Random } from "../../src/base/random.ts";

export type DiskOperation =
  | "create"
  | "open"
  | "writev"
  | "readv"
  | "fdatasync"
  | "rename"
  | "unlink"
  | "mkdir"
  | "readdir"
  | "stat"
  | "fsyncDir"
  | "statfs";

export interface FaultDiskOptions {
  readonly random: Random;
  /** Called before every operation; what it throws or rejects with is the outcome. */
  before?(operation: DiskOperation, path: string): void | Promise<void>;
  readonly totalBytes?: number;
}

interface FileNode {
  readonly kind: "file";
  visible: Buffer;
  durable: Buffer;
  mtimeMs: number;
}

interface FolderNode {
  readonly kind: "folder";
  readonly visible: Map<string, Node>;
  durable: Map<string, Node>;
  readonly device: number;
}

type Node = FileNode | FolderNode;

const SECTOR_BYTES = [512, 4096];
const DEFAULT_TOTAL_BYTES = 1024 ** 4;

export class FaultDisk implements Disk {
  readonly #options: FaultDiskOptions;
  #root: FolderNode = newFolder(1);
  #devices = 1;
  #usedBytes = 0;
  #freeBytesForced: number | undefined;

  constructor(options: FaultDiskOptions) {
    this.#options = options;
  }

  async create(path: string): Promise<DiskFile> {
    await this.#before("create", path);
    const { folder, name } = this.#parentOf(path);
    if (folder.visible.has(name)) throw new DiskError("EEXIST", path);
    const empty = Buffer.alloc(0);
    const file: FileNode = { kind: "file", visible: empty, durable: empty, mtimeMs: 1 };
    folder.visible.set(name, file);
    return this.#openNode(file, path);
  }

  async createSynced(path: string): Promise<DiskFile> {
    const file = await this.create(path);
    return {
      ...file,
      writev: async (buffers, position) => {
        await file.writev(buffers, position);
        await file.fdatasync();
      },
    };
  }

  async open(path: string): Promise<DiskFile> {
    await this.#before("open", path);
    const node = this.#find(path);
    if (node.kind !== "file") throw new DiskError("EISDIR", path);
    return this.#openNode(node, path);
  }

  async rename(source: string, target: string): Promise<void> {
    await this.#before("rename", source);
    const from = this.#parentOf(source);
    const to = this.#parentOf(target);
    const node = from.folder.visible.get(from.name);
    if (node === undefined) throw new DiskError("ENOENT", source);
    from.folder.visible.delete(from.name);
    to.folder.visible.set(to.name, node);
  }

  async unlink(path: string): Promise<void> {
    await this.#before("unlink", path);
    const { folder, name } = this.#parentOf(path);
    const node = folder.visible.get(name);
    if (node === undefined) throw new DiskError("ENOENT", path);
    if (node.kind !== "file") throw new DiskError("EISDIR", path);
    folder.visible.delete(name);
    this.#usedBytes -= node.visible.length;
  }

  async mkdir(path: string): Promise<void> {
    await this.#before("mkdir", path);
    this.#makeFolder(path, undefined);
  }

  async readdir(path: string): Promise<string[]> {
    await this.#before("readdir", path);
    return [...this.#findFolder(path).visible.keys()];
  }

  async stat(path: string): Promise<DiskStat> {
    await this.#before("stat", path);
    const node = this.#find(path);
    return node.kind === "file"
      ? { kind: "file", bytes: node.visible.length, mtimeMs: node.mtimeMs, device: 1 }
      : { kind: "folder", bytes: 0, mtimeMs: 1, device: node.device };
  }

  async fsyncDir(path: string): Promise<void> {
    await this.#before("fsyncDir", path);
    const folder = this.#findFolder(path);
    folder.durable = new Map(folder.visible);
  }

  async statfs(path: string): Promise<DiskSpace> {
    await this.#before("statfs", path);
    this.#findFolder(path);
    return { totalBytes: this.#totalBytes, freeBytes: this.#freeBytes };
  }

  /** A folder that is the root of a file system of its own. */
  mount(path: string): void {
    this.#devices += 1;
    this.#makeFolder(path, this.#devices);
  }

  /** Puts a file there, durably, without asking `before`. */
  put(path: string, content: Uint8Array): void {
    const { folder, name } = this.#parentOf(path);
    const bytes = Buffer.from(content);
    const file: FileNode = { kind: "file", visible: bytes, durable: bytes, mtimeMs: 1 };
    folder.visible.set(name, file);
    folder.durable.set(name, file);
  }

  /** Changes what a file holds behind the back of whoever has it open. */
  replaceContent(path: string, content: Uint8Array): void {
    const node = this.#find(path);
    if (node.kind !== "file") throw new DiskError("EISDIR", path);
    node.visible = Buffer.from(content);
    node.durable = Buffer.from(content);
  }

  /** Removes whatever is there, durably. */
  remove(path: string): void {
    const { folder, name } = this.#parentOf(path);
    folder.visible.delete(name);
    folder.durable.delete(name);
  }

  /** Flips one bit of a file, as rot does. */
  rot(path: string, byte: number): void {
    const node = this.#find(path);
    if (node.kind !== "file") throw new DiskError("EISDIR", path);
    for (const bytes of new Set([node.visible, node.durable])) {
      bytes[byte] = (bytes[byte] ?? 0) ^ 1;
    }
  }

  /** Names that are seen in a folder, sorted. */
  namesIn(path: string): string[] {
    return [...this.#findFolder(path).visible.keys()].sort();
  }

  /** Whether a name is seen now. */
  has(path: string): boolean {
    try {
      this.#find(path);
      return true;
    } catch {
      return false;
    }
  }

  contentOf(path: string): Buffer {
    const node = this.#find(path);
    if (node.kind !== "file") throw new DiskError("EISDIR", path);
    return Buffer.from(node.visible);
  }

  setFreeBytes(bytes: number | undefined): void {
    this.#freeBytesForced = bytes;
  }

  /** After it, what is seen is what survived. Files open from before must not be used any more. */
  cutPower(): void {
    this.#root = this.#survivor(this.#root);
  }

  get #totalBytes(): number {
    return this.#options.totalBytes ?? DEFAULT_TOTAL_BYTES;
  }

  get #freeBytes(): number {
    return this.#freeBytesForced ?? this.#totalBytes - this.#usedBytes;
  }

  async #before(operation: DiskOperation, path: string): Promise<void> {
    await this.#options.before?.(operation, path);
  }

  #openNode(node: FileNode, path: string): DiskFile {
    return {
      writev: async (buffers, position) => {
        // The bytes are taken when the call is made, as the kernel may.
        const bytes = Buffer.concat(buffers);
        await this.#before("writev", path);
        this.#write(node, bytes, { position, path });
      },
      readv: async (buffers, position) => {
        await this.#before("readv", path);
        return readInto(node.visible, buffers, position);
      },
      fdatasync: async () => {
        await this.#before("fdatasync", path);
        node.durable = Buffer.from(node.visible);
      },
      close: async () => {},
    };
  }

  #write(node: FileNode, bytes: Buffer, where: { position: number; path: string }): void {
    const end = where.position + bytes.length;
    const grown = Math.max(0, end - node.visible.length);
    if (grown > this.#freeBytes) throw new DiskError("ENOSPC", where.path);
    this.#usedBytes += grown;
    const next = Buffer.alloc(Math.max(end, node.visible.length));
    node.visible.copy(next);
    bytes.copy(next, where.position);
    node.visible = next;
  }

  #survivor(folder: FolderNode): FolderNode {
    const { random } = this.#options;
    const names = new Set([...folder.visible.keys(), ...folder.durable.keys()]);
    const kept = new Map<string, Node>();
    for (const name of names) {
      const seen = folder.visible.get(name);
      const synced = folder.durable.get(name);
      // A name change that was not synced may have reached the medium all the same.
      const node = seen === synced || random.below(2) === 0 ? synced : seen;
      if (node === undefined) continue;
      kept.set(name, node.kind === "file" ? this.#survivingFile(node) : this.#survivor(node));
    }
    return { kind: "folder", visible: new Map(kept), durable: kept, device: folder.device };
  }

  #survivingFile(file: FileNode): FileNode {
    const { random } = this.#options;
    const sectorBytes = SECTOR_BYTES[random.below(SECTOR_BYTES.length)] ?? 512;
    // The size is metadata of its own: it may be old or new, whatever became of the bytes.
    const grown = random.below(2) === 0 ? file.visible.length : file.durable.length;
    const bytes = Buffer.alloc(grown);
    file.durable.copy(bytes);
    for (let offset = 0; offset < grown; offset += sectorBytes) {
      if (random.below(2) === 0) file.visible.copy(bytes, offset, offset, offset + sectorBytes);
    }
    return { kind: "file", visible: bytes, durable: Buffer.from(bytes), mtimeMs: file.mtimeMs };
  }

  #makeFolder(path: string, device: number | undefined): void {
    const { folder, name } = this.#parentOf(path);
    if (folder.visible.has(name)) throw new DiskError("EEXIST", path);
    const made = newFolder(device ?? folder.device);
    folder.visible.set(name, made);
    if (device !== undefined) folder.durable.set(name, made);
  }

  #find(path: string): Node {
    let node: Node = this.#root;
    for (let from = 0; from < path.length; ) {
      const slash = path.indexOf("/", from);
      const end = slash < 0 ? path.length : slash;
      const name = path.slice(from, end);
      from = end + 1;
      if (name === "" || name === ".") continue;
      const child: Node | undefined = node.kind === "folder" ? node.visible.get(name) : undefined;
      if (child === undefined) throw new DiskError("ENOENT", path);
      node = child;
    }
    return node;
  }

  #findFolder(path: string): FolderNode {
    const node = this.#find(path);
    if (node.kind !== "folder") throw new DiskError("ENOTDIR", path);
    return node;
  }

  #parentOf(path: string): { folder: FolderNode; name: string } {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    if (name === "" || name === ".") throw new DiskError("EINVAL", path);
    return { folder: this.#findFolder(path.slice(0, Math.max(0, slash))), name };
  }
}

function newFolder(device: number): FolderNode {
  return { kind: "folder", visible: new Map(), durable: new Map(), device };
}

function readInto(content: Buffer, buffers: readonly Uint8Array[], position: number): number {
  let offset = position;
  for (const buffer of buffers) {
    const part = content.subarray(offset, offset + buffer.length);
    buffer.set(part);
    offset += part.length;
    if (part.length < buffer.length) break;
  }
  return Math.max(0, offset - position);
}
