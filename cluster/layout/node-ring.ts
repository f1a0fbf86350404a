/**
 * The consistent-hash ring of the nodes: which nodes a partition would rather have. Only the builder
 * asks, as the first guess that its constraints then correct; a request never does.
 */
import HashRing from "hashring";
import { assert } from "../../src/base/assert.ts";
import type { NodeId } from "../../src/base/ids.ts";

/** Nodes of one partition that the ring is asked for beyond the slots. */
const SPARE_CANDIDATES = 8;

export interface RingNode {
  readonly nodeId: NodeId;
  readonly weight: number;
}

export class NodeRing {
  readonly #ring: HashRing;
  readonly #numbers: ReadonlyMap<string, number>;
  readonly #candidates: number;
  /** What was asked before: the ring walks far for each answer. */
  readonly #known = new Map<number, Int32Array>();

  /** Nodes are numbered in the order given. */
  constructor(nodes: readonly RingNode[], slots: number) {
    this.#ring = new HashRing(
      Object.fromEntries(nodes.map(({ nodeId, weight }) => [nodeId, { weight }])),
      "md5",
      { "max cache size": 1 },
    );
    this.#numbers = new Map(nodes.map(({ nodeId }, number) => [nodeId, number]));
    this.#candidates = Math.min(nodes.length, slots + SPARE_CANDIDATES);
  }

  /** The first nodes on the ring behind the partition's point. */
  candidates(partition: number): Int32Array {
    const known = this.#known.get(partition);
    if (known !== undefined) return known;
    const names = this.#ring.range(`partition ${partition}`, this.#candidates);
    const numbers = Int32Array.from(names, (nodeId) => {
      const number = this.#numbers.get(nodeId);
      assert(number !== undefined, "the ring names its nodes");
      return number;
    });
    this.#known.set(partition, numbers);
    return numbers;
  }
}
