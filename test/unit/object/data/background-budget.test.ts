import { test } from "tap";
import { SharedBudget } from "../../../../src/object/data/background-budget.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const MIB = 1024 * 1024;

/** Everything that follows from timers that are due. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let elapsed = 0; elapsed < ms; elapsed += 50) {
    clock.advance(50);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

function fixture(bytesPerSecond: number) {
  const clock = new ManualClock();
  const state = { busy: true, done: 0 };
  const budget = new SharedBudget({ bytesPerSecond }, { clock, isBusy: () => state.busy });
  const work = async (pieces: number, bytes: number) => {
    for (let piece = 0; piece < pieces; piece++) {
      await budget.take(bytes);
      state.done += 1;
    }
  };
  return { clock, state, budget, work };
}

test("SharedBudget: while clients are served, so many bytes a second, whoever asks", async (t) => {
  const { clock, state, budget, work } = fixture(4 * MIB);
  void work(100, MIB);
  void work(100, MIB);
  await pass(clock, 5_000);
  t.ok(state.done >= 19 && state.done <= 22, `${state.done} MiB in five seconds of four`);
  t.ok(budget.counts.waitedMs > 0);
});

test("SharedBudget: small pieces cost what their requests cost", async (t) => {
  const { clock, state, work } = fixture(MIB);
  void work(1_000, 100);
  await pass(clock, 2_000);
  t.ok(state.done >= 31 && state.done <= 35, `${state.done} pieces`);
});

test("SharedBudget: without clients, or without a limit, nothing waits", async (t) => {
  const idle = fixture(1);
  idle.state.busy = false;
  await idle.work(50, MIB);
  t.equal(idle.state.done, 50);
  idle.state.busy = true;
  void idle.work(1, 1);
  await pass(idle.clock, 100);
  t.equal(idle.state.done, 51, "what was moved before is not held against it");

  const unlimited = fixture(0);
  await unlimited.work(50, MIB);
  t.equal(unlimited.state.done, 50);
  t.equal(unlimited.budget.counts.bytes, 50 * MIB);
});

test("SharedBudget: who waits goes on when the last client has gone", async (t) => {
  const { clock, state, work } = fixture(1);
  void work(2, MIB);
  await pass(clock, 1_000);
  t.equal(state.done, 1);
  state.busy = false;
  await pass(clock, 150);
  t.equal(state.done, 2);
});
