/**
 * What the register simulator can run: the protocol as it is, and one losing variant per rule, which
 * must be caught within its budget of seeds or the simulator is blind there.
 */
import { runDrives } from "./drives-scenario.ts";
import { runPeers } from "./peers-scenario.ts";
import type { ScenarioOptions, ScenarioResult } from "./scenario.ts";

export interface Variant {
  readonly name: string;
  readonly says: string;
  readonly run: (seed: number, options: ScenarioOptions) => Promise<ScenarioResult>;
  readonly options: Partial<ScenarioOptions>;
  /** Seeds within which a losing variant must be caught; undefined: it must never lose. */
  readonly caughtWithin: number | undefined;
}

export const VARIANTS: readonly Variant[] = [
  sound("peers", runPeers, {}, "five nodes, all rules"),
  sound("peers-gc", runPeers, { collectTombstones: true }, "… with tombstone collection"),
  sound("peers-slow", runPeers, { slowFlush: true }, "… with slow flushes"),
  losing("rule-1", runPeers, { acceptor: { replyBeforeFlush: true } }, 1000),
  losing("rule-1b", runPeers, { acceptor: { readUnflushed: true }, slowFlush: true }, 6000),
  losing("rule-2", runPeers, { engine: { readUnchosen: true } }, 300),
  losing("rule-3", runPeers, { engine: { retryBlindly: true } }, 100),
  losing("rule-4", runPeers, { engine: { refuseFromUnchosen: true } }, 1000),
  losing("rule-5", runPeers, { engine: { failDefinitely: true } }, 500),
  losing("rule-6", runPeers, { acceptor: { noFloor: true }, collectTombstones: true }, 1000),
  losing(
    "rule-6-all",
    runPeers,
    { engine: { purgeFromMajority: true }, collectTombstones: true },
    300,
  ),
  losing("rule-7", runPeers, { engine: { ignoreFloor: true }, collectTombstones: true }, 10_000),
  sound("drives", runDrives, {}, "sole proposer over its own drives"),
  sound("drives-gc", runDrives, { collectTombstones: true }, "… with tombstone collection"),
  sound("drives-slow", runDrives, { slowFlush: true }, "… with slow flushes"),
  losing("drives-rule-1", runDrives, { acceptor: { replyBeforeFlush: true } }, 20),
  losing("unsettled-fence", runDrives, { engine: { trustUnsettled: true } }, 50),
  losing("change-fence", runDrives, { engine: { skipFence: true } }, 3000),
  losing("exclude-freely", runDrives, { membership: { excludeFreely: true } }, 200),
  losing("stale-minority", runDrives, { membership: { startFromAnything: true } }, 300),
  losing("unchecked-return", runDrives, { membership: { readmitUnchecked: true } }, 100),
  losing("recent-ignored", runDrives, { membership: { skipRecent: true } }, 200),
];

function sound(
  name: string,
  run: Variant["run"],
  options: Partial<ScenarioOptions>,
  says: string,
): Variant {
  return { name, run, options, says, caughtWithin: undefined };
}

function losing(
  name: string,
  run: Variant["run"],
  options: Partial<ScenarioOptions>,
  caughtWithin: number,
): Variant {
  return { name, run, options, says: "must lose", caughtWithin };
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
    slowFlush: false,
    collectTombstones: false,
    ...variant.options,
    trace,
  });
}
