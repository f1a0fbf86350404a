/**
 * Runs the register simulator from the command line.
 *
 *   node dist/test/sim/register/run.js --seeds 1000 --from 1 [--variant NAME]
 *   node dist/test/sim/register/run.js --variant NAME --replay SEED
 *
 * Without --variant every variant runs. Exits with 1 when a sound variant loses or a losing one is
 * not caught within its budget.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeHistory, isLinearizable } from "./linearizability.ts";
import { runVariant, VARIANTS, type Variant } from "./variants.ts";

export async function runRegisterSimulator(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "300" },
      from: { type: "string", default: "1" },
      variant: { type: "string" },
      replay: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    for (const { name } of VARIANTS) console.log(`  ${name}`);
    return;
  }
  const chosen = VARIANTS.filter(
    (variant) => values.variant === undefined || variant.name === values.variant,
  );
  if (chosen.length === 0) throw new Error(`no variant is called ${values.variant}`);
  for (const variant of chosen) {
    if (values.replay !== undefined) await replay(variant, Number(values.replay));
    else await measure(variant, Number(values.from), Number(values.seeds));
  }
}

const HELP = `npm run sim -- register [--variant NAME] [--from SEED] [--seeds N]
npm run sim -- register --variant NAME --replay SEED

  --seeds N     how many of each variant (300)
  --from SEED   the first (1)
  --variant     one of those below; without it all of them
  --replay      shows the history of one seed

Variants:`;

async function measure(variant: Variant, from: number, seeds: number): Promise<void> {
  const started = process.cpuUsage();
  const count = { operations: 0, ok: 0, unknown: 0, violations: 0 };
  let first: number | undefined;
  for (let seed = from; seed < from + seeds; seed++) {
    const { histories } = await runVariant(variant, seed, { trace: false });
    for (const operation of histories.flat()) {
      count.operations++;
      if (operation.status === "ok") count.ok++;
      if (operation.status === "unknown") count.unknown++;
    }
    if (histories.every(isLinearizable)) continue;
    count.violations++;
    first ??= seed;
  }
  const { user, system } = process.cpuUsage(started);
  const rate = (1e6 * seeds) / (user + system);
  const lost = variant.caughtWithin === undefined && first !== undefined;
  const missed =
    variant.caughtWithin !== undefined && seeds >= variant.caughtWithin && first === undefined;
  if (lost || missed) process.exitCode = 1;
  console.log(
    [
      variant.name.padEnd(18),
      `${seeds} seeds`,
      `${(count.operations / seeds).toFixed(0)} operations each`,
      `${percent(count.ok, count.operations)} ok`,
      `${percent(count.unknown, count.operations)} unknown`,
      `${count.violations} not linearizable`,
      first === undefined ? "" : `(first: seed ${first})`,
      `${rate.toFixed(0)} seeds per CPU second`,
      lost ? "LOST" : missed ? "NOT CAUGHT" : "",
    ].join("  "),
  );
}

async function replay(variant: Variant, seed: number): Promise<void> {
  const { histories, trace } = await runVariant(variant, seed, { trace: true });
  for (const line of trace) console.log(line);
  for (const [key, history] of histories.entries()) {
    const verdict = isLinearizable(history) ? "linearizable" : "NOT linearizable";
    console.log(`\nkey ${key}: ${verdict}`);
    for (const line of describeHistory(history)) console.log(line);
  }
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(1)} %`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runRegisterSimulator(process.argv.slice(2));
}
