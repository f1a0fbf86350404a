/** Records in memory; can be told to fail after a number of writes, before or after the write. */
import type { RecordChange, RecordStore } from "../../../src/base/record-store.ts";

export class MemoryRecords implements RecordStore {
  readonly map = new Map<string, Uint8Array>();
  /** The write with this number (from 1) rejects; `lost` says whether it was made all the same. */
  failAt: { readonly write: number; readonly lost: boolean } | undefined;
  writes = 0;

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.map.get(key);
  }

  async update(
    key: string,
    change: (value: Uint8Array | undefined) => RecordChange,
  ): Promise<void> {
    const next = change(this.map.get(key));
    if (next.kind === "keep") return;
    this.writes += 1;
    const failing = this.failAt?.write === this.writes;
    if (failing && this.failAt?.lost) throw new Error("not written");
    if (next.kind === "remove") this.map.delete(key);
    else this.map.set(key, Uint8Array.from(next.value));
    if (failing) throw new Error("written, but nobody knows");
  }

  async list(prefix: string): Promise<readonly string[]> {
    return [...this.map.keys()].filter((key) => key.startsWith(prefix)).sort();
  }
}
