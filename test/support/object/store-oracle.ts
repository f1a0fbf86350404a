/**
 * The S3 semantics of one bucket as the documentation tells them, over plain arrays: what the object
 * layer is compared with.
 */
import { createHash } from "node:crypto";

export interface OracleVersion {
  readonly id: string;
  readonly content: string | undefined;
}

export type OracleState = "unversioned" | "enabled" | "suspended";

export class StoreOracle {
  state: OracleState = "unversioned";
  /** Newest first. */
  readonly keys = new Map<string, OracleVersion[]>();

  latest(key: string): OracleVersion | undefined {
    return this.keys.get(key)?.[0];
  }

  live(key: string): OracleVersion | undefined {
    const latest = this.latest(key);
    return latest?.content === undefined ? undefined : latest;
  }

  /** `id` is what the store under test has chosen. */
  put(key: string, content: string | undefined, id: string): void {
    const versions = this.keys.get(key) ?? [];
    const kept = id === "null" ? versions.filter((version) => version.id !== "null") : versions;
    this.keys.set(key, [{ id, content }, ...kept]);
  }

  /** Which id a write gets, as far as that is determined. */
  nextId(): "null" | "fresh" {
    return this.state === "enabled" ? "fresh" : "null";
  }

  remove(key: string, id: string): OracleVersion | undefined {
    const versions = this.keys.get(key) ?? [];
    const removed = versions.find((version) => version.id === id);
    const kept = versions.filter((version) => version !== removed);
    if (kept.length === 0) this.keys.delete(key);
    else this.keys.set(key, kept);
    return removed;
  }

  sortedKeys(): string[] {
    return [...this.keys.keys()].sort((left, right) =>
      Buffer.compare(Buffer.from(left), Buffer.from(right)),
    );
  }

  /** Everything a listing shows in order: keys and common prefixes. */
  entries(prefix: string, delimiter: string | undefined, all: boolean): string[] {
    const shown: string[] = [];
    for (const key of this.sortedKeys()) {
      if (!key.startsWith(prefix)) continue;
      if (!all && this.live(key) === undefined) continue;
      const at = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
      if (at < 0) {
        if (!all) shown.push(key);
        else for (const { id } of this.keys.get(key) ?? []) shown.push(`${key} ${id}`);
        continue;
      }
      const group = `prefix ${key.slice(0, at + (delimiter ?? "").length)}`;
      if (shown.at(-1) !== group) shown.push(group);
    }
    return shown;
  }
}

export function etagOf(content: string): string {
  return createHash("md5").update(content).digest("hex");
}
