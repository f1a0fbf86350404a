/**
 * How operators name nodes and drives: by address, host, id or the beginning of an id; a drive also
 * by its number, or as NODE/NUMBER. A name that fits nothing, or several, is refused with what there is.
 */
import type {
  ClusterStatus,
  DriveMemberStatus,
  NodeMemberStatus,
} from "../../object/cluster/cluster-administration.ts";
import { badRequest } from "../admin-error.ts";

export type Target =
  | { readonly kind: "node"; readonly node: NodeMemberStatus }
  | { readonly kind: "drive"; readonly node: NodeMemberStatus; readonly drive: DriveMemberStatus };

const ID_DIGITS_MIN = 6;

/** Members that were removed have no names any more. */
export function findTarget(status: ClusterStatus, name: string): Target {
  const nodes = status.nodes.filter(({ state }) => state !== "removed");
  const targets = [
    ...nodes.filter((node) => isNode(node, name)).map((node): Target => ({ kind: "node", node })),
    ...nodes.flatMap((node) =>
      node.drives
        .filter((drive) => drive.state !== "removed" && isDrive(node, drive, name))
        .map((drive): Target => ({ kind: "drive", node, drive })),
    ),
  ];
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  if (target === undefined) {
    const known = nodes.map(nameOfNode).join(", ");
    throw badRequest(
      `there is no node or drive ${name}; the nodes are ${known}; ` +
        "drives go by number, see: ringfort cluster status",
    );
  }
  throw badRequest(`${name} is not one only: ${targets.map(nameOfTarget).join(", ")}`);
}

export function findNode(status: ClusterStatus, name: string): NodeMemberStatus {
  const target = findTarget(status, name);
  if (target.kind === "node") return target.node;
  throw badRequest(`${name} is a drive; name a node`);
}

export function findDrive(status: ClusterStatus, name: string): DriveMemberStatus {
  const target = findTarget(status, name);
  if (target.kind === "drive") return target.drive;
  const { drives } = target.node;
  const [drive, ...others] = drives.filter(({ state }) => state !== "removed");
  if (drive !== undefined && others.length === 0) return drive;
  const numbers = drives.map(({ number }) => number).join(", ");
  throw badRequest(`${name} is a node with the drives ${numbers}; name a drive`);
}

export function nameOfNode({ addresses, nodeId }: NodeMemberStatus): string {
  return addresses[0] ?? nodeId;
}

function nameOfTarget(target: Target): string {
  return target.kind === "node"
    ? `node ${nameOfNode(target.node)}`
    : `drive ${nameOfNode(target.node)}/${target.drive.number}`;
}

function isNode(node: NodeMemberStatus, name: string): boolean {
  return (
    node.peerId === name ||
    isId(node.nodeId, name) ||
    node.addresses.some((address) => address === name || hostOf(address) === name)
  );
}

function isDrive(node: NodeMemberStatus, drive: DriveMemberStatus, name: string): boolean {
  if (name === String(drive.number) || isId(drive.driveId, name)) return true;
  const at = name.lastIndexOf("/");
  return at > 0 && name.slice(at + 1) === String(drive.number) && isNode(node, name.slice(0, at));
}

function isId(id: string, name: string): boolean {
  return name.length >= ID_DIGITS_MIN && id.startsWith(name.toLowerCase());
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
