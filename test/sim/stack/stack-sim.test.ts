import { test } from "tap";
import { runStackVariant, STACK_VARIANTS } from "./stack-variants.ts";

/** A modest number; `npm run sim -- stack --seeds N` runs more. */
const SOUND_SEEDS = 1;

for (const variant of STACK_VARIANTS) {
  const { name, rule, caughtWithin, from = 1 } = variant;
  if (caughtWithin === undefined) {
    test(`stack simulator: ${name} keeps what it said`, { timeout: 120_000 }, async (t) => {
      for (let seed = 1; seed <= SOUND_SEEDS; seed++) {
        const { violations, answered } = await runStackVariant(variant, seed, { trace: false });
        const again = `npm run sim -- stack --variant ${name} --replay ${seed}`;
        t.strictSame(violations, [], again);
        t.ok(answered > 10, `the clients got somewhere: ${answered} answers`);
      }
    });
    continue;
  }
  test(`stack simulator: notices when not: ${rule}`, { timeout: 120_000 }, async (t) => {
    for (let seed = from; seed < from + caughtWithin; seed++) {
      const { violations } = await runStackVariant(variant, seed, { trace: false });
      if (violations.length === 0) continue;
      t.pass(`seed ${seed}: ${violations[0]}`);
      return;
    }
    t.fail(`${name} was not caught within ${caughtWithin} seeds`);
  });
}

test("stack simulator: a seed replays exactly", { timeout: 120_000 }, async (t) => {
  const [variant] = STACK_VARIANTS;
  if (variant === undefined) throw new Error("there is a variant");
  const first = await runStackVariant(variant, 7, { trace: false });
  const traced = await runStackVariant(variant, 7, { trace: true });
  t.equal(traced.hash, first.hash);
  const other = await runStackVariant(variant, 8, { trace: false });
  t.not(other.hash, first.hash);
});
