/**
 * Zones of the nodes of a list, each written `http://HOST:PORT=ZONE` with ellipses as in a drive's URL:
 * one list for all nodes, so that each finds its own zone in it.
 */
import { DRIVES_MAX, formatRemoteDrive, readRemoteDrives } from "./drive-list.ts";
import { expandEllipsis } from "./ellipsis.ts";

export interface NodeZone {
  readonly host: string;
  readonly port: number;
  readonly zone: string;
}

const ZONE = /^[A-Za-z0-9._-]{1,64}$/;
const EXAMPLE = "write for example http://node{1...2}:9000=rack-1";

export function isZone(text: string): boolean {
  return ZONE.test(text);
}

/** In the order of the words; a problem continues after the setting's name. */
export function parseNodeZones(
  words: readonly string[],
): { readonly zones: readonly NodeZone[] } | { readonly problem: string } {
  const zones: NodeZone[] = [];
  for (const word of words) {
    const some = readWord(word);
    if ("problem" in some) return some;
    for (const one of some.zones) {
      if (zoneOfNode(zones, one) !== undefined) {
        return { problem: `gives the node ${one.host}:${one.port} more than one zone; keep one` };
      }
      zones.push(one);
    }
  }
  return { zones };
}

function readWord(word: string): ReturnType<typeof parseNodeZones> {
  const end = word.lastIndexOf("=");
  const zone = word.slice(end + 1);
  if (end === -1) return { problem: `names a node without its zone; ${EXAMPLE}` };
  if (!isZone(zone)) {
    return { problem: "has a zone that is not 1 to 64 letters, digits, points, dashes" };
  }
  const expansion = expandEllipsis(word.slice(0, end), DRIVES_MAX);
  if ("problem" in expansion) return { problem: `: ${expansion.problem}` };
  const zones: NodeZone[] = [];
  for (const url of expansion.words) {
    // A drive of the node, so that the URL is read by the same rules.
    const [drive] = readRemoteDrives([`${url.replace(/\/+$/, "")}/drive`]) ?? [];
    if (drive === undefined || drive.path !== "/drive") {
      return { problem: `has what is no address of a node; ${EXAMPLE}` };
    }
    zones.push({ host: drive.host, port: drive.port, zone });
  }
  return { zones };
}

/** Undefined when none is given. */
export function zoneOfNode(
  zones: readonly NodeZone[],
  node: { readonly host: string; readonly port: number },
): string | undefined {
  return zones.find(({ host, port }) => host === node.host && port === node.port)?.zone;
}

/** A zone whose node has none of these drives; of local folders nothing is known. */
export function strayZone(
  zones: readonly NodeZone[],
  drives: readonly string[],
): NodeZone | undefined {
  const nodes = readRemoteDrives(drives);
  if (nodes === undefined) return undefined;
  return zones.find((it) => !nodes.some(({ host, port }) => host === it.host && port === it.port));
}

/** As `config show` prints it. */
export function formatNodeZone({ host, port, zone }: NodeZone): string {
  const url = formatRemoteDrive({ scheme: "http", host, port, path: "" });
  return `${url}=${zone}`;
}
