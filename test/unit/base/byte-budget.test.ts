import { test } from "tap";
import { ByteBudget } from "../../../src/base/byte-budget.ts";

test("ByteBudget: gives out what there is, whole or not at all, and again what comes back", async (t) => {
  const budget = new ByteBudget(100);
  t.ok(budget.take(60));
  t.notOk(budget.take(41));
  t.equal(budget.held, 60);
  t.ok(budget.take(40));
  t.notOk(budget.take(1));
  t.ok(budget.take(0));
  budget.give(60);
  t.ok(budget.take(60));
  t.equal(budget.held, 100);
  t.throws(() => budget.give(101), /assertion/);
});
