/** A change of the members as an operator asks for it, made exact by what the cluster is now. */
import { newDriveId } from "../../base/ids.ts";
import type { Random } from "../../base/random.ts";
import type {
  ClusterStatus,
  MemberChange,
  NodeMemberStatus,
} from "../../object/cluster/cluster-administration.ts";
import { badRequest } from "../admin-error.ts";
import { findDrive, findNode, findTarget } from "./cluster-names.ts";

/** As it travels: `target` is a name of a node or drive. */
export interface ChangeRequest {
  readonly kind: string;
  readonly target: string;
  readonly weight: number | null | undefined;
  readonly count: number | undefined;
  readonly capacityBytes: number | undefined;
}

export const CHANGE_KINDS = [
  "drain",
  "return",
  "remove",
  "replace",
  "weight",
  "add-drives",
] as const;

/** Drives added in one change. */
export const ADDED_DRIVES_MAX = 64;
const CHANGE_FIELDS = ["kind", "target", "weight", "count", "capacityBytes"];

/** Throws AdminError. */
export function readChange(value: unknown): ChangeRequest {
  if (typeof value !== "object" || value === null) throw badRequest("the field change is missing");
  const fields: Readonly<Record<string, unknown>> = { ...value };
  for (const name of Object.keys(fields)) {
    if (!CHANGE_FIELDS.includes(name)) throw badRequest(`the field change.${name} is not known`);
  }
  const { kind, target, weight, count, capacityBytes } = fields;
  if (typeof kind !== "string" || !CHANGE_KINDS.some((known) => known === kind)) {
    throw badRequest(`the field change.kind must be one of ${CHANGE_KINDS.join(", ")}`);
  }
  if (typeof target !== "string" || target === "") {
    throw badRequest("the field change.target must name a node or a drive");
  }
  return {
    kind,
    target,
    weight: weight === null ? null : optionalCount(weight, "weight"),
    count: optionalCount(count, "count"),
    capacityBytes: optionalCount(capacityBytes, "capacityBytes"),
  };
}

function optionalCount(value: unknown, name: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw badRequest(`the field change.${name} must be a whole number above 0`);
}

/** Throws AdminError when a name fits nothing. */
export function toMemberChange(
  request: ChangeRequest,
  status: ClusterStatus,
  random: Random,
): MemberChange {
  const { kind, target } = request;
  switch (kind) {
    case "drain":
    case "return":
    case "remove": {
      const found = findTarget(status, target);
      return found.kind === "node"
        ? { kind: `${kind}-node`, nodeId: found.node.nodeId }
        : { kind: `${kind}-drive`, driveId: found.drive.driveId };
    }
    case "replace": {
      const { driveId, capacityBytes } = findDrive(status, target);
      const by = { driveId: newDriveId(random), capacityBytes };
      return {
        kind: "replace-drive",
        driveId,
        by: { ...by, capacityBytes: request.capacityBytes ?? capacityBytes },
      };
    }
    case "weight": {
      const { driveId } = findDrive(status, target);
      if (request.weight === undefined) throw badRequest("the field change.weight is missing");
      return { kind: "weight", driveId, weight: request.weight ?? undefined };
    }
    default:
      return addDrives(request, findNode(status, target), random);
  }
}

function addDrives(request: ChangeRequest, node: NodeMemberStatus, random: Random): MemberChange {
  const count = request.count ?? 1;
  if (count > ADDED_DRIVES_MAX) throw badRequest(`at most ${ADDED_DRIVES_MAX} drives at a time`);
  const largest = node.drives.reduce((most, drive) => Math.max(most, drive.capacityBytes), 1);
  const capacityBytes = request.capacityBytes ?? largest;
  const drives = Array.from({ length: count }, () => ({
    driveId: newDriveId(random),
    capacityBytes,
  }));
  return { kind: "add-drives", nodeId: node.nodeId, drives };
}
