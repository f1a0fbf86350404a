/** The machines of a run and what may be done to them. */
import { buildLayout } from "../../../cluster/layout/build-layout.ts";
import { encodeLayout, layoutRefOf } from "../../../cluster/layout/layout-codec.ts";
import type { MemberNode } from "../../../cluster/layout/members.ts";
import { firstRing } from "../../../cluster/layout/ring-state.ts";
import { newNodeId } from "../../../src/base/ids.ts";
import { ClusterMap } from "../../../src/object/cluster/cluster-map.ts";
import { World } from "../register/world.ts";
import { type CodecPlace, CodecPlaces } from "./codec-places.ts";
import { peerIdOf } from "./sim-network.ts";
import { type Process, type Site, StackNode } from "./stack-node.ts";
import type { StackOptions } from "./stack-options.ts";
import { Wires } from "./wires.ts";

/** Kernels and their memories outlive the runs. */
const PLACES = new CodecPlaces();
const PARTITIONS = 4;
const CAPACITY_BYTES = 1 << 30;

/** For looking at what processes have stored. */
export function surveyPlace(): CodecPlace {
  return PLACES.take(false);
}

export class StackCluster {
  readonly world: World;
  readonly wires: Wires;
  readonly nodes: StackNode[] = [];
  readonly options: StackOptions;
  /** What the product must never do, whatever fails. */
  readonly bugs: unknown[] = [];
  #map: ClusterMap | undefined;

  private constructor(world: World, options: StackOptions) {
    const { lateMessages, lateMsMax, connectionBreaks } = options.pressure;
    this.world = world;
    this.options = options;
    this.wires = new Wires(world, { late: lateMessages, lateMsMax, breaks: connectionBreaks });
  }

  get map(): ClusterMap {
    if (this.#map === undefined) throw new Error("the cluster is being founded");
    return this.#map;
  }

  static async create(seed: number, options: StackOptions): Promise<StackCluster> {
    const drain = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    const world = new World(seed, { trace: options.trace, drain });
    const cluster = new StackCluster(world, options);
    await cluster.#found();
    return cluster;
  }

  /** Processes that serve clients. */
  open(): readonly Process[] {
    return this.nodes.flatMap(({ process, isStanding }) =>
      process?.open === true && !isStanding ? [process] : [],
    );
  }

  start(node: StackNode): void {
    if (node.isUp) return;
    this.world.note(`node-${node.number} starts`);
    node.start();
  }

  /** The others find out when they hear nothing, or at once. */
  end(node: StackNode, kind: "killed" | "power"): void {
    if (!node.isUp) return;
    this.world.note(`node-${node.number} ends: ${kind}`);
    node.end(kind);
    for (const wire of this.wires.of(node.number)) {
      if (kind === "killed" && this.world.chance(0.5)) wire.break("connection reset");
      wire.fallSilent();
    }
  }

  stand(node: StackNode, forMs: number): void {
    if (!node.isUp || node.isStanding) return;
    this.world.note(`node-${node.number} stands for ${forMs} ms`);
    node.stand();
    for (const wire of this.wires.of(node.number)) wire.fallSilent();
    this.world.after(forMs, () => this.goOn(node));
  }

  goOn(node: StackNode): void {
    if (!node.isStanding) return;
    this.world.note(`node-${node.number} goes on`);
    node.goOn();
    for (const wire of this.wires.of(node.number)) wire.speak();
  }

  /** Cuts the nodes into those of the one side and those of the other. */
  part(sides: readonly boolean[], forMs: number): void {
    this.world.note(`partition ${sides.map((side) => (side ? 1 : 0)).join("")} for ${forMs} ms`);
    const cut = this.wires.all().filter(({ ends }) => sides[ends[0]] !== sides[ends[1]]);
    for (const wire of cut) wire.fallSilent();
    this.world.after(forMs, () => {
      for (const wire of cut) {
        const [left, right] = wire.ends.map((end) => this.nodes[end]);
        if (left?.isUp && right?.isUp && !left.isStanding && !right.isStanding) wire.speak();
      }
    });
  }

  /** Everything works again. */
  mend(): void {
    this.wires.pressure = { late: 0, lateMsMax: 0, breaks: 0 };
    for (const node of this.nodes) {
      this.goOn(node);
      this.start(node);
      node.hardware.disk.setFreeBytes(undefined);
    }
    for (const wire of this.wires.all()) wire.speak();
  }

  async #found(): Promise<void> {
    const { world, options, wires } = this;
    PLACES.reuse();
    const board = new Map();
    const site: Site = {
      world,
      wires,
      board,
      places: PLACES,
      options,
      map: () => this.map,
      onBug: (error) => {
        world.note(`BUG: ${error instanceof Error ? error.stack : String(error)}`);
        this.bugs.push(error);
      },
    };
    for (let number = 0; number < options.pressure.nodes; number++) {
      this.nodes.push(await StackNode.create(number, site));
    }
    for (const left of this.nodes) {
      for (const right of this.nodes) {
        if (left.number < right.number) wires.between(left.number, right.number);
      }
    }
    wires.onState = (end, wire) => {
      const other = wire.ends[0] === end ? wire.ends[1] : wire.ends[0];
      board.get(end)?.noteState(other, wire.isDown);
    };
    this.#map = this.#firstMap();
  }

  #firstMap(): ClusterMap {
    const { world } = this;
    const slots = Math.min(this.nodes.length, 4 + world.below(2));
    const nodes = this.nodes.map(
      ({ number, hardware }): MemberNode => ({
        nodeId: newNodeId(world),
        proposer: number + 1,
        peerId: peerIdOf(number),
        addresses: [`node-${number}:1`],
        zone: "",
        state: "active",
        drives: [
          {
            driveId: hardware.planned.format.drive,
            number,
            capacityBytes: CAPACITY_BYTES,
            weight: undefined,
            state: "active",
          },
        ],
      }),
    );
    const members = { revision: 1, nodes };
    const layout = buildLayout({
      members,
      previous: undefined,
      version: 1,
      slots,
      partitions: PARTITIONS,
    });
    const clusterId = world.bytes(16).toString("hex");
    const ring = firstRing(layoutRefOf(encodeLayout(layout)));
    return new ClusterMap({ clusterId, members, ring, membersBefore: undefined }, [layout]);
  }
}
