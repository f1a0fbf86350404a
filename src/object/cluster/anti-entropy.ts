/**
 * Finds registers on which replicas differ and settles them: what a replica has missed while it was
 * away, or what it holds that nobody chose.
 *
 * Each drive of this node is compared, head by head, with the next replica of the head in the order
 * of ids, so that all replicas together form a ring and every difference lies between two neighbours.
 * First digests of long runs, then of short ones where those differ, then the keys themselves. Nothing
 * is kept up to date for this while clients write: docs/decisions/0017 has the costs.
 */
import type { ReplicaSet } from "../../../cluster/register/replica-set.ts";
import { equalBallots } from "../../base/ballot.ts";
import { compareBytes, equalBytes } from "../../base/bytes.ts";
import type { Logger } from "../../base/log.ts";
import { StoreError } from "../../base/store-error.ts";
import type { RangeRow } from "../../store/drive.ts";
import {
  type BackgroundWorker,
  inBatches,
  type WorkerStatus,
  type WorkOutcome,
} from "../contract/background-worker.ts";
import { rowBallot } from "../records/list-row.ts";
import { nextHead } from "./head-walk.ts";
import { headQuery } from "./row-digest.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

export interface AntiEntropyModules {
  /** The drives of this node that keep registers. */
  localDrives(): readonly SharedDrive[];
  /** Undefined: it is away. */
  driveOf(driveId: string): SharedDrive | undefined;
  /** The replicas of a head now. */
  replicasOf(head: Uint8Array): ReplicaSet;
  /** Makes every replica hold the same value. */
  settle(key: Uint8Array): Promise<void>;
  readonly log: Logger;
}

/** Keys of one unit of work, and of the shorter runs it is cut into where it differs. */
export const DIGEST_KEYS_MAX = 4_096;
const SHORT_RUN_KEYS = 128;
/** A replica that has so many times as many keys in a run is different without more ado. */
const EXCESS = 4;
const AT_ONCE = 8;
const START = new Uint8Array(0);

export class AntiEntropy implements BackgroundWorker {
  readonly name = "anti-entropy";
  readonly #modules: AntiEntropyModules;
  #turn = 0;
  #head: Uint8Array | undefined;
  #from: Uint8Array | undefined;
  /** A drive came back since the pass began: what lies behind us may differ from its rows. */
  #again = false;
  /** Somebody did not answer in this pass who is there. */
  #incomplete = false;
  #settled = 0;
  #failed = 0;

  constructor(modules: AntiEntropyModules) {
    this.#modules = modules;
  }

  /** One run of keys; the end of a pass after all drives of the node have been gone through. */
  async work(): Promise<WorkOutcome> {
    const drives = this.#modules.localDrives();
    if (this.#turn === 0 && this.#head === undefined) this.#again = false;
    const drive = drives[this.#turn];
    if (drive === undefined) return this.#endPass();
    if (this.#from === undefined && !(await this.#nextHead(drive))) return "busy";
    const head = this.#head;
    const from = this.#from;
    if (head === undefined || from === undefined) return "busy";
    this.#from = await this.#compareRun(drive, head, from);
    return "busy";
  }

  /** What a drive has missed is replaced at once: until then fewer have it than were promised. */
  driveReturned(): void {
    this.#again = true;
  }

  status(): WorkerStatus {
    return { name: this.name, done: this.#settled, failed: this.#failed };
  }

  #endPass(): WorkOutcome {
    const outcome = this.#incomplete ? "retry" : "idle";
    this.#turn = 0;
    this.#incomplete = false;
    return this.#again ? "busy" : outcome;
  }

  /** Goes to the next head, or drive: false. */
  async #nextHead(drive: SharedDrive): Promise<boolean> {
    const { version } = this.#fenceFor(this.#head ?? START);
    const found = await nextHead(
      (query) => drive.range(query, { layout: version, bucketEpoch: undefined }),
      this.#head,
    );
    if (found === undefined || found === "unanswered") {
      this.#turn += 1;
      this.#head = undefined;
      return false;
    }
    this.#head = found;
    this.#from = START;
    return true;
  }

  #fenceFor(head: Uint8Array): { version: number; set: ReplicaSet } {
    const set = this.#modules.replicasOf(head);
    return { version: set.epoch, set };
  }

  /** Where to go on in this head; undefined when it is done, or cannot be compared now. */
  async #compareRun(
    drive: SharedDrive,
    head: Uint8Array,
    from: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    const { version, set } = this.#fenceFor(head);
    const neighbour = neighbourOf(drive.id, set);
    const other = neighbour === undefined ? undefined : this.#modules.driveOf(neighbour);
    if (other === undefined) return undefined;
    const pair: Pair = { drive, other, head, fence: { layout: version, bucketEpoch: undefined } };
    const run = await this.#isSame(pair, { from, end: undefined }, DIGEST_KEYS_MAX);
    if (run.same === undefined) this.#incomplete = true;
    if (run.same === false) await this.#compareShortRuns(pair, from, run.end);
    return run.same === undefined ? undefined : run.end;
  }

  async #compareShortRuns(
    pair: Pair,
    from: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<void> {
    for (let start: Uint8Array | undefined = from; start !== undefined; ) {
      const run: Compared = await this.#isSame(pair, { from: start, end }, SHORT_RUN_KEYS);
      if (run.same === undefined) return;
      const stop = run.end ?? end;
      if (!run.same) await this.#settleDifferences(pair, start, stop);
      start = run.end;
    }
  }

  /** Compares up to `keysMax` of our keys; `end` is where that came to. */
  async #isSame({ drive, other, head, fence }: Pair, run: Run, keysMax: number): Promise<Compared> {
    const ours = await drive.digest({ head, ...run, keysMax }, fence);
    if (!ours.ok) return UNKNOWN;
    const end = ours.resume ?? run.end;
    const excess = EXCESS * keysMax;
    const theirs = await other.digest({ head, from: run.from, end, keysMax: excess }, fence);
    if (!theirs.ok) return UNKNOWN;
    const same = theirs.resume === undefined && equalBytes(ours.digest, theirs.digest);
    return { same, end: ours.resume };
  }

  async #settleDifferences(
    pair: Pair,
    from: Uint8Array,
    end: Uint8Array | undefined,
  ): Promise<void> {
    const [ours, theirs] = await Promise.all([
      rowsBetween(pair.drive, pair, from, end),
      rowsBetween(pair.other, pair, from, end),
    ]);
    if (ours === undefined || theirs === undefined) return;
    await inBatches(differingKeys(ours, theirs), AT_ONCE, async (key) => {
      try {
        await this.#modules.settle(Buffer.concat([pair.head, key]));
        this.#settled += 1;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        this.#failed += 1;
        this.#incomplete = true;
        this.#modules.log.debug("replicas of a key differ and could not be settled", { error });
      }
    });
  }
}

interface Pair {
  readonly drive: SharedDrive;
  readonly other: SharedDrive;
  readonly head: Uint8Array;
  readonly fence: Fence;
}

interface Run {
  readonly from: Uint8Array;
  readonly end: Uint8Array | undefined;
}

interface Compared {
  /** Undefined: one of the two does not answer. */
  readonly same: boolean | undefined;
  readonly end: Uint8Array | undefined;
}

const UNKNOWN: Compared = { same: undefined, end: undefined };

/** The replica after this one, around the ring of ids; undefined when it is none, or alone. */
function neighbourOf(driveId: string, set: ReplicaSet): string | undefined {
  const ids = set.replicas.map(({ id }) => id).sort();
  const at = ids.indexOf(driveId);
  return at < 0 || ids.length < 2 ? undefined : ids[(at + 1) % ids.length];
}

async function rowsBetween(
  drive: SharedDrive,
  { head, fence }: Pair,
  from: Uint8Array,
  end: Uint8Array | undefined,
): Promise<RangeRow[] | undefined> {
  const rows: RangeRow[] = [];
  for (let next: Uint8Array | undefined = from; next !== undefined; ) {
    const page = await drive.range(headQuery(head, next, SHORT_RUN_KEYS), fence);
    if (!page.ok) return undefined;
    const wanted = page.rows.filter(({ key }) => end === undefined || compareBytes(key, end) < 0);
    rows.push(...wanted);
    next = wanted.length < page.rows.length ? undefined : page.resume;
  }
  return rows;
}

/** Keys that only one of them has, or that they have under different ballots. */
function differingKeys(ours: readonly RangeRow[], theirs: readonly RangeRow[]): Uint8Array[] {
  const differing: Uint8Array[] = [];
  const unmatched = new Map(ours.map((row) => [nameOf(row), row]));
  for (const row of theirs) {
    const other = unmatched.get(nameOf(row));
    unmatched.delete(nameOf(row));
    if (other === undefined || !isSameValue(other, row)) differing.push(row.key);
  }
  for (const row of unmatched.values()) differing.push(row.key);
  return differing;
}

function isSameValue(left: RangeRow, right: RangeRow): boolean {
  if (left.value === undefined || right.value === undefined) return false;
  return equalBallots(rowBallot(left.value), rowBallot(right.value));
}

function nameOf({ key }: RangeRow): string {
  return Buffer.from(key).toString("latin1");
}
