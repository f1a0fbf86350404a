/**
 * The cluster as the object layer sees it: a record and its layout, and what follows from them for
 * registers and data. Immutable; a change is a new map.
 */
import type { ClusterRecord } from "../../../cluster/forming/cluster-record.ts";
import { driveAt, type Layout } from "../../../cluster/layout/layout.ts";
import type { MemberDrive, MemberNode } from "../../../cluster/layout/members.ts";
import type { RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import { assert } from "../../base/assert.ts";
import type { DataId, DriveId } from "../../base/ids.ts";

export interface MappedDrive {
  readonly node: MemberNode;
  readonly drive: MemberDrive;
}

export class ClusterMap {
  readonly record: ClusterRecord;
  readonly layout: Layout;
  /** Which drives keep which registers. */
  readonly registers: RegisterLayout;
  /** Those that have not been removed, by id. */
  readonly drives: ReadonlyMap<DriveId, MappedDrive>;
  readonly #orders = new Map<number, readonly number[]>();

  constructor(record: ClusterRecord, layout: Layout) {
    this.record = record;
    this.layout = layout;
    const { version, partitions, geometry } = layout;
    this.registers = {
      version,
      partitions,
      groupsOf: (partition) => [this.#slotIds(partition).slice(0, geometry.replicas)],
    };
    const drives = new Map<DriveId, MappedDrive>();
    for (const node of record.members.nodes) {
      if (node.state === "removed") continue;
      for (const drive of node.drives) {
        if (drive.state !== "removed") drives.set(drive.driveId, { node, drive });
      }
    }
    this.drives = drives;
  }

  /** Slots of data at full strength. */
  get slots(): number {
    return this.layout.geometry.slots;
  }

  /**
   * Numbers of all drives in the order in which new data should use them: the slots of its
   * partition, then those of the partitions that follow, so that a node's failure spreads its load.
   */
  orderFor(dataId: DataId): readonly number[] {
    const { partitions } = this.layout;
    const partition = Number.parseInt(dataId.slice(0, 8), 16) & (partitions - 1);
    const known = this.#orders.get(partition);
    if (known !== undefined) return known;
    const order = new Set<number>();
    for (let step = 0; step < partitions && order.size < this.drives.size; step++) {
      for (const id of this.#slotIds((partition + step) & (partitions - 1))) {
        const mapped = this.drives.get(id);
        if (mapped !== undefined) order.add(mapped.drive.number);
      }
    }
    const list = [...order];
    this.#orders.set(partition, list);
    return list;
  }

  #slotIds(partition: number): DriveId[] {
    return Array.from({ length: this.slots }, (_, slot) => {
      const drive = this.layout.drives[driveAt(this.layout, partition, slot)];
      assert(drive !== undefined, "the table names drives of the layout");
      return drive.driveId;
    });
  }
}
