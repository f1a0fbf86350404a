/**
 * The file behind journaled commits: two segments that are filled in turns. It is written full of
 * zeros when it is made, so that a record becomes durable by one write that has no new size to
 * record, and it is never opened for writing again: each life of the index has its own.
 *
 * The caller sees to it that a segment is no longer needed when it is begun anew.
 */
import { assert } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { Disk, DiskFile } from "../base/disk.ts";
import {
  alignUp,
  decodeRecord,
  type JournalRecord,
  type JournalSeal,
  RECORD_ALIGNMENT,
} from "./journal-record.ts";

export const JOURNAL_PREFIX = "journal-";
const SEGMENTS = 2;

export class Journal {
  readonly #file: DiskFile;
  readonly #segmentBytes: number;
  /** What the segments hold. Kept: fresh memory for each of them keeps the collector busy. */
  readonly #memory: readonly Buffer[];
  #segment = 0;
  #used = 0;

  private constructor(file: DiskFile, segmentBytes: number) {
    this.#file = file;
    this.#segmentBytes = segmentBytes;
    this.#memory = Array.from({ length: SEGMENTS }, () => Buffer.allocUnsafeSlow(segmentBytes));
  }

  /** Its name is not durable before the folder is synced. */
  static async create(disk: Disk, path: string, segmentBytes: number): Promise<Journal> {
    assert(segmentBytes === alignUp(segmentBytes), "segments hold whole steps");
    const file = await disk.createSynced(path);
    const zeros = Buffer.alloc(segmentBytes);
    for (let segment = 0; segment < SEGMENTS; segment++) {
      await file.writev([zeros], segment * segmentBytes);
    }
    return new Journal(file, segmentBytes);
  }

  /** Memory for the next record; undefined when the segment has no room for it. */
  nextRecord(bytes: number): Buffer | undefined {
    if (this.#used + bytes > this.#segmentBytes) return undefined;
    return this.#memory[this.#segment]?.subarray(this.#used, this.#used + bytes);
  }

  /** Resolves when what `nextRecord` gave is durable. One at a time. */
  async append(record: Buffer): Promise<void> {
    const position = this.#segment * this.#segmentBytes + this.#used;
    this.#used += record.length;
    await this.#file.writev([record], position);
  }

  /** Goes on at the beginning of the other segment; views of its records end here. */
  turn(): void {
    this.#segment = (this.#segment + 1) % SEGMENTS;
    this.#used = 0;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Where the journal of a seal lies. */
export function journalPath(folder: string, id: Uint8Array): string {
  return `${folder}/${JOURNAL_PREFIX}${toHex(id)}`;
}

/**
 * The records after `applied`, in order. Throws when one is missing that was followed by another:
 * commits become durable one after the other, so the missing one was. Only the last may be torn,
 * and was then not acknowledged.
 */
export async function readJournal(
  disk: Disk,
  path: string,
  { seal, applied }: { readonly seal: JournalSeal; readonly applied: number },
): Promise<JournalRecord[]> {
  const records = findRecords(seal, await readWhole(disk, path))
    // Older ones are left over from the last time the segment was used.
    .filter(({ sequence }) => sequence > applied)
    .sort((left, right) => left.sequence - right.sequence);
  records.forEach(({ sequence }, index) => {
    if (sequence !== applied + 1 + index) throw new Error("the journal is damaged");
  });
  return records;
}

function findRecords(seal: JournalSeal, journal: Buffer): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (let at = 0; at < journal.length; ) {
    const record = decodeRecord(seal, journal, at);
    if (record !== undefined) records.push(record);
    at += record?.bytes ?? RECORD_ALIGNMENT;
  }
  return records;
}

async function readWhole(disk: Disk, path: string): Promise<Buffer> {
  const { bytes } = await disk.stat(path);
  const content = Buffer.allocUnsafeSlow(bytes);
  const file = await disk.open(path);
  try {
    const count = await file.readv([content], 0);
    return content.subarray(0, count);
  } finally {
    await file.close();
  }
}
