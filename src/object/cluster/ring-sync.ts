/**
 * Bringing registers to the replicas that a change of the ring gives them, while quorums of the old
 * and the new ones are needed for everything (a joint layout), and taking away afterwards what drives
 * hold of partitions that are not theirs any more.
 *
 * A chosen value was accepted by a majority of the old replicas, so the keys that a majority of them
 * holds are all keys that there are. Each is read under the joint layout: that answers only when a
 * quorum of BOTH sets holds the same value, and writes it there otherwise. When all were read, the old
 * replicas are not needed any more. What is written meanwhile needs both quorums by itself.
 *
 * Copies that are left must go before their drive may become a replica again: a key that was deleted
 * and forgotten meanwhile would come back from them.
 */
import { majority } from "../../../cluster/register/replica-set.ts";
import { ZERO_BALLOT } from "../../base/ballot.ts";
import { inBatches } from "../background-worker.ts";
import { purgedRows } from "../derive-rows.ts";
import { nextHead } from "./head-walk.ts";
import { headQuery } from "./row-digest.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

export interface RingSyncModules {
  /** The epoch of the joint layout, which this node goes by. */
  readonly layout: number;
  partitionOf(head: Uint8Array): number;
  /** The replicas that a partition had before. */
  oldReplicasOf(partition: number): readonly string[];
  driveOf(driveId: string): SharedDrive | undefined;
  /** Reads a key under the joint layout; rejects when it cannot be settled now. */
  read(key: Buffer): Promise<unknown>;
}

/** A pause of the work: nothing is under way. */
export type Steps<Result> = AsyncGenerator<void, Result, undefined>;

const PAGE_ROWS = 128;
const AT_ONCE = 8;
const START = new Uint8Array(0);

/**
 * Works through the partitions given; returns those that are synced now. The others lack a drive that
 * answers: they are to be tried again. Rejects with what `read` rejects with.
 */
export async function* syncPartitions(
  modules: RingSyncModules,
  partitions: ReadonlySet<number>,
): Steps<Set<number>> {
  const sources = new Set([...partitions].flatMap((partition) => modules.oldReplicasOf(partition)));
  const pulled = new Set<string>();
  for (const id of sources) {
    const concerned = new Set(
      [...partitions].filter((partition) => modules.oldReplicasOf(partition).includes(id)),
    );
    const drive = modules.driveOf(id);
    if (drive !== undefined && (yield* pull(modules, drive, concerned))) pulled.add(id);
  }
  return new Set(
    [...partitions].filter((partition) => {
      const old = modules.oldReplicasOf(partition);
      return old.filter((id) => pulled.has(id)).length >= majority(old.length);
    }),
  );
}

/** True when every key of the partitions that the drive holds has been read. */
function pull(
  modules: RingSyncModules,
  drive: SharedDrive,
  partitions: ReadonlySet<number>,
): Steps<boolean> {
  const isWanted = (head: Uint8Array) => partitions.has(modules.partitionOf(head));
  return eachKey({ drive, epoch: modules.layout, isWanted }, (key) => modules.read(key));
}

/**
 * Deletes the registers that a drive of this node holds of partitions which the stable layout gives
 * to others. True when there are none left.
 */
export function dropLeftovers(
  drive: SharedDrive,
  epoch: number,
  isForeign: (head: Uint8Array) => boolean,
): Steps<boolean> {
  const fence: Fence = { layout: epoch, bucketEpoch: undefined };
  let failed = false;
  const steps = eachKey({ drive, epoch, isWanted: isForeign }, async (key) => {
    const reply = await drive.discard(key, ZERO_BALLOT, purgedRows(key), fence);
    failed ||= !reply.ok;
  });
  return andNot(steps, () => failed);
}

async function* andNot(steps: Steps<boolean>, failed: () => boolean): Steps<boolean> {
  const done = yield* steps;
  return done && !failed();
}

interface KeysOf {
  readonly drive: SharedDrive;
  readonly epoch: number;
  isWanted(head: Uint8Array): boolean;
}

/** False when the drive does not answer. Each pause comes after some keys. */
async function* eachKey(
  { drive, epoch, isWanted }: KeysOf,
  visit: (key: Buffer) => Promise<unknown>,
): Steps<boolean> {
  const fence: Fence = { layout: epoch, bucketEpoch: undefined };
  for (let after: Uint8Array | undefined; ; ) {
    const head = await nextHead((query) => drive.range(query, fence), after);
    if (head === "unanswered") return false;
    if (head === undefined) return true;
    after = head;
    if (isWanted(head) && !(yield* eachKeyOfHead(drive, { head, fence }, visit))) return false;
  }
}

async function* eachKeyOfHead(
  drive: SharedDrive,
  { head, fence }: { readonly head: Uint8Array; readonly fence: Fence },
  visit: (key: Buffer) => Promise<unknown>,
): Steps<boolean> {
  for (let from: Uint8Array | undefined = START; from !== undefined; ) {
    const page = await drive.range(headQuery(head, from, PAGE_ROWS), fence);
    if (!page.ok) return false;
    for (let start = 0; start < page.rows.length; start += AT_ONCE) {
      await inBatches(page.rows.slice(start, start + AT_ONCE), AT_ONCE, async ({ key }) => {
        await visit(Buffer.concat([head, key]));
      });
      yield;
    }
    from = page.exhausted ? undefined : page.resume;
  }
  return true;
}
