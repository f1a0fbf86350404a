/**
 * Quotas of buckets: the bytes of all versions together never exceed them, whoever adds some through
 * whatever node.
 *
 * What was counted stands in a ledger (quota-ledger.ts), together with a share for each process: so
 * many bytes it may add by itself, without asking anybody. Count and shares never come to more than
 * the quota. A process that needs more draws a larger share; what it deletes it may add again.
 *
 * When nothing is left to draw, somebody counts anew: the bucket's settings get another generation,
 * and with it another epoch, under which every drive refuses what was charged to an older share. So
 * the count finds everything that was ever added, and shares begin again, those of processes that are
 * dead too. Nothing is refused before such a count has said that there is no room.
 *
 * docs/decisions/0029 has the reasons and what remains.
 */
import { type Clock, sleep } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import { StoreError } from "../../base/store-error.ts";
import { KeyedGate } from "../contract/keyed-gate.ts";
import type { Bucket } from "../contract/object-store.ts";
import type { Registers } from "../contract/registers.ts";
import {
  bytesOfOthers,
  decodeLedger,
  encodeLedger,
  ledgerKey,
  type QuotaLedger,
} from "../records/quota-ledger.ts";
import type { BucketEntry } from "./bucket-entry.ts";
import { encodeQuota, QUOTA_DOCUMENT, type Quota, quotaOf } from "./bucket-quota.ts";
import { takeCensus } from "./bucket-usage.ts";
import type { Buckets } from "./buckets.ts";
import { QuotaAccount, QuotaCharge, QuotaHold } from "./quota-account.ts";
import { SystemRecords } from "./system-records.ts";

export interface QuotasOptions {
  /** Other processes add to the buckets too. */
  readonly bucketsShared: boolean;
}

export interface QuotasModules {
  readonly buckets: Pick<Buckets, "current" | "under" | "change" | "forget">;
  readonly registers: Registers;
  readonly random: Random;
  readonly clock: Clock;
}

/** Largest quota: what can be told apart in a number, with sums of it. */
export const QUOTA_BYTES_MAX: number = 2 ** 52;
/** At most one count in this time for a bucket, and process. Whoever waits shares it. */
export const COUNT_PAUSE_MS = 1_000;
/** What is free is drawn in such portions: others want some too, and a crash leaves the rest. */
const PORTIONS = 16;
/** How often what a request needs is drawn or counted for it before it is told to come again. */
const ATTEMPTS_MAX = 8;
const PROCESS_NAME_BYTES = 8;
/** A generation that no bucket has. */
const CLOSED = -1;

/** `full`: by the ledger there is no room at all; `shared-out`: only in the shares of others. */
type Drawn = "granted" | "full" | "shared-out" | "uncounted" | "newer";

/** What a request waits for. */
interface Wanted {
  readonly bucket: Pick<Bucket, "name" | "id">;
  readonly bytes: number;
  /** In the order in which requests come and counts begin. */
  readonly arrived: number;
}

export class Quotas {
  readonly #options: QuotasOptions;
  readonly #modules: QuotasModules;
  readonly #records: SystemRecords;
  readonly #accounts = new Map<string, QuotaAccount>();
  /** By bucket id: one process draws and counts once at a time. */
  readonly #lanes = new KeyedGate();
  readonly #find = (bucketId: string) => this.#accounts.get(bucketId);
  #name: string | undefined;
  #turn = 0;

  constructor(options: QuotasOptions, modules: QuotasModules) {
    this.#options = options;
    this.#modules = modules;
    this.#records = new SystemRecords(modules.registers);
  }

  /**
   * Before a body of so many bytes is read. Undefined: the bucket has no quota. Rejects with
   * quota-exceeded when there is no room.
   */
  async reserve(
    bucket: Pick<Bucket, "name" | "id">,
    bytes: number,
  ): Promise<QuotaHold | undefined> {
    const arrived = this.#turn++;
    if (bytes === 0) return undefined;
    const entry = await this.#modules.buckets.current(bucket);
    const quota = quotaOf(entry);
    if (quota === undefined) return undefined;
    const account = this.#accounts.get(entry.id);
    const hold = account?.generation === quota.generation && QuotaHold.take(account, bytes);
    if (hold) return hold;
    return this.#lanes.close(entry.id, () => this.#replenish({ bucket, bytes, arrived }));
  }

  /**
   * Runs a commit that asks its charge what it may add, again when more has to be drawn first. The
   * bucket's gate must not be held: drawing may change the bucket.
   */
  charging<T>(
    bucket: Pick<Bucket, "name" | "id">,
    admitted: QuotaHold | undefined,
    run: (charge: QuotaCharge) => Promise<T>,
  ): Promise<T> {
    const charge = new QuotaCharge(this.#find, admitted);
    // Without a promise more than it takes: this is on the way of every commit.
    return run(charge).catch((error: unknown) => this.#again(error, { bucket, charge, run }));
  }

  async #again<T>(error: unknown, { bucket, charge, run }: Charged<T>): Promise<T> {
    let failed = charge;
    let failure = error;
    for (let attempt = 1; ; attempt++) {
      failed.failed(failure);
      const { short } = failed;
      if (short === undefined || attempt >= ATTEMPTS_MAX || !isExceeded(failure)) throw failure;
      const hold = await this.reserve(bucket, short);
      failed = new QuotaCharge(this.#find, hold);
      try {
        return await run(failed);
      } catch (next) {
        failure = next;
      } finally {
        hold?.release();
      }
    }
  }

  async set(name: string, bytesMax: number | undefined): Promise<void> {
    if (bytesMax !== undefined) checkQuota(bytesMax);
    let changed: { readonly id: string; readonly epoch: number } | undefined;
    await this.#modules.buckets.change(name, ({ id, epoch }) => {
      changed = { id, epoch };
      const text = bytesMax && encodeQuota({ bytesMax, generation: epoch + 1 });
      return { documents: { [QUOTA_DOCUMENT]: text || undefined } };
    });
    if (bytesMax === undefined && changed !== undefined) {
      await this.forget(changed.id, changed.epoch);
    }
  }

  /** Writes down what was added, so that the next process need not count. Nothing may come after. */
  async close(): Promise<void> {
    for (const [bucketId, account] of this.#accounts) {
      const { generation, used, settled } = account;
      account.enter(CLOSED, 0);
      if (settled) await this.#settle(bucketId, generation, used);
    }
  }

  async #settle(bucketId: string, generation: number, used: number): Promise<void> {
    await this.#records.update(ledgerKey(bucketId), (value) => {
      const ledger = decodeLedger(value);
      if (ledger?.generation !== generation) return { kind: "keep" };
      const { [this.#process]: share, ...shares } = ledger.shares;
      const base = ledger.base + used;
      // Less than nothing: it has deleted what is still in the shares of others.
      if (share === undefined || base < 0) return { kind: "keep" };
      return { kind: "write", value: encodeLedger({ generation, base, shares }) };
    });
  }

  /** The bucket has no quota any more, or is gone: ledgers up to this generation are not used again. */
  async forget(bucketId: string, upTo: number): Promise<void> {
    this.#accounts.delete(bucketId);
    await this.#records.update(ledgerKey(bucketId), (value) => {
      const ledger = decodeLedger(value);
      return { kind: ledger === undefined || ledger.generation > upTo ? "keep" : "remove" };
    });
  }

  /** In the bucket's lane. */
  async #replenish(wanted: Wanted): Promise<QuotaHold | undefined> {
    const { bucket, bytes } = wanted;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const entry = await this.#modules.buckets.current(bucket);
      const quota = quotaOf(entry);
      if (quota === undefined) return undefined;
      if (bytes > quota.bytesMax) throw exceeded();
      const account = this.#accountOf(entry.id);
      const hold = account.generation === quota.generation && QuotaHold.take(account, bytes);
      if (hold) return hold;
      const drawn = await this.#draw(quota, account, wanted);
      if (drawn === "granted") continue;
      if (drawn === "newer") this.#modules.buckets.forget(entry.name);
      else if (drawn === "uncounted") await this.#count(quota, account, wanted);
      else await this.#refuseOrAsk(drawn, { entry, quota, account, wanted });
    }
    throw new StoreError({ code: "busy" });
  }

  async #refuseOrAsk(drawn: "full" | "shared-out", { entry, quota, account, wanted }: Refusal) {
    const counted = isCounted(quota, account, wanted);
    // Where others change the bucket too, only a count made since the request came tells.
    const mayBeRoom = !counted && (this.#options.bucketsShared || account.doubtful);
    if (drawn === "full" && !mayBeRoom) throw exceeded();
    // There is room, but it may have been used where nobody can look.
    if (counted && !account.complete) throw new StoreError({ code: "busy" });
    await this.#askForCount(entry, quota, account);
  }

  /** Enlarges the share, if the ledger allows it. */
  async #draw(quota: Quota, account: QuotaAccount, { bucket, bytes }: Wanted): Promise<Drawn> {
    const { generation } = quota;
    const used = account.generation === generation ? account.used : account.uncertain;
    const needed = used + account.held + bytes;
    let drawn: Drawn = "uncounted";
    let share = 0;
    await this.#records.update(ledgerKey(bucket.id), (value) => {
      const ledger = decodeLedger(value);
      drawn = judge(ledger, quota);
      if (ledger === undefined || drawn !== "granted") return { kind: "keep" };
      const granted = this.#grant(ledger, quota, needed);
      if (granted === undefined) {
        drawn = ledger.base + needed > quota.bytesMax ? "full" : "shared-out";
        return { kind: "keep" };
      }
      share = granted.share;
      return { kind: "write", value: encodeLedger(granted.ledger) };
    });
    // Assigned in the change, which the compiler cannot see.
    const outcome = drawn as Drawn;
    if (outcome === "granted") account.enter(generation, share);
    return outcome;
  }

  /** What is needed, and a portion of what is left; undefined when there is not so much. */
  #grant(
    ledger: QuotaLedger,
    { bytesMax }: Quota,
    needed: number,
  ): { readonly ledger: QuotaLedger; readonly share: number } | undefined {
    const process = this.#process;
    const room = bytesMax - bytesOfOthers(ledger, process);
    if (needed > room) return undefined;
    const further = Math.floor((room - needed) / PORTIONS);
    const share = Math.max(ledger.shares[process] ?? 0, needed + further, 0);
    return { ledger: { ...ledger, shares: { ...ledger.shares, [process]: share } }, share };
  }

  /** Makes another generation, unless somebody else has. At most one in a while. */
  async #askForCount(entry: BucketEntry, quota: Quota, account: QuotaAccount): Promise<void> {
    const { buckets, clock } = this.#modules;
    const waitMs = account.countedMs + COUNT_PAUSE_MS - clock.monotonicMs();
    if (waitMs > 0) await sleep(clock, waitMs);
    await buckets.change(entry.name, (bucket) => {
      const now = quotaOf(bucket);
      if (bucket.id !== entry.id || now?.generation !== quota.generation) return {};
      const text = encodeQuota({ ...now, generation: bucket.epoch + 1 });
      return { documents: { [QUOTA_DOCUMENT]: text } };
    });
  }

  /** Counts for a generation that has not been counted yet, and draws what was wanted. */
  async #count(quota: Quota, account: QuotaAccount, { bucket, bytes }: Wanted): Promise<void> {
    const { buckets, clock, registers } = this.#modules;
    const beganMs = clock.monotonicMs();
    const began = this.#turn++;
    const { uncertain } = account;
    const { generation } = quota;
    const counted = await buckets.under(bucket, async (entry) => {
      if (quotaOf(entry)?.generation !== generation) return undefined;
      return takeCensus(registers, entry);
    });
    if (counted === undefined) return;
    const { complete } = counted;
    const unknown = complete ? account.uncertain - uncertain : account.uncertain;
    const needed = unknown + account.held + bytes;
    let share: number | undefined;
    await this.#records.update(ledgerKey(bucket.id), (value) => {
      const before = decodeLedger(value);
      share = undefined;
      if (judge(before, quota) !== "uncounted") return { kind: "keep" };
      const shares = complete ? {} : sharesOfOthers(before, this.#process);
      const ledger = { generation, base: counted.bytes, shares };
      const granted = this.#grant(ledger, quota, needed);
      share = granted?.share ?? 0;
      return { kind: "write", value: encodeLedger(granted?.ledger ?? ledger) };
    });
    if (share === undefined) return;
    if (complete) account.uncertain -= uncertain;
    account.enter(generation, share);
    account.doubtful = account.uncertain > 0;
    account.complete = complete;
    account.counted = began;
    account.countedMs = beganMs;
    account.countedGeneration = generation;
  }

  /** Names this process, and no other that ever was. */
  get #process(): string {
    this.#name ??= this.#modules.random.bytes(PROCESS_NAME_BYTES).toString("hex");
    return this.#name;
  }

  #accountOf(bucketId: string): QuotaAccount {
    let account = this.#accounts.get(bucketId);
    if (account === undefined) {
      account = new QuotaAccount();
      this.#accounts.set(bucketId, account);
    }
    return account;
  }
}

interface Charged<T> {
  readonly bucket: Pick<Bucket, "name" | "id">;
  readonly charge: QuotaCharge;
  readonly run: (charge: QuotaCharge) => Promise<T>;
}

interface Refusal {
  readonly entry: BucketEntry;
  readonly quota: Quota;
  readonly account: QuotaAccount;
  readonly wanted: Wanted;
}

/** This process has counted since the request came, for the generation that still holds. */
function isCounted({ generation }: Quota, account: QuotaAccount, { arrived }: Wanted): boolean {
  return account.countedGeneration === generation && account.counted > arrived;
}

function judge(
  ledger: QuotaLedger | undefined,
  { generation }: Quota,
): "granted" | "uncounted" | "newer" {
  if (ledger === undefined || ledger.generation < generation) return "uncounted";
  return ledger.generation > generation ? "newer" : "granted";
}

/** What they have added may lie where nobody can look now. */
function sharesOfOthers(
  ledger: QuotaLedger | undefined,
  process: string,
): Readonly<Record<string, number>> {
  const { [process]: _, ...others } = ledger?.shares ?? {};
  return others;
}

function checkQuota(bytesMax: number): void {
  if (Number.isSafeInteger(bytesMax) && bytesMax > 0 && bytesMax <= QUOTA_BYTES_MAX) return;
  throw new StoreError({
    code: "invalid-argument",
    message: `a quota has 1 to ${QUOTA_BYTES_MAX} bytes`,
  });
}

function exceeded(): StoreError {
  return new StoreError({ code: "quota-exceeded" });
}

function isExceeded(error: unknown): boolean {
  return error instanceof StoreError && error.code === "quota-exceeded";
}
