/**
 * What the register simulator can run: the protocol as it is, and one losing variant per rule, which
 * must be caught within its budget of seeds or the simulator is blind there.
 */
import { runBuckets } from "./buckets-scenario.ts";
import { runCluster } from "./cluster-scenario.ts";
import { runDrives } from "./drives-scenario.ts";
import { runPeers } from "./peers-scenario.ts";
import {
  type Pressure,
  type ScenarioOptions,
  type ScenarioResult,
  USUAL_PRESSURE,
} from "./scenario.ts";

export interface Variant {
  readonly name: string;
  readonly run: (seed: number, options: ScenarioOptions) => Promise<ScenarioResult>;
  readonly options: Partial<ScenarioOptions>;
  /** Seeds within which a losing variant must be caught; undefined: it must never lose. */
  readonly caughtWithin: number | undefined;
}

/** Retries that come late, after their key was deleted and its tombstone collected. */
const COLLECT: Pressure = {
  ...USUAL_PRESSURE,
  clients: 8,
  pauseMsMax: 10,
  keys: 1,
  collectMsMax: 3,
  backoffMs: 100,
  operationMs: 900,
  replyLoss: 0.08,
};

/** Accepts that come late to drives which left and came back, on keys deleted meanwhile. */
const RETURN: Pressure = {
  ...USUAL_PRESSURE,
  keys: 1,
  collectMsMax: 8,
  deleteShare: 0.3,
  slowShare: 0.05,
  slowAccepts: 0.3,
  slowMsMax: 300,
  absenceMsMax: 80,
  drivesMin: 4,
  secondFails: 0.2,
};

/** Two of five drives fail while the others still lag behind them. */
const LAG: Pressure = {
  ...USUAL_PRESSURE,
  keys: 1,
  slowShare: 0.01,
  slowAccepts: 0.5,
  slowMsMax: 80,
  drivesMin: 5,
  secondFails: 0.9,
  absenceMsMax: 80,
};

/**
 * Cells that rot while drives fail, three members at the least: what redundancy is there for. Two
 * drives lost in one blow AND a cell rotten on a third is more than any set of four can bear.
 */
const ROT: Pressure = { ...USUAL_PRESSURE, rots: 0.1, secondFails: 0, drivesMin: 5 };

/** Repairs of rotten cells that come late, after their key was deleted and collected. */
const LATE_REPAIR: Pressure = {
  ...ROT,
  keys: 1,
  rots: 1,
  deleteShare: 0.4,
  collectMsMax: 5,
  slowInstalls: 0.5,
  slowMsMax: 150,
  secondFails: 0,
};

/** Cells that rot on drives which several nodes propose to. */
const CLUSTER_ROT: Pressure = {
  ...USUAL_PRESSURE,
  rots: 0.3,
  keys: 1,
  clients: 4,
  slowAccepts: 0.4,
  pauseMsMax: 120,
};

export const VARIANTS: readonly Variant[] = [
  sound("peers", runPeers, {}),
  sound("peers-gc", runPeers, { collectTombstones: true }),
  sound("peers-slow", runPeers, { slowFlush: true }),
  sound("peers-window", runPeers, { engine: { windowOperations: 2 } }),
  sound("peers-collect", runPeers, { collectTombstones: true, pressure: COLLECT }),
  sound("drives", runDrives, {}),
  sound("drives-gc", runDrives, { collectTombstones: true }),
  sound("drives-slow", runDrives, { slowFlush: true }),
  sound("drives-lag", runDrives, { pressure: LAG }),
  sound("drives-rot", runDrives, { pressure: ROT }),
  sound("drives-late-repair", runDrives, { collectTombstones: true, pressure: LATE_REPAIR }),
  sound("drives-return", runDrives, { collectTombstones: true, pressure: RETURN }),
  sound("drives-first", runDrives, { engine: { guessFirst: true }, collectTombstones: true }),
  sound("drives-first-return", runDrives, {
    engine: { guessFirst: true },
    collectTombstones: true,
    pressure: RETURN,
  }),

  sound("cluster", runCluster, { collectTombstones: true }),
  sound("cluster-slow", runCluster, { slowFlush: true }),
  sound("cluster-rot", runCluster, { pressure: CLUSTER_ROT }),

  sound("buckets", runBuckets, {}),

  losing("rule-1", 20, runPeers, { acceptor: { replyBeforeFlush: true }, slowFlush: true }),
  losing("rule-1b", 15_000, runPeers, { acceptor: { readUnflushed: true }, slowFlush: true }),
  losing("rule-2", 300, runPeers, { engine: { readUnchosen: true } }),
  losing("rule-3", 100, runPeers, { engine: { retryBlindly: true } }),
  losing("rule-3-window", 1000, runPeers, {
    engine: { windowOperations: 2, trustFullWindow: true },
  }),
  losing("rule-4", 1000, runPeers, { engine: { refuseFromUnchosen: true } }),
  losing("rule-4-own", 20_000, runPeers, {
    engine: { leaveDangling: true },
    collectTombstones: true,
  }),
  losing("prepared-ahead", 300, runPeers, { engine: { acceptAboveBase: true } }),
  losing("rule-5", 500, runPeers, { engine: { failDefinitely: true } }),
  losing("rule-6", 3000, runPeers, { acceptor: { noFloor: true }, collectTombstones: true }),
  losing("rule-6-all", 300, runPeers, {
    engine: { purgeFromMajority: true },
    collectTombstones: true,
  }),
  losing("rule-7", 8000, runPeers, {
    engine: { ignoreFloor: true },
    collectTombstones: true,
    pressure: COLLECT,
  }),
  losing("rule-6-install", 5000, runDrives, {
    acceptor: { installBelowFloor: true },
    collectTombstones: true,
    pressure: LATE_REPAIR,
  }),
  losing("drives-rule-1", 50, runDrives, { acceptor: { replyBeforeFlush: true } }),
  losing("unsettled-fence", 50, runDrives, { engine: { trustUnsettled: true } }),
  losing("kept-overwritten", 50, runDrives, { engine: { keepOverwritten: true } }),
  losing("change-fence", 5000, runDrives, { engine: { skipFence: true }, pressure: LAG }),
  losing("exclude-freely", 1000, runDrives, { membership: { excludeFreely: true } }),
  losing("stale-minority", 5000, runDrives, { membership: { startFromAnything: true } }),
  losing("unchecked-return", 100, runDrives, { membership: { readmitUnchecked: true } }),
  losing("recent-ignored", 500, runDrives, { membership: { skipRecent: true } }),
  losing("ring-at-once", 20, runCluster, { ring: { switchAtOnce: true } }),
  losing("ring-unsynced", 30, runCluster, { ring: { skipSync: true } }),
  losing("ring-unfenced", 1000, runCluster, { guard: { ignoreLayout: true } }),
  losing("stale-buckets", 20, runBuckets, { guard: { ignoreBucketEpoch: true } }),
  losing("rot-unbounded", 1000, runCluster, {
    guard: { ignoreCeiling: true },
    pressure: CLUSTER_ROT,
  }),
];

function sound(name: string, run: Variant["run"], options: Partial<ScenarioOptions>): Variant {
  return { name, run, options, caughtWithin: undefined };
}

function losing(
  name: string,
  caughtWithin: number,
  run: Variant["run"],
  options: Partial<ScenarioOptions>,
): Variant {
  return { name, run, options, caughtWithin };
}

export function runVariant(
  variant: Variant,
  seed: number,
  { trace }: { trace: boolean },
): Promise<ScenarioResult> {
  return variant.run(seed, {
    engine: {},
    acceptor: {},
    membership: {},
    guard: {},
    ring: {},
    slowFlush: false,
    collectTombstones: false,
    pressure: USUAL_PRESSURE,
    ...variant.options,
    trace,
  });
}
