/**
 * The cluster as the object layer sees it: a record and the layouts that it names, and what follows
 * from them for registers and data. Immutable; a change is a new map.
 */
import type { ClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import type { Layout, LayoutRef } from "../../../cluster/layout/layout.ts";
import { LayoutMap, positionOfData } from "../../../cluster/layout/layout-map.ts";
import { type MemberDrive, type MemberNode, takesSlots } from "../../../cluster/layout/members.ts";
import { type RingState, routingOf } from "../../../cluster/layout/ring-state.ts";
import type { RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import { assert } from "../../base/assert.ts";
import type { DataId, DriveId } from "../../base/ids.ts";
import { StoreError } from "../../base/store-error.ts";

export interface MappedDrive {
  readonly node: MemberNode;
  readonly drive: MemberDrive;
}

export class ClusterMap {
  readonly record: ClusterRecord;
  /** Those that the record names. */
  readonly layouts: readonly Layout[];
  /** Which drives keep which registers. */
  readonly registers: RegisterLayout;
  /** Those that have not been removed, by id. */
  readonly drives: ReadonlyMap<DriveId, MappedDrive>;
  /** Numbers of those that are being emptied, or have been removed: nothing new goes there. */
  readonly leaving: ReadonlySet<number>;
  /** By which new data is placed. */
  readonly data: LayoutMap;
  readonly #orders = new Map<number, readonly number[]>();

  /** Throws StoreError `internal` when a layout that the record names is not among them. */
  constructor(record: ClusterRecord, layouts: readonly Layout[]) {
    this.record = record;
    const routing = routingOf(record.ring);
    const maps = new Map(
      [record.ring.current, ...(record.ring.next === undefined ? [] : [record.ring.next])].map(
        (ref) => [ref.version, new LayoutMap(find(layouts, ref))],
      ),
    );
    const mapOf = (ref: LayoutRef): LayoutMap => {
      const map = maps.get(ref.version);
      assert(map !== undefined, "a routing names layouts of its state");
      return map;
    };
    this.layouts = [...maps.values()].map(({ layout }) => layout);
    this.data = mapOf(routing.data);
    this.registers = registersOf(record.ring, routing.metadata.map(mapOf));
    const drives = new Map<DriveId, MappedDrive>();
    for (const node of record.members.nodes) {
      if (node.state === "removed") continue;
      for (const drive of node.drives) {
        if (drive.state !== "removed") drives.set(drive.driveId, { node, drive });
      }
    }
    this.drives = drives;
    this.leaving = new Set(
      record.members.nodes.flatMap((node) =>
        node.drives.flatMap((drive) => (takesSlots(node, drive) ? [] : drive.number)),
      ),
    );
  }

  /** What requests carry. */
  get epoch(): number {
    return this.record.ring.epoch;
  }

  /** Slots of data at full strength. */
  get slots(): number {
    return this.data.layout.geometry.slots;
  }

  /**
   * Numbers of all drives that take data, in the order in which new data should use them: the slots
   * of its partition, then those that stand in for them.
   */
  orderFor(dataId: DataId): readonly number[] {
    const partition = this.data.partitionAt(positionOfData(dataId));
    const known = this.#orders.get(partition);
    if (known !== undefined) return known;
    const placed = [...this.data.slots(partition), ...this.data.handoffs(partition)];
    const order = placed.flatMap(({ driveId }) => this.drives.get(driveId)?.drive.number ?? []);
    this.#orders.set(partition, order);
    return order;
  }
}

/** During a change there may be more partitions in one of the layouts: theirs are halves. */
function registersOf(ring: RingState, maps: readonly LayoutMap[]): RegisterLayout {
  const partitions = Math.max(...maps.map(({ layout }) => layout.partitions));
  const known = new Map<number, readonly (readonly DriveId[])[]>();
  const groupsOf = (partition: number) => {
    const groups = known.get(partition);
    if (groups !== undefined) return groups;
    const found = maps.map((map) => {
      const own = Math.floor(partition / (partitions / map.layout.partitions));
      return map.replicas(own).map(({ driveId }) => driveId);
    });
    known.set(partition, found);
    return found;
  };
  return { version: ring.epoch, partitions, groupsOf };
}

function find(layouts: readonly Layout[], ref: LayoutRef): Layout {
  const layout = layouts.find(({ version }) => version === ref.version);
  if (layout !== undefined) return layout;
  throw new StoreError({ code: "internal", message: `layout ${ref.version} is not here` });
}
