import { test } from "tap";
import { isLinearizable, type Operation } from "./linearizability.ts";
import { runVariant, VARIANTS } from "./variants.ts";

/** A modest number; `npm run sim -- register --seeds N` runs more. */
const SOUND_SEEDS = 10;
/** Losing variants that need more seeds than this are left to `npm run sim`. */
const LOSING_SEEDS_MAX = 100;

for (const variant of VARIANTS) {
  if (variant.caughtWithin !== undefined) continue;
  test(`register simulator: ${variant.name} stays linearizable`, async (t) => {
    let answered = 0;
    for (let seed = 1; seed <= SOUND_SEEDS; seed++) {
      const { histories } = await runVariant(variant, seed, { trace: false });
      if (!histories.every(isLinearizable)) {
        t.fail(`seed ${seed}: npm run sim -- register --variant ${variant.name} --replay ${seed}`);
      }
      answered += histories.flat().filter((operation) => operation.status === "ok").length;
    }
    t.ok(answered > 3 * SOUND_SEEDS, `the clients got somewhere: ${answered} answers`);
  });
}

for (const variant of VARIANTS) {
  const budget = variant.caughtWithin;
  if (budget === undefined || budget > LOSING_SEEDS_MAX) continue;
  test(`register simulator: notices ${variant.name} switched off`, async (t) => {
    for (let seed = 1; seed <= budget; seed++) {
      const { histories } = await runVariant(variant, seed, { trace: false });
      if (!histories.every(isLinearizable)) {
        t.pass(`seed ${seed}`);
        return;
      }
    }
    t.fail(`not within ${budget} seeds`);
  });
}

test("register simulator: a seed replays exactly", async (t) => {
  for (const variant of VARIANTS.filter((it) => it.caughtWithin === undefined)) {
    const first = await runVariant(variant, 7, { trace: false });
    const second = await runVariant(variant, 7, { trace: false });
    t.strictSame(second.histories, first.histories, variant.name);
  }
});

test("isLinearizable: accepts what some order explains and nothing else", async (t) => {
  const put = operation({ kind: "put", value: 1, callMs: 0, returnMs: 10 });
  const overlapping = operation({ kind: "get", found: undefined, callMs: 5, returnMs: 6 });
  t.ok(isLinearizable([put, overlapping]), "a get during the put may come first");
  const after = operation({ kind: "get", found: undefined, callMs: 11, returnMs: 12 });
  t.notOk(isLinearizable([put, after]), "a get after the put may not miss it");
  const lost = operation({ kind: "put", value: 2, callMs: 0, status: "unknown" });
  const found = operation({ kind: "get", found: 2, callMs: 50, returnMs: 51 });
  t.ok(isLinearizable([lost, found]), "an unknown put may take effect late");
  const gone = operation({ kind: "get", found: undefined, callMs: 60, returnMs: 61 });
  t.notOk(isLinearizable([lost, found, gone]), "and not be undone");
  const swap = operation({ kind: "cas", expected: 1, value: 3, callMs: 20, returnMs: 21 });
  t.notOk(isLinearizable([put, { ...swap, swapped: false }]), "a cas that matched must swap");
  t.ok(isLinearizable([put, { ...swap, swapped: true }]));
  const failed = operation({ kind: "put", value: 9, callMs: 0, status: "failed" });
  const nine = operation({ kind: "get", found: 9, callMs: 5, returnMs: 6 });
  t.notOk(isLinearizable([failed, nine]), "a failed put has no effect");
});

function operation(fields: Partial<Operation> & Pick<Operation, "kind" | "callMs">): Operation {
  return {
    client: 0,
    value: undefined,
    expected: undefined,
    returnMs: Number.POSITIVE_INFINITY,
    status: "ok",
    found: undefined,
    swapped: false,
    ...fields,
  };
}
