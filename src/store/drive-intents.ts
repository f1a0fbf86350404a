/** The drive's small tables: recent accepts, values kept for callers, finished intents. */
import { assert } from "../base/assert.ts";
import type { Done, DriveRefusal } from "./drive.ts";
import { callerMetaKey, encodeU32, ownMetaKey, recentBallot, recentKeys } from "./drive-tables.ts";
import { type CommitOutcome, type GroupCommit, WRITES_PER_COMMIT_MAX } from "./group-commit.ts";
import { isKvTable, type Kv, type KvWrite } from "./kv.ts";
import type { MetaReply, RecentPage } from "./store-messages.ts";

const FIRST = new Uint8Array(0);
/** Rows that may be deleted through `deleteRows`: those that no register derives any more. */
const DELETABLE: readonly string[] = ["heal", "pending", "trash", "list"];

export class DriveIntents {
  readonly #kv: Kv;
  readonly #commits: GroupCommit;

  constructor(kv: Kv, commits: GroupCommit) {
    this.#kv = kv;
    this.#commits = commits;
  }

  /** At least `limit` keys if there are so many: a ballot clock is never cut in two. */
  recent(limit: number): RecentPage {
    const keys: Uint8Array[] = [];
    let upTo = 0;
    const scan = this.#kv.scan("recent", FIRST);
    while (scan.next()) {
      const { clock } = recentBallot(scan.key);
      if (keys.length >= limit && clock !== upTo) break;
      for (const key of recentKeys(scan.value)) keys.push(Buffer.from(key));
      upTo = clock;
    }
    scan.close();
    return { ok: true, keys, upTo };
  }

  async forgetRecent(upTo: number): Promise<Done | DriveRefusal> {
    for (;;) {
      const writes = this.#recentUpTo(upTo);
      const outcome = await this.#commits.store(writes);
      if (outcome !== "durable" || writes.length < WRITES_PER_COMMIT_MAX) return answer(outcome);
    }
  }

  readMeta(name: string): MetaReply {
    const value = this.#kv.get("meta", callerMetaKey(name));
    return value === undefined ? { ok: true } : { ok: true, value };
  }

  async writeMeta(name: string, value: Uint8Array): Promise<Done | DriveRefusal> {
    return answer(await this.#commits.store([{ table: "meta", key: callerMetaKey(name), value }]));
  }

  async raiseIncarnation(incarnation: number): Promise<Done | DriveRefusal> {
    const key = ownMetaKey("incarnation");
    return answer(
      await this.#commits.store([{ table: "meta", key, value: encodeU32(incarnation) }]),
    );
  }

  async markSynced(): Promise<Done | DriveRefusal> {
    const key = ownMetaKey("resync");
    return answer(await this.#commits.store([{ table: "meta", key, value: undefined }]));
  }

  async deleteRows(
    rows: readonly { table: string; key: Uint8Array }[],
  ): Promise<Done | DriveRefusal> {
    assert(rows.length <= WRITES_PER_COMMIT_MAX, "deleteRows is one transaction");
    const writes = rows.map(({ table, key }): KvWrite => {
      assert(isKvTable(table) && DELETABLE.includes(table), `rows of ${table} can be deleted`);
      return { table, key, value: undefined };
    });
    return answer(await this.#commits.store(writes));
  }

  #recentUpTo(upTo: number): KvWrite[] {
    const writes: KvWrite[] = [];
    const scan = this.#kv.scan("recent", FIRST);
    while (writes.length < WRITES_PER_COMMIT_MAX && scan.next()) {
      if (recentBallot(scan.key).clock > upTo) break;
      writes.push({ table: "recent", key: Buffer.from(scan.key), value: undefined });
    }
    scan.close();
    return writes;
  }
}

function answer(outcome: CommitOutcome): Done | DriveRefusal {
  if (outcome === "durable") return { ok: true };
  return { ok: false, reason: "unavailable", applied: outcome, message: "the index failed" };
}
