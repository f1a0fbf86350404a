/**
 * How long a layout takes to build, how even it is, and how much a change moves in relation to the
 * least that it must. Seconds of one processor = 1 / (op/s). The first case builds from nothing, the second adds one
 * node to that. A member thread builds layouts while nobody waits: ten seconds are allowed for 12,000
 * drives.
 */
import { buildLayout } from "../../cluster/layout/build-layout.ts";
import type { Layout } from "../../cluster/layout/layout.ts";
import { planChange } from "../../cluster/layout/layout-plan.ts";
import type { ClusterMembers } from "../../cluster/layout/members.ts";
import { type DriveId, type NodeId, parseDriveId, parseNodeId } from "../../src/base/ids.ts";
import { type Bench, type BenchGroup, fillSeeded, type TimedRun } from "../harness.ts";

interface Shape {
  readonly nodes: number;
  readonly drives: number;
  readonly zones: number;
}

const LARGE: Readonly<Record<"tiny" | "full", Shape>> = {
  tiny: { nodes: 20, drives: 2, zones: 2 },
  full: { nodes: 1000, drives: 12, zones: 10 },
};
const SMALL: Shape = { nodes: 4, drives: 4, zones: 1 };
const DRIVES_PER_NODE_MAX = 16;
const TERABYTES = 1e12;

function hexOf(seed: number): string {
  const bytes = Buffer.alloc(16);
  fillSeeded(bytes, Math.imul(seed + 1, 0x9e3779b1));
  return bytes.toString("hex");
}

function nodeIdOf(node: number): NodeId {
  const id = parseNodeId(hexOf(node));
  if (id === undefined) throw new Error("sixteen bytes are an id");
  return id;
}

function driveIdOf(number: number): DriveId {
  const id = parseDriveId(hexOf(number + 1_000_000));
  if (id === undefined) throw new Error("sixteen bytes are an id");
  return id;
}

function clusterOf({ nodes, drives, zones }: Shape): ClusterMembers {
  return {
    revision: 1,
    nodes: Array.from({ length: nodes }, (_, node) => ({
      nodeId: nodeIdOf(node),
      proposer: node + 1,
      peerId: `peer-${node}`,
      addresses: [],
      zone: `zone-${node % zones}`,
      state: "active",
      drives: Array.from({ length: drives }, (_, drive) => {
        const number = node * DRIVES_PER_NODE_MAX + drive;
        const driveId = driveIdOf(number);
        return { driveId, number, capacityBytes: TERABYTES, weight: undefined, state: "active" };
      }),
    })),
  };
}

function growthGroup(shape: Shape): BenchGroup {
  const members = clusterOf(shape);
  const larger = clusterOf({ ...shape, nodes: shape.nodes + 1 });
  const first = () => buildLayout({ members, previous: undefined, version: 1 });
  let layout: Layout | undefined;
  let next: Layout | undefined;
  return {
    name: `${shape.nodes} nodes of ${shape.drives} drives, ${shape.zones} zones`,
    unit: "op/s",
    rounds: 3,
    cases: [
      {
        name: "build",
        work: 1,
        run: () =>
          timed(() => {
            layout = first();
          }),
        check: () => describe(undefined, layout),
      },
      {
        name: "add a node",
        work: 1,
        run() {
          const previous = layout ?? first();
          layout = previous;
          return timed(() => {
            next = buildLayout({ members: larger, previous, version: 2 });
          });
        },
        check: () => describe(layout, next),
      },
    ],
  };
}

/** Processor time: one thread computes, and builds of seconds suffer from whatever else runs. */
function timed(work: () => void): TimedRun {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (user + system) / 1e6 };
}

function describe(before: Layout | undefined, after: Layout | undefined): string {
  if (after === undefined) return "not built";
  const plan = planChange(before, after, () => 0);
  const percent = (part: number) => `${(100 * part).toFixed(2)} %`;
  const { imbalance, imbalanceOfReplicas } = plan.after;
  const even = `imbalance ${percent(imbalance)}, of replicas ${percent(imbalanceOfReplicas)}`;
  if (before === undefined) return even;
  const ratio = (plan.slotsMoved / plan.slotsMovedAtLeast).toFixed(3);
  return `${even}, moves ${ratio} × the least`;
}

export const bench: Bench = {
  name: "layout",
  prepare: (size) => [growthGroup(SMALL), growthGroup(LARGE[size])],
};
