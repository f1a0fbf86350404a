import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { Semaphore } from "../../../src/base/semaphore.ts";
import { StoreError } from "../../../src/base/store-error.ts";

test("Semaphore: lets as many in as it has permits, the others in order", async (t) => {
  const semaphore = new Semaphore({ permits: 2, waitersMax: 10 });
  const gates = Array.from({ length: 4 }, () => createDeferred<void>());
  const entered: number[] = [];
  const runs = gates.map((gate, index) =>
    semaphore.run(async () => {
      entered.push(index);
      await gate.promise;
      return index;
    }),
  );
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  await settle();
  t.strictSame(entered, [0, 1]);
  gates[1]?.resolve();
  await settle();
  t.strictSame(entered, [0, 1, 2]);
  gates[2]?.reject(new Error("work failed"));
  await t.rejects(async () => await runs[2], /work failed/);
  await settle();
  t.strictSame(entered, [0, 1, 2, 3], "a failure makes room, too");
  for (const gate of gates) gate.resolve();
  t.strictSame(await Promise.all([runs[0], runs[1], runs[3]]), [0, 1, 3]);
});

test("Semaphore: refuses whom it cannot let wait", async (t) => {
  const semaphore = new Semaphore({ permits: 1, waitersMax: 1 });
  const gate = createDeferred<void>();
  const runs = [semaphore.run(() => gate.promise), semaphore.run(() => gate.promise)];
  await t.rejects(
    semaphore.run(() => gate.promise),
    new StoreError({ code: "busy" }),
  );
  gate.resolve();
  await Promise.all(runs);
});
