/**
 * Reading when no set of drives may be formed (read-only after a start): nothing can be settled by
 * writing, so only keys that were settled already are answered.
 *
 * A key that no available member has in its recent log was settled when the last process ended, or
 * its newest accept reached none of them; an accept that was chosen reached one of them. So what all
 * of them report alike is the value. A key in a log may hold an accept that was never chosen, and a
 * later process may find another value on other drives: it is not answered. (That all members agree
 * is not enough. The simulator found that.)
 */
import { equalBallots } from "../../src/base/ballot.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { nameKey } from "./key-name.ts";
import type { RegisterReading } from "./register-contract.ts";
import type { CellReport, RecentLog, RegisterReplica } from "./replica.ts";
import { decodeBody } from "./value-envelope.ts";

/** Longer logs make every key suspect. */
const RECENT_ENTRIES_MAX = 100_000;

export class AgreedReader {
  readonly #members: ReadonlyArray<RegisterReplica & RecentLog>;
  /** Undefined until `load` has read every log. */
  #suspect: Set<string> | undefined;

  constructor(members: ReadonlyArray<RegisterReplica & RecentLog>) {
    this.#members = members;
  }

  /** Reads the recent logs; throws StoreError `data-unavailable` when one cannot be read. */
  async load(): Promise<void> {
    const suspect = new Set<string>();
    for (const member of this.#members) {
      const page = await member.recent(RECENT_ENTRIES_MAX);
      if (!page.ok) throw unavailable("a drive does not answer");
      if (page.keys.length >= RECENT_ENTRIES_MAX) throw unavailable("a recent log is too long");
      for (const key of page.keys) suspect.add(nameKey(key).text);
    }
    this.#suspect = suspect;
  }

  /** Throws StoreError `data-unavailable` when the drives that are there cannot tell. */
  async read(keyBytes: Uint8Array): Promise<RegisterReading> {
    if (this.#suspect === undefined) throw unavailable("the drives' logs are not read");
    if (this.#suspect.has(nameKey(keyBytes).text)) {
      throw unavailable("too few drives are there to settle the key");
    }
    const replies = await Promise.all(this.#members.map((member) => member.read(keyBytes)));
    let agreed: CellReport | undefined;
    for (const reply of replies) {
      if (!reply.ok) throw unavailable("a drive does not answer");
      if (agreed !== undefined && !equalBallots(agreed.accepted, reply.accepted)) {
        throw unavailable("the drives disagree and too few are there to settle it");
      }
      agreed = reply;
    }
    if (agreed === undefined) throw unavailable("no drive is there");
    const body = agreed.value === undefined ? undefined : decodeBody(agreed.value);
    return { ballot: agreed.accepted, body };
  }
}

function unavailable(message: string): StoreError {
  return new StoreError({ code: "data-unavailable", message });
}
