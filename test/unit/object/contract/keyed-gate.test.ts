import fc from "fast-check";
import { test } from "tap";
import { KeyedGate } from "../../../../src/object/contract/keyed-gate.ts";

test("KeyedGate: who closes is alone, who passes is not kept out without need", async (t) => {
  let most = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ close: fc.boolean(), name: fc.constantFrom("a", "b"), turns: fc.nat(4) }),
        {
          maxLength: 20,
        },
      ),
      async (visits) => {
        const gate = new KeyedGate();
        const inside = { a: 0, b: 0 };
        const closed = { a: false, b: false };
        let broken = false;
        await Promise.all(
          visits.map(({ close, name, turns }) => {
            const visit = async () => {
              if (closed[name as "a"] || (close && inside[name as "a"] > 0)) broken = true;
              inside[name as "a"] += 1;
              most = Math.max(most, inside[name as "a"]);
              if (close) closed[name as "a"] = true;
              for (let turn = 0; turn < turns; turn++) await Promise.resolve();
              inside[name as "a"] -= 1;
              if (close) closed[name as "a"] = false;
            };
            return close ? gate.close(name, visit) : gate.pass(name, visit);
          }),
        );
        return !broken && gate.size === 0;
      },
    ),
  );
  t.ok(most > 1, "several passed at once");
});

test("KeyedGate: a failure inside opens the door again", async (t) => {
  const gate = new KeyedGate();
  await t.rejects(
    gate.close("a", () => Promise.reject(new Error("inside"))),
    /inside/,
  );
  await t.rejects(
    gate.pass("a", () => Promise.reject(new Error("inside"))),
    /inside/,
  );
  t.equal(await gate.close("a", () => Promise.resolve(1)), 1);
  t.equal(gate.size, 0);
});
