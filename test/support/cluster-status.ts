/** What a cluster of three nodes of two drives says of itself, for tests of those who read it. */
import { newDriveId, newNodeId } from "../../src/base/ids.ts";
import type {
  ChangePlan,
  ClusterStatus,
  NodeMemberStatus,
} from "../../src/object/cluster/cluster-administration.ts";
import { SeededRandom } from "./seeded-random.ts";

const GIB = 2 ** 30;

export function exampleStatus(change: Partial<ClusterStatus> = {}): ClusterStatus {
  const random = new SeededRandom(11);
  const nodes = Array.from({ length: 3 }, (_, node): NodeMemberStatus => {
    const drives = [2 * node, 2 * node + 1].map((number) => ({
      driveId: newDriveId(random),
      number,
      state: "active" as const,
      online: number !== 5,
      reason: number === 5 ? "its node does not have it" : undefined,
      capacityBytes: 100 * GIB,
      weight: number === 1 ? 50 * GIB : undefined,
      totalBytes: 100 * GIB,
      freeBytes: 60 * GIB,
      slots: 4096,
    }));
    return {
      nodeId: newNodeId(random),
      peerId: `12D3KooWpeer${node}`,
      addresses: [`10.0.0.${node + 1}:19000`],
      zone: "",
      state: "active",
      self: node === 0,
      online: true,
      epoch: 1,
      drives,
    };
  });
  return {
    clusterId: "0123456789abcdef0123456789abcdef",
    revision: 7,
    epoch: 1,
    phase: "stable",
    layoutVersion: 1,
    nodes,
    change: undefined,
    heal: { waiting: 0, done: 3, failed: 0 },
    ...change,
  };
}

export function examplePlan(): ChangePlan {
  const { nodes } = exampleStatus();
  const shape = {
    nodes: 3,
    drives: 6,
    partitions: 4096,
    geometry: { slots: 6, parity: 3, replicas: 6 },
    imbalance: 0.012,
    survivesNode: true,
  };
  return {
    revision: 7,
    before: shape,
    after: { ...shape, nodes: 2, drives: 4, survivesNode: false },
    recordReplicasMoved: 8192,
    slotsMoved: 8000,
    slotsMovedAtLeast: 7990,
    bytesMoved: 40 * GIB,
    drives: nodes.flatMap(({ nodeId, addresses, drives }) =>
      drives.map(({ driveId, number }) => ({
        driveId,
        nodeId,
        name: `${addresses[0]}/${number}`,
        slotsBefore: 4096,
        slotsAfter: number < 2 ? 0 : 6144,
        bytesIn: number < 2 ? 0 : 10 * GIB,
        bytesOut: number < 2 ? 20 * GIB : 0,
      })),
    ),
    warnings: ["data will not survive the loss of a node"],
  };
}
