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
import { inBatches } from "../contract/background-worker.ts";
import { purgedRows } from "../registers/derive-rows.ts";
import { nextHead } from "./head-walk.ts";
import { KeyMerge } from "./key-merge.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

export interface RingSyncModules {
  /** The epoch of the joint layout, which this node goes by. */
  readonly layout: number;
  partitionOf(head: Uint8Array): number;
  /** The replicas that a partition had before. */
  oldReplicasOf(partition: number): readonly string[];
  driveOf(driveId: string): SharedDrive | undefined;
  /**
   * The heads that a drive had at any time since this node goes by the joint layout; undefined when
   * it does not answer. What is written later is written under both layouts.
   */
  headsOf(drive: SharedDrive): Promise<readonly Uint8Array[] | undefined>;
  /** Reads a key under the joint layout; rejects when it cannot be settled now. */
  read(key: Buffer): Promise<unknown>;
}

/** A pause of the work: nothing is under way. */
export type Steps<Result> = AsyncGenerator<void, Result, undefined>;

const AT_ONCE = 8;

/**
 * Works through the partitions given; returns those that are synced now. The others lack a drive that
 * answers: they are to be tried again. Rejects with what `read` rejects with.
 */
export async function* syncPartitions(
  modules: RingSyncModules,
  partitions: ReadonlySet<number>,
): Steps<Set<number>> {
  const fence: Fence = { layout: modules.layout, bucketEpoch: undefined };
  const { holders, failed } = await findHolders(modules, partitions);
  for (const { head, drives } of holders) {
    const keys = new KeyMerge(drives, { head, fence });
    yield* eachKey(keys, (key) => modules.read(key));
    for (const id of keys.failed) failed.add(id);
  }
  return new Set(
    [...partitions].filter((partition) => {
      const old = modules.oldReplicasOf(partition);
      return old.filter((id) => !failed.has(id)).length >= majority(old.length);
    }),
  );
}

/** A head of the partitions, and the old replicas that hold keys of it. */
interface Holders {
  readonly head: Uint8Array;
  readonly drives: SharedDrive[];
}

/** A key that several drives hold is read once, so the drives are gone through together. */
async function findHolders(
  { partitionOf, oldReplicasOf, driveOf, headsOf }: RingSyncModules,
  partitions: ReadonlySet<number>,
): Promise<{ readonly holders: readonly Holders[]; readonly failed: Set<string> }> {
  const sources = new Set([...partitions].flatMap((partition) => oldReplicasOf(partition)));
  const failed = new Set<string>();
  const found = new Map<string, Holders>();
  for (const id of sources) {
    const drive = driveOf(id);
    const heads = drive && (await headsOf(drive));
    if (drive === undefined || heads === undefined) {
      failed.add(id);
      continue;
    }
    for (const head of heads) {
      const partition = partitionOf(head);
      if (!partitions.has(partition) || !oldReplicasOf(partition).includes(id)) continue;
      const name = Buffer.from(head).toString("latin1");
      const holders = found.get(name) ?? { head, drives: [] };
      found.set(name, holders);
      holders.drives.push(drive);
    }
  }
  return { holders: [...found.values()], failed };
}

/** The heads of a drive that are wanted; undefined when it does not answer to all that is asked. */
export async function wantedHeads(
  drive: SharedDrive,
  epoch: number,
  isWanted: (head: Uint8Array) => boolean,
): Promise<Uint8Array[] | undefined> {
  const fence: Fence = { layout: epoch, bucketEpoch: undefined };
  const heads: Uint8Array[] = [];
  for (let after: Uint8Array | undefined; ; ) {
    const head = await nextHead((query) => drive.range(query, fence), after);
    if (head === "unanswered") return undefined;
    if (head === undefined) return heads;
    after = head;
    if (isWanted(head)) heads.push(head);
  }
}

/**
 * Deletes the registers that a drive of this node holds of partitions which the stable layout gives
 * to others. True when there are none left.
 */
export async function* dropLeftovers(
  drive: SharedDrive,
  epoch: number,
  isForeign: (head: Uint8Array) => boolean,
): Steps<boolean> {
  const fence: Fence = { layout: epoch, bucketEpoch: undefined };
  const heads = await wantedHeads(drive, epoch, isForeign);
  let dropped = heads !== undefined;
  for (const head of heads ?? []) {
    const keys = new KeyMerge([drive], { head, fence });
    yield* eachKey(keys, async (key) => {
      const reply = await drive.discard(key, ZERO_BALLOT, purgedRows(key), fence);
      dropped &&= reply.ok;
    });
    dropped &&= keys.failed.size === 0;
  }
  return dropped;
}

/** Each pause comes after some keys. */
async function* eachKey(keys: KeyMerge, visit: (key: Buffer) => Promise<unknown>): Steps<void> {
  for (;;) {
    const some = await keys.next(AT_ONCE);
    if (some.length === 0) return;
    await inBatches(some, AT_ONCE, async (key) => {
      await visit(key);
    });
    yield;
  }
}
