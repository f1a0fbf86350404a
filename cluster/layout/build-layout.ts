/**
 * The layout builder: from the members, and the layout before, to the next layout. Pure and
 * deterministic: equal input gives equal bytes on every node.
 *
 * In this order: a drive is at most once in a partition; as few slots as possible on one node, then
 * in one zone; slots in proportion to weight; as few slots as possible change hands. A drive that
 * keeps a slot keeps exactly that slot, because the slot says which shard of the data it holds.
 */
import { isDeepStrictEqual } from "node:util";
import type { DriveId } from "../../src/base/ids.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { evictCrowded } from "./evict-crowded.ts";
import { chooseGeometry, choosePartitions } from "./geometry.ts";
import type { Layout, LayoutDrive, LayoutNode } from "./layout.ts";
import { type ClusterMembers, checkMembers, takesSlots, weightOf } from "./members.ts";
import { NodeRing } from "./node-ring.ts";
import { SectionFiller } from "./section-filler.ts";
import { type Section, SectionState } from "./section-state.ts";
import { cutSections, type EvenColumns, sectionQuotas } from "./sections.ts";
import { HOLE, SlotTable } from "./slot-table.ts";
import { type Topology, topologyOf } from "./topology.ts";

export interface BuildRequest {
  readonly members: ClusterMembers;
  /** Undefined for the first layout of a cluster. */
  readonly previous: Layout | undefined;
  /** Higher than that of every layout before, also of abandoned ones. */
  readonly version: number;
  /** New drive → the drive whose slots it takes over, each as it is. */
  readonly replacements?: ReadonlyMap<DriveId, DriveId>;
  /** Choices of an operator, instead of ours. */
  readonly slots?: number;
  readonly parity?: number;
  readonly partitions?: number;
}

/** Throws StoreError `invalid-argument` when there is no drive to put anything on. */
export function buildLayout(request: BuildRequest): Layout {
  checkMembers(request.members);
  const { nodes, drives } = activeDrives(request.members);
  if (drives.length === 0) {
    throw new StoreError({ code: "invalid-argument", message: "no active drive in the cluster" });
  }
  const { previous, version } = request;
  const topology = topologyOf(nodes, drives);
  const geometry = chooseGeometry({
    drivesOfNodes: topology.drivesOfNode.map((it) => it.length),
    previousSlots: previous?.geometry.slots,
    slots: request.slots,
    parity: request.parity,
  });
  const partitions =
    request.partitions ?? choosePartitions(drives.length, geometry.slots, previous?.partitions);
  const frame = { partitions, geometry, nodes, drives };
  // What could be a little more even is no reason to move anything while nothing has changed.
  const replaces = (request.replacements?.size ?? 0) > 0;
  if (previous !== undefined && !replaces && hasFrame(previous, frame)) {
    return { ...previous, version };
  }
  const options = { topology, partitions, ...geometry };
  const table = new SlotTable(options);
  if (previous !== undefined) keepSlots(table, drives, previous, request.replacements ?? new Map());
  const cuts = [geometry.slots - geometry.parity, geometry.replicas, geometry.slots];
  const sections = cutSections(table, [...cuts, previous?.geometry.slots ?? 0]);
  evictCrowded(table, sections);
  const ring = new NodeRing(ringNodes(nodes, topology), geometry.slots);
  fillTable(table, sections, ring);
  return { version, ...frame, table: Uint16Array.from(table.entries) };
}

/** All of a layout but its version and its table. */
function hasFrame(layout: Layout, frame: Omit<Layout, "version" | "table">): boolean {
  const { partitions, geometry, nodes, drives } = layout;
  return isDeepStrictEqual({ partitions, geometry, nodes, drives }, frame);
}

/** Drives that take slots and their nodes, in the order of their ids. */
function activeDrives(members: ClusterMembers): { nodes: LayoutNode[]; drives: LayoutDrive[] } {
  const nodes: LayoutNode[] = [];
  const drives: LayoutDrive[] = [];
  for (const node of [...members.nodes].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))) {
    const taking = node.drives.filter((drive) => takesSlots(node, drive));
    if (taking.length === 0) continue;
    taking.sort((a, b) => (a.driveId < b.driveId ? -1 : 1));
    for (const drive of taking) {
      drives.push({ driveId: drive.driveId, node: nodes.length, weight: weightOf(drive) });
    }
    nodes.push({ nodeId: node.nodeId, zone: node.zone });
  }
  return { nodes, drives };
}

/** Fills in what stays: each drive, or who takes its place, where it was. */
function keepSlots(
  table: SlotTable,
  drives: readonly LayoutDrive[],
  previous: Layout,
  replacements: ReadonlyMap<DriveId, DriveId>,
): void {
  const indexOf = new Map(drives.map(({ driveId }, index) => [driveId, index]));
  for (const [fresh, old] of replacements) {
    const index = indexOf.get(fresh);
    if (index === undefined || indexOf.has(old)) {
      const message = `drive ${fresh} cannot take the place of drive ${old}`;
      throw new StoreError({ code: "invalid-argument", message });
    }
    indexOf.set(old, index);
  }
  const nowOf = previous.drives.map(({ driveId }) => indexOf.get(driveId) ?? HOLE);
  const { slots } = previous.geometry;
  const growth = table.partitions / previous.partitions;
  for (let partition = 0; partition < table.partitions; partition++) {
    const before = Math.floor(partition / growth) * slots;
    for (let slot = 0; slot < Math.min(slots, table.slots); slot++) {
      const drive = nowOf[previous.table[before + slot] ?? 0] ?? HOLE;
      table.entries[partition * table.slots + slot] = drive;
    }
  }
}

function ringNodes(nodes: readonly LayoutNode[], topology: Topology) {
  return nodes.map(({ nodeId }, node) => {
    const drives = topology.drivesOfNode[node] ?? [];
    const weight = drives.reduce((sum, drive) => sum + (topology.weights[drive] ?? 0), 0);
    return { nodeId, weight };
  });
}

/**
 * Fills section by section. What one could not give to a drive is made up for in all columns so far,
 * and last the replicas are put right again by swaps that leave the whole as it is.
 */
function fillTable(table: SlotTable, sections: readonly EvenColumns[], ring: NodeRing): void {
  let replicas: Section | undefined;
  for (const even of sections) {
    const { from, to } = even;
    const before = table.loads(0, from);
    const quotas = sectionQuotas(table, even);
    new SectionFiller(new SectionState(table, { from, to, quotas })).fill(ring);
    if (to !== table.replicas && to !== table.slots) continue;
    const soFar = { from: 0, to, quotas: quotas.map((it, drive) => it + (before[drive] ?? 0)) };
    const filler = new SectionFiller(new SectionState(table, soFar));
    filler.correct();
    if (to !== table.replicas) continue;
    filler.exchange("displace");
    replicas = soFar;
  }
  if (replicas === undefined || table.replicas === table.slots) return;
  new SectionFiller(new SectionState(table, replicas)).exchange("swap");
}
