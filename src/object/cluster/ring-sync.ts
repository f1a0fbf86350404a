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
import { headQuery } from "./row-digest.ts";
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
async function* pull(
  modules: RingSyncModules,
  drive: SharedDrive,
  partitions: ReadonlySet<number>,
): Steps<boolean> {
  const fence: Fence = { layout: modules.layout, bucketEpoch: undefined };
  const heads = await modules.headsOf(drive);
  for (const head of heads ?? []) {
    if (!partitions.has(modules.partitionOf(head))) continue;
    const place = { head, fence };
    if (!(yield* eachKeyOfHead(drive, place, (key) => modules.read(key)))) return false;
  }
  return heads !== undefined;
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
    const all = yield* eachKeyOfHead(drive, { head, fence }, async (key) => {
      const reply = await drive.discard(key, ZERO_BALLOT, purgedRows(key), fence);
      dropped &&= reply.ok;
    });
    dropped &&= all;
  }
  return dropped;
}

/** False when the drive does not answer. Each pause comes after some keys. */
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
