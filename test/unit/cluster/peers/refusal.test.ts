/** What an operator reads when two nodes do not talk. */
import { test } from "tap";
import { describePeerError, describeRefusal } from "../../../../cluster/peers/refusal.ts";

test("describeRefusal: says who differs and how", async (t) => {
  const one = { oldest: 1, newest: 1 };
  const later = { oldest: 3, newest: 4 };
  t.match(describeRefusal({ kind: "wrong-cluster", ours: "a", theirs: "b" }), "cluster b");
  t.equal(
    describeRefusal({ kind: "no-common-version", ours: one, theirs: later }),
    "speaks protocol 3 to 4, this node 1",
  );
  t.match(describeRefusal({ kind: "clock-apart", offsetMs: 700_000 }), "700 s ahead of");
  t.match(describeRefusal({ kind: "clock-apart", offsetMs: -700_000 }), "700 s behind");
});

test("describePeerError: names the code and what is known", async (t) => {
  t.equal(
    describePeerError({ code: "refused", applied: "no", reason: { kind: "not-a-member" } }),
    "refused: is not a member of this cluster",
  );
  t.equal(describePeerError({ code: "lost", applied: "unknown", message: "reset" }), "lost: reset");
  t.equal(
    describePeerError({ code: "remote", applied: "unknown", data: { code: "drive-full" } }),
    "the peer failed: drive-full",
  );
});
