/**
 * Checks between settings, each with the reason and the way out. A check is skipped when one of its
 * settings is itself not valid: that problem is reported already.
 */
import { formatBytesText } from "./bytes-text.ts";
import type { SettingName } from "./catalogue.ts";
import type { KnownSettings } from "./defaults.ts";
import { parseNodeZones, strayZone } from "./node-zones.ts";
import { parityMax } from "./storage-class.ts";

export interface RelationProblem {
  /** The setting to change, whose origin is shown. */
  readonly setting: SettingName;
  /** Continues after the setting's name. */
  readonly problem: string;
}

/** Stripes that must fit into the memory budget: below this a few slow clients block all others. */
export const STRIPES_MIN = 16;

type Relation = (known: KnownSettings) => RelationProblem | undefined;

const RELATIONS: readonly Relation[] = [
  (known) => parityFits("storageClassStandard", known),
  (known) => parityFits("storageClassRrs", known),
  reducedIsNotMore,
  memoryHoldsStripes,
  inlineIsLessThanAStripe,
  listenersDiffer,
  websitesDiffer,
  threadsHaveDrives,
  joinsWithFolders,
  zonesHaveNodes,
];

export function findRelationProblems(known: KnownSettings): RelationProblem[] {
  return RELATIONS.flatMap((relation) => relation(known) ?? []);
}

/**
 * Bytes of the arena that one stripe takes. Data keeps the geometry that it was written with, so a
 * buffer must hold as much parity as data wherever there are two drives.
 */
export function stripeMemoryBytes(stripeDataBytes: number, driveCount: number): number {
  return driveCount < 2 ? stripeDataBytes : 2 * stripeDataBytes;
}

function parityFits(
  setting: "storageClassStandard" | "storageClassRrs",
  known: KnownSettings,
): RelationProblem | undefined {
  const { drives, join, [setting]: storageClass } = known;
  if (drives === undefined || storageClass === undefined) return undefined;
  // The cluster has more drives than this node brings.
  if (join !== undefined) return undefined;
  const highest = parityMax(drives.length);
  if (storageClass.parity <= highest) return undefined;
  const asked = `asks for ${storageClass.parity} parity drives, and ${drives.length} drive(s) allow`;
  return { setting, problem: `${asked} at most EC:${highest}; lower it or give more drives` };
}

function reducedIsNotMore(known: KnownSettings): RelationProblem | undefined {
  const standard = known.storageClassStandard?.parity;
  const reduced = known.storageClassRrs?.parity;
  if (standard === undefined || reduced === undefined) return undefined;
  // MinIO lets a deployment without parity (EC:0) keep its default of EC:1 for the other class.
  if (standard === 0 || reduced <= standard) return undefined;
  return {
    setting: "storageClassRrs",
    problem: `has more parity (EC:${reduced}) than the standard class (EC:${standard}); lower it`,
  };
}

function memoryHoldsStripes(known: KnownSettings): RelationProblem | undefined {
  const { drives, memory, stripeDataBytes } = known;
  if (!drives || !memory || !stripeDataBytes) return undefined;
  const needed = stripeMemoryBytes(stripeDataBytes, drives.length) * STRIPES_MIN;
  if (memory >= needed) return undefined;
  const holds = `is ${formatBytesText(memory)}, and ${STRIPES_MIN} stripes need`;
  const problem = `${holds} ${formatBytesText(needed)}; raise it or lower stripe-data-bytes`;
  return { setting: "memory", problem };
}

function inlineIsLessThanAStripe(known: KnownSettings): RelationProblem | undefined {
  const { inlineBytesMax, stripeDataBytes } = known;
  if (inlineBytesMax === undefined || stripeDataBytes === undefined) return undefined;
  if (inlineBytesMax < stripeDataBytes) return undefined;
  const limit = formatBytesText(stripeDataBytes);
  return { setting: "inlineBytesMax", problem: `must be less than stripe-data-bytes (${limit})` };
}

function listenersDiffer(known: KnownSettings): RelationProblem | undefined {
  const { address, consoleAddress } = known;
  if (!address || !consoleAddress || address.port === 0) return undefined;
  if (address.port !== consoleAddress.port) return undefined;
  const problem = `has the port of the S3 address (${address.port}); choose another`;
  return { setting: "consoleAddress", problem };
}

/** A host must not mean a bucket's website and its S3 address at once. */
function websitesDiffer(known: KnownSettings): RelationProblem | undefined {
  const { domains = [], websiteDomains = [] } = known;
  for (const website of websiteDomains) {
    const clash = domains.find(
      (domain) =>
        domain === website || domain.endsWith(`.${website}`) || website.endsWith(`.${domain}`),
    );
    if (clash === undefined) continue;
    const problem = `has ${website}, and ${clash} of domains overlaps with it; choose another`;
    return { setting: "websiteDomains", problem };
  }
  return undefined;
}

function joinsWithFolders({ drives, join }: KnownSettings): RelationProblem | undefined {
  if (join === undefined || !drives?.some((drive) => drive.includes("://"))) return undefined;
  const problem = "goes with the folders of this machine: name those instead of drive URLs";
  return { setting: "join", problem };
}

/** A slip in a name would leave a node without its zone, and nobody would notice. */
function zonesHaveNodes({ drives, zones }: KnownSettings): RelationProblem | undefined {
  const parsed = parseNodeZones(zones ?? []);
  if (drives === undefined || "problem" in parsed) return undefined;
  const stray = strayZone(parsed.zones, drives);
  if (stray === undefined) return undefined;
  const problem = `names ${stray.host}:${stray.port}, which is no node of the list of drives`;
  return { setting: "zones", problem };
}

function threadsHaveDrives(known: KnownSettings): RelationProblem | undefined {
  const { drives, driveThreads } = known;
  if (drives === undefined || driveThreads === undefined) return undefined;
  if (driveThreads <= drives.length) return undefined;
  const problem = `is ${driveThreads}, and a thread serves at least one of ${drives.length} drive(s)`;
  return { setting: "driveThreads", problem: `${problem}; lower it or leave it out` };
}
