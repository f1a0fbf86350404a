/**
 * Working off the log of recently accepted keys that a drive kept: after a start any of them may
 * differ between the members, and only they may.
 */
import { asBuffer } from "../../src/base/bytes.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { inBatches } from "./batches.ts";
import type { RecentLog } from "./replica.ts";

/** Entries read at once. */
const PAGE_ENTRIES = 256;

/**
 * Settles every key in the log, oldest first, and forgets it. Settling writes new entries, which
 * are worked off too and cause no further ones, as long as there are no observers yet.
 */
export async function settleLog(
  log: RecentLog,
  settle: (key: Uint8Array) => Promise<void>,
): Promise<void> {
  for (;;) {
    const page = await log.recent(PAGE_ENTRIES);
    if (!page.ok) throw unavailable();
    if (page.keys.length === 0) return;
    const keys = new Map<string, Uint8Array>();
    for (const key of page.keys) keys.set(asBuffer(key).toString("latin1"), key);
    await inBatches([...keys.values()], settle);
    const forgotten = await log.forgetRecent(page.upTo);
    if (!forgotten.ok) throw unavailable();
  }
}

function unavailable(): StoreError {
  return new StoreError({
    code: "data-unavailable",
    message: "a drive stopped answering while its recent keys were settled",
  });
}
