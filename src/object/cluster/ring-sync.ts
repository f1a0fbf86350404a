/**
 * Bringing registers to the replicas that a change of the ring gives them, while quorums of the old
 * and the new ones are needed for everything (a joint layout).
 *
 * A chosen value was accepted by a majority of the old replicas, so the keys that a majority of them
 * holds are all keys that there are. Each is read under the joint layout: that answers only when a
 * quorum of BOTH sets holds the same value, and writes it there otherwise. When all were read, the old
 * replicas are not needed any more. What is written meanwhile needs both quorums by itself.
 */
import { majority } from "../../../cluster/register/replica-set.ts";
import { inBatches } from "../background-worker.ts";
import { nextHead } from "./head-walk.ts";
import { headQuery } from "./row-digest.ts";
import type { Fence, SharedDrive } from "./shared-drive.ts";

export interface RingSyncModules {
  /** The version of the joint layout, which this node goes by. */
  readonly layout: number;
  partitionOf(head: Uint8Array): number;
  /** The replicas that a partition had before. */
  oldReplicasOf(partition: number): readonly string[];
  driveOf(driveId: string): SharedDrive | undefined;
  /** Reads a key under the joint layout; rejects when it cannot be settled now. */
  read(key: Uint8Array): Promise<unknown>;
}

const PAGE_ROWS = 256;
const AT_ONCE = 16;
const START = new Uint8Array(0);

/**
 * Works through the partitions given; returns those that are synced now. The others lack a drive that
 * answers: they are to be tried again. Rejects with what `read` rejects with.
 */
export async function syncPartitions(
  modules: RingSyncModules,
  partitions: ReadonlySet<number>,
): Promise<Set<number>> {
  const sources = new Set([...partitions].flatMap((partition) => modules.oldReplicasOf(partition)));
  const pulled = new Set<string>();
  for (const id of sources) {
    const concerned = new Set(
      [...partitions].filter((partition) => modules.oldReplicasOf(partition).includes(id)),
    );
    const drive = modules.driveOf(id);
    if (drive !== undefined && (await pull(modules, drive, concerned))) pulled.add(id);
  }
  return new Set(
    [...partitions].filter((partition) => {
      const old = modules.oldReplicasOf(partition);
      return old.filter((id) => pulled.has(id)).length >= majority(old.length);
    }),
  );
}

/** True when every key of the partitions that the drive holds has been read. */
async function pull(
  modules: RingSyncModules,
  drive: SharedDrive,
  partitions: ReadonlySet<number>,
): Promise<boolean> {
  const fence: Fence = { layout: modules.layout, bucketEpoch: undefined };
  for (let after: Uint8Array | undefined; ; ) {
    const head = await nextHead((query) => drive.range(query, fence), after);
    if (head === "unanswered") return false;
    if (head === undefined) return true;
    after = head;
    if (!partitions.has(modules.partitionOf(head))) continue;
    for (let from: Uint8Array | undefined = START; from !== undefined; ) {
      const page = await drive.range(headQuery(head, from, PAGE_ROWS), fence);
      if (!page.ok) return false;
      await inBatches(page.rows, AT_ONCE, async ({ key }) => {
        await modules.read(Buffer.concat([head, key]));
      });
      from = page.exhausted ? undefined : page.resume;
    }
  }
}
