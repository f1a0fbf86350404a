/**
 * Carries out lifecycle rules: walks the listing rows of every bucket that has some, page by page,
 * and where a row says that something may be due, lets the register decide.
 *
 * A row is a hint, and so are the rules that the walk began with: the change of the register looks at
 * the versions, the locks and the bucket's rules as they are at that moment, so that nothing newer is
 * ever removed and a rule taken away removes nothing more. Everything here may be repeated and may
 * stop at any point.
 */
import type { RegisterChange } from "../../../cluster/register/register-contract.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeRow } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
} from "../contract/background-worker.ts";
import {
  headsOf,
  OBJECT_TAG,
  objectKey,
  parseRegisterKey,
  UPLOAD_TAG,
} from "../contract/register-keys.ts";
import { actingUnder, type BucketEntry } from "../operations/bucket-entry.ts";
import { changeContext } from "../operations/commit-version.ts";
import { abortInside } from "../operations/complete-upload.ts";
import type { ObjectCore } from "../operations/object-core.ts";
import { checkUnlocked, LOCK_DOCUMENT } from "../operations/object-lock.ts";
import type { QuotaCharge } from "../operations/quota-account.ts";
import { readUpload } from "../operations/upload-state.ts";
import { readObjectRow, readUploadRow } from "../records/list-row.ts";
import {
  decodeObjectRecord,
  encodeObjectRecord,
  type ObjectRecord,
} from "../records/object-record.ts";
import type { StoredVersion, VersionSummary } from "../records/stored-version.ts";
import { deleteLatest, deleteVersion } from "../records/version-changes.ts";
import { newTimeId } from "../records/version-id.ts";
import { encodeWriteResult } from "../records/write-result.ts";
import type { Expired, ExpiredVersion, TellExpired } from "./expired-versions.ts";
import {
  decideLifecycle,
  dueAfterDays,
  type LifecycleClock,
  type LifecycleDecision,
  type LifecycleRule,
  type LifecycleVersion,
  lifecycleOf,
  tagsOf,
} from "./lifecycle-rules.ts";

export interface LifecycleOptions {
  /** What counts as a day of a rule; shorter only to try rules out. */
  readonly dayMs: number;
}

export interface LifecycleModules {
  readonly core: ObjectCore;
  /** This node tends the record; of the others some other node does. */
  isOurs(registerKey: Uint8Array): boolean;
}

/** Rows looked at in one unit of work, and records changed at once. */
const ROWS_PER_UNIT = 500;
const AT_ONCE = 8;
const BUCKETS_PER_PAGE = 500;
const START = new Uint8Array(0);

/** Where the walk stands: a bucket, its objects or its uploads, the next row. */
interface Position {
  readonly bucket: BucketEntry;
  readonly tag: typeof OBJECT_TAG | typeof UPLOAD_TAG;
  readonly from: Uint8Array;
}

export class LifecycleWorker implements BackgroundWorker {
  readonly name = "lifecycle";
  readonly #options: LifecycleOptions;
  readonly #core: ObjectCore;
  readonly #isOurs: (registerKey: Uint8Array) => boolean;
  /** Buckets of this pass after `#position`; undefined between passes. */
  #queue: AsyncGenerator<BucketEntry, void, undefined> | undefined;
  #position: Position | undefined;
  #done = 0;
  #failed = 0;
  /** In the bucket of `#position`, in this pass. */
  #tally = { versions: 0, uploads: 0, failed: 0 };
  #tell: TellExpired = () => Promise.resolve();

  constructor(options: LifecycleOptions, modules: LifecycleModules) {
    this.#options = options;
    this.#core = modules.core;
    this.#isOurs = modules.isOurs;
  }

  onExpired(tell: TellExpired): void {
    this.#tell = tell;
  }

  async work(): Promise<"busy" | "idle"> {
    this.#position ??= await this.#nextBucket();
    if (this.#position === undefined) return "idle";
    const { bucket } = this.#position;
    try {
      this.#position = await this.#workPage(this.#position);
      if (this.#position === undefined) this.#report(bucket);
    } catch (error) {
      // The bucket may be gone; what else it was, the next pass meets again.
      this.#position = undefined;
      if (!(error instanceof StoreError) || error.code !== "no-such-bucket") throw error;
    }
    return "busy";
  }

  status(): WorkerStatus {
    return { name: this.name, done: this.#done, failed: this.#failed };
  }

  async #nextBucket(): Promise<Position | undefined> {
    this.#queue ??= bucketsWithRules(this.#core);
    const next = await this.#queue.next();
    if (next.done === true) {
      this.#queue = undefined;
      return undefined;
    }
    return { bucket: next.value, tag: OBJECT_TAG, from: START };
  }

  /** One line for each bucket and pass in which something happened. */
  #report({ name }: BucketEntry): void {
    const tally = this.#tally;
    this.#tally = { versions: 0, uploads: 0, failed: 0 };
    if (tally.versions + tally.uploads + tally.failed === 0) return;
    this.#core.log.info("lifecycle rules were carried out", { bucket: name, ...tally });
  }

  async #workPage(position: Position): Promise<Position | undefined> {
    const bucket = await this.#core.buckets.current(position.bucket);
    const rules = lifecycleOf(bucket)?.rules.filter(({ enabled }) => enabled) ?? [];
    if (rules.length === 0) return undefined;
    const heads = headsOf(position.tag, bucket);
    const page = await this.#core.registers.rows({
      heads,
      from: position.from,
      fromExclusive: false,
      prefix: START,
      visibleOnly: position.tag === UPLOAD_TAG,
      limit: ROWS_PER_UNIT,
      scanMax: ROWS_PER_UNIT,
    });
    await inBatches(page.rows, AT_ONCE, (row) =>
      position.tag === OBJECT_TAG
        ? this.#tendObject(bucket, rules, row)
        : this.#tendUpload(bucket, rules, { row, head: heads[row.head] ?? START }),
    );
    if (!page.exhausted && page.resume !== undefined) return { ...position, from: page.resume };
    return position.tag === OBJECT_TAG ? { bucket, tag: UPLOAD_TAG, from: START } : undefined;
  }

  async #tendObject(
    bucket: BucketEntry,
    rules: readonly LifecycleRule[],
    row: RangeRow,
  ): Promise<void> {
    if (row.value === undefined) return;
    const key = Buffer.from(row.key).toString("utf8");
    const { versions, more } = readObjectRow(row.value);
    const hinted = decideLifecycle(
      rules.map(withoutTags),
      key,
      versions.map(summaryVersion),
      this.#clock(),
    );
    if (!more && isNothing(hinted)) return;
    if (!this.#isOurs(objectKey(bucket, key))) return;
    await this.#attempt(() => this.#expire(bucket, key));
  }

  async #tendUpload(
    bucket: BucketEntry,
    rules: readonly LifecycleRule[],
    { row, head }: { readonly row: RangeRow; readonly head: Uint8Array },
  ): Promise<void> {
    const registerKey = Buffer.concat([head, row.key]);
    const parsed = parseRegisterKey(registerKey);
    if (row.value === undefined || parsed?.kind !== "upload") return;
    if (!this.#isOurs(registerKey)) return;
    const { initiatedMs } = readUploadRow(row.value);
    const key = parsed.key.toString("utf8");
    const isDue = (byRules: readonly LifecycleRule[]) =>
      isUploadDue(byRules, key, initiatedMs, this.#clock());
    if (!isDue(rules)) return;
    await this.#attempt(() =>
      this.#core.buckets.commit(bucket, async (entry) => {
        if (!isDue(lifecycleOf(entry)?.rules ?? [])) return;
        const { state } = await readUpload(this.#core, registerKey, actingUnder(entry));
        if (state.kind !== "open") return;
        await abortInside(this.#core, registerKey, entry);
        this.#tally.uploads += 1;
      }),
    );
  }

  /** What cannot be done now is tried again in the next pass. */
  async #attempt(run: () => Promise<void>): Promise<void> {
    try {
      await run();
      this.#done += 1;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#failed += 1;
      this.#tally.failed += 1;
      this.#core.log.debug("a lifecycle rule has to wait", { error });
    }
  }

  async #expire(bucket: BucketEntry, key: string): Promise<void> {
    const core = this.#core;
    let newId: Buffer | undefined;
    const mintId = () => {
      newId ??= newTimeId(core.clock, core.random);
      return newId;
    };
    // Of the last attempt, which is the one that counts.
    let versions: ExpiredVersion[] = [];
    const attempt = (charge: QuotaCharge) =>
      core.buckets.commit(bucket, async (entry) => {
        const outcome = await core.registers.update<undefined>(
          objectKey(entry, key),
          (body) => {
            versions = [];
            charge.begin(entry);
            const expiry = { entry, key, mintId, clock: this.#clock(), versions, charge };
            return lifecycleChange(core, expiry, body);
          },
          actingUnder(entry),
        );
        if (outcome.kind === "written") charge.written();
        return outcome;
      });
    const outcome = await core.quotas.charging(bucket, undefined, attempt);
    if (outcome.kind === "written") {
      this.#tally.versions += versions.length;
      const known = core.buckets.lastKnown(bucket);
      await this.#tellExpired({ bucket: known, key, versions });
    }
  }

  async #tellExpired(expired: Expired): Promise<void> {
    try {
      await this.#tell(expired);
    } catch (error) {
      this.#core.log.warn("an expiry was not told of", { error });
    }
  }

  #clock(): LifecycleClock {
    return { nowMs: this.#core.clock.nowMs(), dayMs: this.#options.dayMs };
  }
}

async function* bucketsWithRules(core: ObjectCore): AsyncGenerator<BucketEntry, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const page = await core.buckets.list({ prefix: "", after, limit: BUCKETS_PER_PAGE });
    for (const bucket of page.buckets) {
      if (lifecycleOf(bucket) !== undefined) yield await core.buckets.current(bucket);
    }
    after = page.buckets.at(-1)?.name;
    if (!page.truncated || after === undefined) return;
  }
}

interface Expiry {
  readonly entry: BucketEntry;
  readonly key: string;
  readonly mintId: () => Buffer;
  readonly clock: LifecycleClock;
  /** Grows by what is done. */
  readonly versions: ExpiredVersion[];
  readonly charge: QuotaCharge;
}

/** Decides on the record as it is; nothing due leaves it alone. */
function lifecycleChange(
  core: ObjectCore,
  { entry, key, mintId, clock, versions, charge }: Expiry,
  body: Uint8Array | undefined,
): RegisterChange<undefined> {
  const keep = { kind: "keep", answer: undefined } as const;
  const rules = lifecycleOf(entry)?.rules;
  if (rules === undefined || body === undefined) return keep;
  const record = decodeObjectRecord(body);
  const decision = decideLifecycle(rules, key, record.versions.map(storedVersion), clock);
  const context = changeContext(core, entry);
  let changed: ObjectRecord = record;
  let last: StoredVersion | undefined;
  for (const index of decision.remove) {
    const version = record.versions[index];
    if (version === undefined || isLocked(version, entry, clock)) continue;
    changed = deleteVersion(changed, version.isNull ? undefined : version.id, context).record;
    last = version;
    versions.push(expiredVersion("removed", version));
  }
  if (decision.expireCurrent) {
    const change = deleteLatest(changed, mintId, context);
    if (change?.version !== undefined) {
      changed = change.record;
      last = change.version;
      const kind = entry.versioning === "unversioned" ? "removed" : "hidden";
      versions.push(expiredVersion(kind, change.version));
    }
  }
  if (last === undefined) return keep;
  // Never more than there was: it only gives back.
  charge.covers(entry, record, changed);
  return {
    kind: "write",
    body: encodeObjectRecord(changed, body),
    result: encodeWriteResult(last),
  };
}

function expiredVersion(kind: ExpiredVersion["kind"], version: StoredVersion): ExpiredVersion {
  const { versionId, deleteMarker } = version;
  return { kind, versionId, deleteMarker };
}

function isLocked(version: StoredVersion, entry: BucketEntry, { nowMs }: LifecycleClock): boolean {
  if (entry.documents[LOCK_DOCUMENT] === undefined || version.deleteMarker) return false;
  const override = { nowMs, bypassGovernance: false };
  return checkUnlocked(version.meta().headers, override) !== undefined;
}

function storedVersion(version: StoredVersion): LifecycleVersion {
  return { ...summaryVersion(version), tags: () => tagsOf(version.meta().headers) };
}

function summaryVersion(summary: VersionSummary): LifecycleVersion {
  return {
    deleteMarker: summary.deleteMarker,
    mtimeMs: summary.mtimeMs,
    writtenMs: summary.writtenMs,
    bytes: summary.contentBytes,
    tags: () => [],
  };
}

/** Rows know no tags: without them a rule means at least what it means with them. */
function withoutTags(rule: LifecycleRule): LifecycleRule {
  const { tags: _, ...filter } = rule.filter;
  return { ...rule, filter };
}

function isNothing({ expireCurrent, remove }: LifecycleDecision): boolean {
  return !expireCurrent && remove.length === 0;
}

function isUploadDue(
  rules: readonly LifecycleRule[],
  key: string,
  initiatedMs: number,
  clock: LifecycleClock,
): boolean {
  return rules.some(
    ({ enabled, filter, abortUploadsDays }) =>
      enabled &&
      abortUploadsDays !== undefined &&
      key.startsWith(filter.prefix ?? "") &&
      dueAfterDays(initiatedMs, abortUploadsDays, clock.dayMs) <= clock.nowMs,
  );
}
