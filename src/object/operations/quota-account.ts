/**
 * What this process may still add to a bucket with a quota, and the charges of its commits. Memory
 * only, and never waits: a commit is charged inside the change of its register, just before it is
 * sent. See quotas.ts for where the share comes from.
 */
import { StoreError } from "../../base/store-error.ts";
import type { ObjectRecord } from "../records/object-record.ts";
import type { BucketEntry } from "./bucket-entry.ts";
import { quotaOf } from "./bucket-quota.ts";
import { isCertainlyNotCommitted } from "./not-committed.ts";

export class QuotaAccount {
  /** The count that the share was drawn under; 0: none yet. */
  generation = 0;
  /** Bytes this process may add under it. */
  share = 0;
  /** Of these: added, or about to be. Less than nothing after deletions. */
  used = 0;
  /** Promised to requests whose bodies are on their way. */
  held = 0;
  /** Commits that were charged and have not ended. */
  open = 0;
  /** Part of `used`: nobody can tell whether it was added. */
  uncertain = 0;
  /** The sum may be too high, so that only a count can refuse. */
  doubtful = true;
  /** The last count of this process: when it began, for which generation, and whether all answered. */
  countedMs = Number.NEGATIVE_INFINITY;
  /** The turn in which it began. */
  counted = -1;
  countedGeneration = 0;
  complete = false;

  get free(): number {
    return this.share - this.used - this.held;
  }

  /** What was added is known to the byte. */
  get settled(): boolean {
    return this.held === 0 && this.open === 0 && this.uncertain === 0;
  }

  /** What is counted from now on, in another generation. */
  enter(generation: number, share: number): void {
    if (generation !== this.generation) this.used = this.uncertain;
    this.generation = generation;
    this.share = share;
  }
}

/** Room for a body that is on its way. Has to be released, used or not. */
export class QuotaHold {
  readonly #account: QuotaAccount;
  #bytes: number;

  /** Undefined when the account does not have so much. */
  static take(account: QuotaAccount, bytes: number): QuotaHold | undefined {
    return account.free >= bytes ? new QuotaHold(account, bytes) : undefined;
  }

  private constructor(account: QuotaAccount, bytes: number) {
    this.#account = account;
    this.#bytes = bytes;
    account.held += bytes;
  }

  release(): void {
    this.#account.held -= this.#bytes;
    this.#bytes = 0;
  }
}

/** One charge that was made and whose commit is not known to have happened. */
interface Pending {
  readonly entry: BucketEntry;
  readonly account: QuotaAccount;
  readonly generation: number;
  /** Less than nothing gives back. */
  readonly bytes: number;
}

/** The charge of one commit. */
export class QuotaCharge {
  readonly #accountOf: (bucketId: string) => QuotaAccount | undefined;
  readonly #hold: QuotaHold | undefined;
  #pending: Pending | undefined;
  /** What the account could not cover. */
  short: number | undefined;

  constructor(
    accountOf: (bucketId: string) => QuotaAccount | undefined,
    hold: QuotaHold | undefined,
  ) {
    this.#accountOf = accountOf;
    this.#hold = hold;
  }

  /** The register asks again what to write: what it was told before is not written. */
  begin(entry: BucketEntry): void {
    const pending = this.#take();
    if (pending === undefined) return;
    // After newer settings the commit is another operation; what became of the first is not known.
    if (pending.entry === entry) takeBack(pending);
    else leaveOpen(pending);
  }

  /** Charges what the record gains; false, and nothing charged, when the account cannot cover it. */
  covers(entry: BucketEntry, before: ObjectRecord, after: ObjectRecord): boolean {
    const quota = quotaOf(entry);
    if (quota === undefined) return true;
    const bytes = contentBytes(after) - contentBytes(before);
    const account = this.#accountOf(entry.id);
    if (account?.generation !== quota.generation) {
      if (bytes <= 0) return true;
      this.short = bytes;
      return false;
    }
    if (bytes > 0) {
      this.#hold?.release();
      if (account.free < bytes) {
        this.short = bytes;
        return false;
      }
      account.used += bytes;
    }
    this.#pending = { entry, account, generation: quota.generation, bytes };
    account.open += 1;
    return true;
  }

  /** The commit is chosen. */
  written(): void {
    const pending = this.#take();
    if (pending === undefined || pending.bytes >= 0) return;
    const { account, generation, bytes } = pending;
    if (account.generation === generation) account.used += bytes;
  }

  failed(error: unknown): void {
    this.#hold?.release();
    const pending = this.#take();
    if (pending === undefined) return;
    const stale = error instanceof StoreError && error.code === "stale-bucket";
    if (isCertainlyNotCommitted(error) && !stale) takeBack(pending);
    else leaveOpen(pending);
  }

  #take(): Pending | undefined {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) pending.account.open -= 1;
    return pending;
  }
}

function takeBack({ account, generation, bytes }: Pending): void {
  if (bytes > 0 && account.generation === generation) account.used -= bytes;
}

/** Counts as added until a count has looked. */
function leaveOpen({ account, generation, bytes }: Pending): void {
  account.doubtful = true;
  if (bytes <= 0) return;
  if (account.generation !== generation) account.used += bytes;
  account.uncertain += bytes;
}

function contentBytes({ versions }: ObjectRecord): number {
  let sum = 0;
  for (const version of versions) sum += version.contentBytes;
  return sum;
}
