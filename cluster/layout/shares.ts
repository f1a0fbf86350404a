/**
 * What would be a perfectly even layout: how many slots each drive should have, as real numbers.
 *
 * In proportion to weight, except where that would put too much of one partition into a drive, node
 * or zone: those get what they may hold and the others share the rest (water-filling).
 */
import type { Layout } from "./layout.ts";
import { layoutCaps, type SlotCaps, type Topology, topologyOf } from "./topology.ts";

export interface Shares {
  /** Slots of each drive among the metadata replicas. */
  readonly replicas: Float64Array;
  /** Slots of each drive altogether. */
  readonly all: Float64Array;
}

export interface SharesRequest {
  readonly topology: Topology;
  readonly partitions: number;
  readonly slots: number;
  readonly replicas: number;
}

/** The even shares of the drives that a layout has. */
export function sharesOfLayout(layout: Layout): Shares {
  const { partitions, geometry } = layout;
  const topology = topologyOf(layout.nodes, layout.drives);
  return evenShares({ topology, partitions, ...geometry });
}

export function evenShares(request: SharesRequest): Shares {
  const { topology, partitions, slots, replicas } = request;
  const caps = layoutCaps(topology, slots, replicas);
  const none = new Float64Array(topology.weights.length);
  const first = new Water(topology, caps.first, { partitions, least: none });
  const replicaShares = first.fill(partitions * replicas);
  if (slots === replicas) return { replicas: replicaShares, all: replicaShares };
  const all = new Water(topology, caps.all, { partitions, least: replicaShares });
  return { replicas: replicaShares, all: all.fill(partitions * slots) };
}

/** The even share of each drive in the first `columns` slots; straight lines between the two. */
export function shareOfColumns(request: SharesRequest, shares: Shares, columns: number) {
  const { slots, replicas } = request;
  if (columns <= replicas) return shares.replicas.map((share) => (share * columns) / replicas);
  const part = (columns - replicas) / (slots - replicas);
  return shares.all.map((share, drive) => {
    const first = shares.replicas[drive] ?? 0;
    return first + (share - first) * part;
  });
}

interface Bounds {
  /** No drive has more slots than there are partitions. */
  readonly partitions: number;
  /** What each drive has at least. */
  readonly least: Float64Array;
}

/** Slots of drives, nodes and zones as functions of the level of slots per weight. */
class Water {
  readonly #topology: Topology;
  readonly #caps: SlotCaps;
  readonly #bounds: Bounds;

  constructor(topology: Topology, caps: SlotCaps, bounds: Bounds) {
    this.#topology = topology;
    this.#caps = caps;
    this.#bounds = bounds;
  }

  fill(amount: number): Float64Array {
    const shares = new Float64Array(this.#topology.weights.length);
    const { nodesOfZone, drivesOfNode } = this.#topology;
    const level = this.#levelFor(amount, (at) =>
      sum(nodesOfZone, (_, zone) => this.#zone(zone, at)),
    );
    for (const [zone, nodes] of nodesOfZone.entries()) {
      const zoneAmount = this.#zone(zone, level);
      const zoneLevel = this.#levelFor(
        zoneAmount,
        (at) => sum(nodes, (node) => this.#node(node, at)),
        level,
      );
      for (const node of nodes) {
        const drives = drivesOfNode[node] ?? [];
        const nodeLevel = this.#levelFor(
          this.#node(node, zoneLevel),
          (at) => sum(drives, (drive) => this.#drive(drive, at)),
          zoneLevel,
        );
        for (const drive of drives) shares[drive] = this.#drive(drive, nodeLevel);
      }
    }
    return shares;
  }

  #drive(drive: number, level: number): number {
    const share = level * (this.#topology.weights[drive] ?? 0);
    return Math.min(Math.max(share, this.#bounds.least[drive] ?? 0), this.#bounds.partitions);
  }

  #node(node: number, level: number): number {
    const drives = this.#topology.drivesOfNode[node] ?? [];
    const cap = (this.#caps.node[node] ?? 0) * this.#bounds.partitions;
    return Math.min(
      sum(drives, (drive) => this.#drive(drive, level)),
      cap,
    );
  }

  #zone(zone: number, level: number): number {
    const nodes = this.#topology.nodesOfZone[zone] ?? [];
    const cap = (this.#caps.zone[zone] ?? 0) * this.#bounds.partitions;
    return Math.min(
      sum(nodes, (node) => this.#node(node, level)),
      cap,
    );
  }

  /** The lowest level at which `amountAt`, which never falls, reaches the amount; by bisection. */
  #levelFor(amount: number, amountAt: (level: number) => number, guess?: number): number {
    if (guess !== undefined && Math.abs(amountAt(guess) - amount) < 1e-9 * amount) return guess;
    const enough = amount * (1 - 1e-12);
    let high = 1e-15;
    while (amountAt(high) < enough && high < 1e15) high *= 16;
    let low = 0;
    for (let step = 0; step < 64; step++) {
      const middle = (low + high) / 2;
      if (amountAt(middle) < enough) low = middle;
      else high = middle;
    }
    return high;
  }
}

function sum<T>(items: readonly T[], value: (item: T, index: number) => number): number {
  let total = 0;
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (item !== undefined) total += value(item, index);
  }
  return total;
}
