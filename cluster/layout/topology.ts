/**
 * Drives in nodes in zones, by index, and how many slots of one partition each may hold: as few as
 * possible in one node, then as few as possible in one zone.
 *
 * The limits form a laminar family, so a partition that keeps them and is not full can always be
 * filled up without breaking them.
 */
import type { LayoutDrive, LayoutNode } from "./layout.ts";

export interface Topology {
  /** Of each drive. */
  readonly weights: Float64Array;
  readonly nodeOf: Int32Array;
  readonly zoneOf: Int32Array;
  readonly drivesOfNode: ReadonlyArray<readonly number[]>;
  readonly nodesOfZone: ReadonlyArray<readonly number[]>;
}

/** Most slots of one partition in each node and in each zone. */
export interface SlotCaps {
  readonly node: Int32Array;
  readonly zone: Int32Array;
}

export function topologyOf(nodes: readonly LayoutNode[], drives: readonly LayoutDrive[]): Topology {
  const zones = [...new Set(nodes.map(({ zone }) => zone))].sort();
  const numbers = new Map(zones.map((zone, number) => [zone, number]));
  const zoneOfNode = nodes.map(({ zone }) => numbers.get(zone) ?? 0);
  return {
    weights: Float64Array.from(drives, ({ weight }) => weight),
    nodeOf: Int32Array.from(drives, ({ node }) => node),
    zoneOf: Int32Array.from(drives, ({ node }) => zoneOfNode[node] ?? 0),
    drivesOfNode: groups(
      nodes.length,
      drives.map(({ node }) => node),
    ),
    nodesOfZone: groups(zones.length, zoneOfNode),
  };
}

/** Limits for `slots` slots of one partition, of which there are not more than drives. */
function slotCaps(topology: Topology, slots: number): SlotCaps {
  const driveCounts = topology.drivesOfNode.map((drives) => drives.length);
  const nodeLevel = levelOf(driveCounts, slots);
  const node = Int32Array.from(driveCounts, (count) => Math.min(count, nodeLevel));
  const zoneRoom = topology.nodesOfZone.map((nodes) =>
    nodes.reduce((room, index) => room + (node[index] ?? 0), 0),
  );
  const zoneLevel = levelOf(zoneRoom, slots);
  return { node, zone: Int32Array.from(zoneRoom, (room) => Math.min(room, zoneLevel)) };
}

/**
 * Limits for the first `replicas` slots and for all of them. Whatever the first may hold all may:
 * the metadata comes first.
 */
export function layoutCaps(
  topology: Topology,
  slots: number,
  replicas: number,
): { readonly first: SlotCaps; readonly all: SlotCaps } {
  const first = slotCaps(topology, replicas);
  const all = slotCaps(topology, slots);
  return {
    first,
    all: {
      node: all.node.map((cap, node) => Math.max(cap, first.node[node] ?? 0)),
      zone: all.zone.map((cap, zone) => Math.max(cap, first.zone[zone] ?? 0)),
    },
  };
}

/** The smallest level L such that places with these rooms take `slots` with at most L in each. */
export function levelOf(rooms: readonly number[], slots: number): number {
  let level = 1;
  while (rooms.reduce((sum, room) => sum + Math.min(room, level), 0) < slots) level++;
  return level;
}

/** Members of each of `count` groups, by the group of each member. */
function groups(count: number, groupOf: readonly number[]): number[][] {
  const members: number[][] = Array.from({ length: count }, () => []);
  for (const [member, group] of groupOf.entries()) members[group]?.push(member);
  return members;
}
