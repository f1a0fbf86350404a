/**
 * Which drives of a list of URLs are this machine's: those whose host is one of its addresses and
 * whose port is the one it serves. Names are looked up again until they can be, for a cluster may be
 * started before its name service knows all of it.
 */

import type { ListedNode } from "../../../cluster/forming/form-messages.ts";
import type { RemoteDrive } from "../../../config/drive-list.ts";
import type { Address } from "../../../config/setting-kinds.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** The list as its nodes, in the order in which they are first named. */
export interface NodeList {
  readonly nodes: readonly ListedNode[];
  /** By position of the node: the folders of its drives, in the order of its drives. */
  readonly paths: readonly (readonly string[])[];
}

export interface OwnNode {
  readonly position: number;
  readonly host: string;
  readonly paths: readonly string[];
}

export interface OwnDrivesModules {
  /** The addresses of a name; rejects when it is not known (now). */
  resolve(host: string): Promise<readonly string[]>;
  /** This machine's addresses. */
  ownAddresses(): readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 2_000;

export function groupByNode(drives: readonly RemoteDrive[]): NodeList {
  const nodes = new Map<
    string,
    { host: string; port: number; drives: number[]; paths: string[] }
  >();
  drives.forEach(({ host, port, path }, number) => {
    const name = `${host}:${port}`;
    const node = nodes.get(name) ?? { host, port, drives: [], paths: [] };
    node.drives.push(number);
    node.paths.push(path);
    nodes.set(name, node);
  });
  const list = [...nodes.values()];
  return {
    nodes: list.map(({ host, port, drives: numbers }) => ({ host, port, drives: numbers })),
    paths: list.map(({ paths }) => paths),
  };
}

/** Resolves once exactly one node of the list is this one; rejects when two are. */
export async function findOwnNode(
  list: NodeList,
  address: Address,
  modules: OwnDrivesModules,
): Promise<OwnNode> {
  for (;;) {
    const { own, unknown } = await lookAround(list, address, modules);
    if (own.length > 1) throw new Error(tooMany(own));
    if (own[0] !== undefined) return own[0];
    if (unknown.length === 0) throw new Error(none(list, address));
    modules.log.warn("no host of the drive URLs is known as this machine yet", { hosts: unknown });
    await sleep(modules.clock, RETRY_MS);
  }
}

async function lookAround(
  { nodes, paths }: NodeList,
  address: Address,
  modules: OwnDrivesModules,
): Promise<{ own: OwnNode[]; unknown: string[] }> {
  const own: OwnNode[] = [];
  const unknown: string[] = [];
  for (const [position, { host, port }] of nodes.entries()) {
    if (port !== address.port) continue;
    const known = await isOwn(host, address.host, modules);
    if (known === undefined) unknown.push(host);
    else if (known) own.push({ position, host, paths: paths[position] ?? [] });
  }
  return { own, unknown };
}

/** Undefined when the name is not known now. */
async function isOwn(
  host: string,
  listensOn: string,
  { resolve, ownAddresses }: OwnDrivesModules,
): Promise<boolean | undefined> {
  try {
    const addresses = await resolve(host);
    if (listensOn === host) return true;
    // Told to listen on one address only, the machine's others are other nodes'.
    const listening = listensOn === "" ? ownAddresses() : await resolve(listensOn);
    return addresses.some((address) => listening.includes(address));
  } catch {
    return undefined;
  }
}

function tooMany(own: readonly OwnNode[]): string {
  const names = own.map(({ host }) => host).join(", ");
  return (
    `several hosts of the drive URLs are this machine at one port (${names}); ` +
    "say which with --address HOST:PORT"
  );
}

function none(list: NodeList, address: Address): string {
  const named = list.nodes.map(({ host, port }) => `${host}:${port}`).join(", ");
  return (
    `none of the drive URLs is this machine at port ${address.port} (${named}); ` +
    "check the hosts, and that --address has the port of the URLs"
  );
}
