/**
 * Where the requests of one epoch go: one layout, or two during a ring change, seen as one. Made from
 * the state of the ring and the layouts that it names; immutable.
 */
import type { DriveId } from "../../src/base/ids.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { LayoutRef } from "./layout.ts";
import type { LayoutMap, PlacedDrive, ShardPlacement } from "./layout-map.ts";
import { type RingState, routingOf } from "./ring-state.ts";

export class RingView {
  /** What requests carry. */
  readonly epoch: number;
  /** Layout by which new data is placed. */
  readonly data: LayoutMap;
  readonly #metadata: readonly LayoutMap[];
  readonly #read: readonly LayoutMap[];

  /** `mapOf` gives the layout with a version and hash; undefined when it has to be fetched first. */
  constructor(state: RingState, mapOf: (layout: LayoutRef) => LayoutMap | undefined) {
    const known = (layout: LayoutRef): LayoutMap => {
      const map = mapOf(layout);
      if (map !== undefined) return map;
      throw new StoreError({ code: "internal", message: `layout ${layout.version} is not here` });
    };
    const routing = routingOf(state);
    this.epoch = state.epoch;
    this.data = known(routing.data);
    this.#metadata = routing.metadata.map(known);
    this.#read = routing.read.map(known);
  }

  /** The replicas of a record in each layout that counts: a majority of each group is needed. */
  metadataGroups(position: number): PlacedDrive[][] {
    return this.#metadata.map((map) => map.replicas(map.partitionAt(position)));
  }

  /** Where the shards of new data go. */
  placeShards(
    position: number,
    shards: number,
    isUsable: (drive: PlacedDrive) => boolean,
  ): ShardPlacement {
    return this.data.placeShards(this.data.partitionAt(position), shards, isUsable);
  }

  /** Where to look for a shard, best first: its slot in each layout. Each drive once. */
  readOrder(position: number, slot: number): PlacedDrive[] {
    const drives = this.#read.flatMap((map) => {
      const { slots } = map.layout.geometry;
      return slot < slots ? (map.slots(map.partitionAt(position))[slot] ?? []) : [];
    });
    return distinct(drives);
  }

  /** Where else it might be: drives of the partition, then all that ever stand in for them. */
  *searchOrder(position: number): Generator<PlacedDrive> {
    const seen = new Set<DriveId>();
    for (const drivesOf of [
      (map: LayoutMap) => map.slots(map.partitionAt(position)),
      (map: LayoutMap) => map.handoffs(map.partitionAt(position)),
    ]) {
      for (const map of this.#read) {
        for (const drive of drivesOf(map)) {
          if (seen.has(drive.driveId)) continue;
          seen.add(drive.driveId);
          yield drive;
        }
      }
    }
  }
}

function distinct(drives: readonly PlacedDrive[]): PlacedDrive[] {
  const first = new Map<DriveId, PlacedDrive>();
  for (const drive of drives) if (!first.has(drive.driveId)) first.set(drive.driveId, drive);
  return [...first.values()];
}
