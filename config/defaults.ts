/**
 * Defaults that depend on the machine or on other settings. Each rule is also written for people in
 * the `computed` note of its setting in config/schema.ts.
 */
import { join } from "node:path";
import { GIB, KIB, MIB } from "../src/base/bytes.ts";
import { formatBytesText } from "./bytes-text.ts";
import type { SettingName } from "./catalogue.ts";
import type { RawValue } from "./findings.ts";
import type { ClusterSettings, NodeSettings } from "./schema.ts";
import { defaultParity, defaultReducedParity, formatStorageClass } from "./storage-class.ts";

export interface MachineFacts {
  /** Memory this process may use: of the container where one limits it, else of the machine. */
  readonly memoryBytes: number;
  readonly processors: number;
  readonly homeFolder: string;
  folderExists(path: string): boolean;
}

/** The settings that are known and valid so far. */
export type KnownSettings = Partial<ClusterSettings & NodeSettings>;

type Compute = (known: KnownSettings, machine: MachineFacts) => RawValue | undefined;

/** In an order in which each rule finds what it needs; undefined when that was not valid. */
export const COMPUTED_DEFAULTS: ReadonlyMap<SettingName, Compute> = new Map<SettingName, Compute>([
  ["consoleAddress", ({ address }) => address && `:${portAfter(address.port)}`],
  ["peerAddress", ({ address }) => address && `:${peerPort(address.port)}`],
  ["certsDir", (_known, machine) => certsFolder(machine)],
  ["memory", (_known, machine) => formatBytesText(arenaBytes(machine.memoryBytes))],
  ["codecThreads", (_known, machine) => clamp(machine.processors - 1, 1, 16)],
  [
    "driveThreads",
    ({ drives }, { processors }) =>
      drives && Math.min(drives.length, Math.max(Math.floor(processors / 2), 1)),
  ],
  ["requestsMax", ({ memory }) => memory && clamp(Math.floor(memory / (128 * KIB)), 256, 16_384)],
  [
    "storageClassStandard",
    ({ drives }) => drives && formatStorageClass(defaultParity(drives.length)),
  ],
  [
    "storageClassRrs",
    ({ drives }) => drives && formatStorageClass(defaultReducedParity(drives.length)),
  ],
]);

function portAfter(port: number): number {
  if (port === 0) return 0;
  return port === 65_535 ? 9001 : port + 1;
}

/** Far from what else listens beside S3; the same distance for all nodes of one machine. */
function peerPort(port: number): number {
  const distance = 10_000;
  if (port === 0) return 0;
  return port + distance > 65_535 ? port - distance : port + distance;
}

function certsFolder(machine: MachineFacts): string {
  const own = join(machine.homeFolder, ".ringfort", "certs");
  const minio = join(machine.homeFolder, ".minio", "certs");
  return !machine.folderExists(own) && machine.folderExists(minio) ? minio : own;
}

/** Whole mebibytes, so that the value can be read. */
function arenaBytes(memoryBytes: number): number {
  const quarter = Math.floor(memoryBytes / 4 / MIB) * MIB;
  return clamp(quarter, 64 * MIB, GIB);
}

function clamp(value: number, lowest: number, highest: number): number {
  return Math.min(Math.max(value, lowest), highest);
}
