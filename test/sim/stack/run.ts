/**
 * Runs the stack simulator from the command line.
 *
 *   npm run sim -- stack --seeds 100 --from 1 [--variant NAME | --variant all]
 *   npm run sim -- stack --variant NAME --replay SEED
 *
 * Without --variant the store as it is, under its usual pressure. Ends at the first seed that fails,
 * prints its trace, and exits with 1; also when a losing variant is not caught within its budget.
 */
import { parseArgs } from "node:util";
import { runStackVariant, STACK_VARIANTS, type StackVariant } from "./stack-variants.ts";

export async function runStackSimulator(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "50" },
      from: { type: "string" },
      variant: { type: "string", default: "stack" },
      replay: { type: "string" },
      through: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    for (const { name, rule } of STACK_VARIANTS) {
      console.log(`  ${name.padEnd(20)} ${rule === undefined ? "" : `without: ${rule}`}`);
    }
    return;
  }
  const chosen = STACK_VARIANTS.filter(
    ({ name }) => values.variant === "all" || name === values.variant,
  );
  if (chosen.length === 0) throw new Error(`no variant is called ${values.variant}`);
  for (const variant of chosen) {
    if (values.replay !== undefined) await replay(variant, Number(values.replay));
    else await measure(variant, values);
  }
}

const HELP = `npm run sim -- stack [--variant NAME | all] [--from SEED] [--seeds N] [--through]
npm run sim -- stack --variant NAME --replay SEED

  --seeds N     how many (50)
  --from SEED   the first (1, or where a losing variant is known to be caught)
  --variant     what is run (stack); all: each of them
  --through     does not end at the first seed that fails, and shows no traces
  --replay      prints the trace of one seed

Variants:`;

interface Range {
  readonly from?: string | undefined;
  readonly seeds: string;
  readonly through: boolean;
}

async function measure(variant: StackVariant, range: Range): Promise<void> {
  const [from, seeds] = [Number(range.from ?? variant.from ?? 1), Number(range.seeds)];
  const started = process.cpuUsage();
  let operations = 0;
  let runs = 0;
  let failed: { seed: number; violations: readonly string[] } | undefined;
  const budget = Math.min(seeds, variant.caughtWithin ?? seeds);
  for (let seed = from; seed < from + budget && (range.through || failed === undefined); seed++) {
    const result = await runStackVariant(variant, seed, { trace: false });
    operations += result.operations;
    runs += 1;
    if (result.violations.length === 0) continue;
    failed ??= { seed, violations: result.violations };
    if (range.through)
      console.log(`${variant.name} seed ${seed}: ${result.violations.join(" | ")}`);
  }
  const { user, system } = process.cpuUsage(started);
  const rate = (60e6 * runs) / (user + system);
  const lost = variant.caughtWithin === undefined && failed !== undefined;
  const missed = variant.caughtWithin !== undefined && failed === undefined && budget < seeds;
  console.log(
    [
      variant.name.padEnd(18),
      `${runs} seeds`,
      `${(operations / Math.max(1, runs)).toFixed(0)} operations each`,
      `${rate.toFixed(0)} seeds per CPU minute`,
      failed === undefined ? "" : `first: seed ${failed.seed}: ${failed.violations[0]}`,
      lost ? "LOST" : missed ? "NOT CAUGHT" : "",
    ].join("  "),
  );
  if (lost || missed) process.exitCode = 1;
  if (lost && failed !== undefined && !range.through) await replay(variant, failed.seed);
}

async function replay(variant: StackVariant, seed: number): Promise<void> {
  const { violations, trace, hash } = await runStackVariant(variant, seed, { trace: true });
  for (const line of trace) console.log(line);
  for (const violation of violations) console.log(violation);
  console.log(`${variant.name} seed ${seed}: ${violations.length} violations, history ${hash}`);
}
