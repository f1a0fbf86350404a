/**
 * What the stack simulator can run: the store as it is, and one losing variant for each rule of the
 * data path, which must be caught within its budget of seeds or the simulator is blind there.
 */
import { AT_REST, runStack, type StackResult } from "./run-stack.ts";
import {
  type StackHazards,
  type StackPressure,
  USUAL_FAULTS,
  USUAL_STACK_PRESSURE,
} from "./stack-options.ts";

export interface StackVariant {
  readonly name: string;
  /** The rule that is left out, in words; undefined: none, it must never lose. */
  readonly rule: string | undefined;
  readonly hazards: StackHazards;
  readonly pressure: StackPressure;
  readonly caughtWithin: number | undefined;
  /** The first of them: one that is caught only now and then begins where it is known to be. */
  readonly from?: number;
  /** What on the media shows that the rule is left out; undefined: answers have to. */
  readonly shows?: RegExp;
}

/** Most of a minute in which workers hurry, and days of wall clock. */
const ROUNDS_MAX = 120;
const LOSING_ROUNDS_MAX = 12;

const NO_FAULTS = Object.fromEntries(
  Object.keys(USUAL_FAULTS).map((name) => [name, 0]),
) as unknown as StackPressure["faults"]; // Object.keys forgets the key type.

const QUIET: StackPressure = { ...USUAL_STACK_PRESSURE, faultMsMean: 0, connectionBreaks: 0 };
/** Processes stand for longer than anybody waits for them, between all the steps of their writes. */
const STANDING: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  faultMsMean: 400,
  faults: { ...NO_FAULTS, stand: 6, partition: 1, crash: 1 },
};
const POWER: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  faults: { ...NO_FAULTS, powerCut: 1 },
};
const ROT: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  faultMsMean: 200,
  connectionBreaks: 0,
  faults: { ...NO_FAULTS, swapFiles: 3, rotFile: 1 },
};

/**
 * Processes are stopped between the steps of a change of a register until the sweeper has judged its
 * shards. Clients are few, so that nobody else writes the same key meanwhile, which would be a fence.
 */
const GAPS: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  nodes: 4,
  clients: 4,
  pauseMsMax: 1_500,
  connectionBreaks: 0,
  faultMsMean: 0,
  gaps: { commit: 0.1, accept: 0.1 },
};

/** The ring changes all the time, and one machine is lost for good. */
const RING: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  spares: 3,
  changeMsMean: 1_500,
  faultMsMean: 1_200,
  faults: { ...USUAL_FAULTS, rotFile: 1, loseFiles: 0, swapFiles: 0, rotIndex: 1, loseMachine: 1 },
};

/**
 * What comes of many changes at once: records of one replica get six, so that a majority of the new
 * ones may know nothing of the old one.
 */
const GROWN: StackPressure = {
  ...USUAL_STACK_PRESSURE,
  nodes: 6,
  slots: 1,
  clients: 6,
  pauseMsMax: 1_000,
  spares: 1,
  onlyGrows: true,
  onlyInline: true,
  changeMsMean: 6_000,
  faultMsMean: 4_000,
  faults: { ...NO_FAULTS, isolate: 1, stand: 1, partition: 1 },
};
/** The same, while a coordinator hears nothing of it and then goes on by what it knew before. */
const LEFT_BEHIND: StackPressure = {
  ...GROWN,
  clients: 10,
  pauseMsMax: 250,
  changeMsMean: 1_500,
  faultMsMean: 0,
  leftBehind: 1,
};

export const STACK_VARIANTS: readonly StackVariant[] = [
  sound("stack", USUAL_STACK_PRESSURE),
  sound("stack-quiet", QUIET),
  sound("stack-standing", STANDING),
  sound("stack-power", POWER),
  sound("stack-rot", ROT),
  sound("stack-ring", RING),
  sound("stack-gaps", GAPS),
  sound("stack-grown", GROWN),
  sound("stack-left-behind", LEFT_BEHIND),

  losing("shards-unsynced", 10, {
    rule: "a shard is durable before it is acknowledged",
    hazards: { lyingDisk: true },
    pressure: POWER,
  }),
  losing("index-unsynced", 10, {
    rule: "a register's answer is durable before it is given",
    hazards: { earlyIndex: true },
    pressure: POWER,
  }),
  losing("read-unverified", 10, {
    rule: "a block is only taken for what its trailer says it is",
    hazards: { readUnverified: true },
    pressure: ROT,
  }),
  losing("placed-twice", 3, {
    rule: "every shard of an object is on a drive of its own",
    hazards: { placeTwice: true },
    shows: /is twice on a drive/,
    pressure: QUIET,
  }),
  losing("never-healed", 5, {
    rule: "what is missing is made again",
    hazards: { neverHeal: true },
    shows: /lacks slots|is degraded/,
    pressure: USUAL_STACK_PRESSURE,
  }),
  losing("stale-buckets", 10, {
    rule: "replicas refuse what acts under older settings of a bucket",
    hazards: { guard: { ignoreBucketEpoch: true } },
    pressure: QUIET,
  }),
  losing("unknown-is-failed", 135, {
    from: 240,
    rule: "what nobody can tell is not said to have failed",
    hazards: { unknownFails: true },
    pressure: USUAL_STACK_PRESSURE,
  }),
  losing("lists-one-replica", 10, {
    rule: "a listing is of what most replicas have",
    hazards: { listsOneReplica: true },
    pressure: { ...USUAL_STACK_PRESSURE, nodes: 4 },
  }),
  losing("empty-replicas", 120, {
    from: 34,
    rule: "a new replica does not count before it holds what was written before",
    hazards: { emptyReplicas: true },
    pressure: GROWN,
  }),
  losing("ring-unfenced", 160, {
    from: 10,
    rule: "replicas refuse what was routed by an older layout",
    hazards: { guard: { ignoreLayout: true } },
    pressure: LEFT_BEHIND,
  }),
  losing("commits-late", 30, {
    rule: "what was written too long ago is not recorded any more",
    hazards: { commitsLate: true },
    pressure: GAPS,
  }),
  losing("sweeps-unfenced", 60, {
    from: 20,
    rule: "before a shard is deleted no older proposal can name it any more",
    hazards: { sweepsUnfenced: true },
    pressure: GAPS,
  }),
  losing("heals-blindly", 20, {
    rule: "a healer changes what is there now, not what it found",
    hazards: { healsBlindly: true },
    pressure: USUAL_STACK_PRESSURE,
  }),
];

function sound(name: string, pressure: StackPressure): StackVariant {
  return { name, rule: undefined, hazards: {}, pressure, caughtWithin: undefined };
}

function losing(
  name: string,
  caughtWithin: number,
  variant: Pick<StackVariant, "hazards" | "pressure" | "shows" | "from"> & {
    readonly rule: string;
  },
): StackVariant {
  return { name, caughtWithin, ...variant };
}

/** What a store says or shows that has not come to rest. */
const IS_SLOW = new RegExp(
  `^${AT_REST}|cannot be (read|listed): (StoreError: )?(no-quorum|deadline|busy)`,
);

export async function runStackVariant(
  { hazards, pressure, caughtWithin, shows }: StackVariant,
  seed: number,
  { trace }: { trace: boolean },
): Promise<StackResult> {
  const roundsMax = caughtWithin === undefined ? ROUNDS_MAX : LOSING_ROUNDS_MAX;
  const result = await runStack(seed, { hazards, pressure, roundsMax, trace });
  if (caughtWithin === undefined) return result;
  // A store that has not come to rest is slow, which proves nothing of the rule.
  const violations = result.violations.filter(
    (violation) => !IS_SLOW.test(violation) || shows?.test(violation) === true,
  );
  return { ...result, violations };
}
