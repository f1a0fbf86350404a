import { test } from "tap";
import type { RegisterReplica } from "../../../../cluster/register/replica.ts";
import { majority, majorityGroup, ReplicaSet } from "../../../../cluster/register/replica-set.ts";

test("majority: more than half", async (t) => {
  t.strictSame([1, 2, 3, 4, 5, 8].map(majority), [1, 2, 2, 3, 3, 5]);
});

test("ReplicaSet: members make quorums, observers never do", async (t) => {
  const set = new ReplicaSet({
    epoch: 1,
    groups: [majorityGroup(["a", "b", "c"])],
    members: replicas("abc"),
    observers: replicas("xy"),
  });
  const table: Array<[string, boolean]> = [
    ["a", false],
    ["ab", true],
    ["bc", true],
    ["axy", false],
    ["abcxy", true],
    ["xy", false],
  ];
  for (const [ids, expected] of table) {
    t.equal(set.isAcceptQuorum(maskOf(set, ids)), expected, ids);
    t.equal(set.isPrepareQuorum(maskOf(set, ids)), expected, ids);
  }
  t.equal(set.memberMask, 0b111);
  t.equal(set.everyMask, 0b11111);
  t.equal(set.indexOf("nobody"), -1);
});

test("ReplicaSet: a joint set needs a quorum in each group", async (t) => {
  const set = new ReplicaSet({
    epoch: 2,
    groups: [majorityGroup(["a", "b", "c"]), majorityGroup(["c", "d", "e"])],
    members: replicas("abcde"),
    observers: [],
  });
  const table: Array<[string, boolean]> = [
    ["abc", false],
    ["cde", false],
    ["bcd", true],
    ["abde", true],
    ["ade", false],
  ];
  for (const [ids, expected] of table) {
    t.equal(set.isAcceptQuorum(maskOf(set, ids)), expected, ids);
  }
});

test("ReplicaSet.translate: the same replicas in another set, the others dropped", async (t) => {
  const groups = [majorityGroup(["a", "b", "c"])];
  const before = new ReplicaSet({ epoch: 1, groups, members: replicas("abc"), observers: [] });
  const after = new ReplicaSet({
    epoch: 2,
    groups: [majorityGroup(["c", "a"])],
    members: replicas("ca"),
    observers: replicas("z"),
  });
  t.equal(after.translate(maskOf(before, "abc"), before), maskOf(after, "ac"));
  t.equal(after.translate(maskOf(before, "b"), before), 0);
  t.equal(after.translate(0b101, after), 0b101);
});

test("ReplicaSet: refuses quorums that do not meet, strangers and twins", async (t) => {
  const group = { members: ["a", "b"], acceptQuorum: 1, prepareQuorum: 1 };
  const common = { epoch: 1, members: replicas("ab"), observers: [] };
  t.throws(() => new ReplicaSet({ ...common, groups: [group] }), /quorums/);
  t.throws(() => new ReplicaSet({ ...common, groups: [majorityGroup(["a", "q"])] }), /member/);
  t.throws(
    () => new ReplicaSet({ ...common, groups: [majorityGroup(["a"])], members: replicas("aa") }),
    /ids differ/,
  );
});

function replicas(ids: string): RegisterReplica[] {
  const never = () => new Promise<never>(() => {});
  return [...ids].map((id) => ({
    id,
    read: never,
    prepare: never,
    accept: never,
    purge: never,
    install: never,
    discard: never,
  }));
}

function maskOf(set: ReplicaSet, ids: string): number {
  let mask = 0;
  for (const id of ids) mask |= 1 << set.indexOf(id);
  return mask;
}
