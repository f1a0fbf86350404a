import fc from "fast-check";
import { test } from "tap";
import {
  ADDRESS_BYTES_MAX,
  type ClusterMembers,
  type MemberNode,
  NODE_ADDRESSES_MAX,
  NODE_DRIVES_MAX,
  problemOfMembers,
  takesSlots,
  weightOf,
  ZONE_BYTES_MAX,
} from "../../../../cluster/layout/members.ts";
import { decodeMembers, encodeMembers } from "../../../../cluster/layout/members-codec.ts";
import { anyMembers, memberDrive, memberNode, regularCluster } from "./layout-support.ts";

test("members-codec: reads back what it wrote", async () => {
  fc.assert(
    fc.property(anyMembers, (members) => {
      const bytes = encodeMembers(members);
      return bytes.equals(encodeMembers(decodeMembers(bytes)));
    }),
  );
});

test("members-codec: keeps every field", async (t) => {
  const members = regularCluster(3, 2, 2);
  t.strictSame(decodeMembers(encodeMembers(members)), members);
});

test("members-codec: bytes are as documented", async (t) => {
  const node: MemberNode = {
    ...memberNode(1, { zone: "é", drives: [{ ...memberDrive(7, 258), weight: 3 }] }),
    peerId: "P",
    addresses: ["A"],
    state: "draining",
  };
  const [drive] = node.drives;
  const expected = [
    "01 050000000000 0100",
    node.nodeId,
    "02000000 01",
    "01 50 02 c3a9 01 01 41 0100",
    drive?.driveId ?? "",
    "0700 00 020100000000 030000000000",
  ];
  const bytes = encodeMembers({ revision: 5, nodes: [node] });
  t.equal(bytes.toString("hex"), expected.join("").replaceAll(" ", ""));
});

test("members-codec: any change of bytes is refused or is another list, written the same", async (t) => {
  const bytes = encodeMembers(regularCluster(2, 2));
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ flip;
      try {
        return encodeMembers(decodeMembers(changed)).equals(changed);
      } catch (error) {
        return error instanceof Error && /^corrupt/.test(error.message);
      }
    }),
    { numRuns: 1000 },
  );
  for (let length = 0; length < bytes.length; length++) {
    t.throws(() => decodeMembers(bytes.subarray(0, length)), { code: "corrupt" });
  }
  t.throws(() => decodeMembers(Buffer.concat([bytes, Buffer.of(0)])), { code: "corrupt" });
});

test("members-codec: random bytes are refused", async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        return encodeMembers(decodeMembers(bytes)).equals(bytes);
      } catch (error) {
        return error instanceof Error && /^corrupt/.test(error.message);
      }
    }),
  );
});

test("problemOfMembers: finds what cannot be", async (t) => {
  const base = memberNode(1, { drives: [memberDrive(1)] });
  const other = memberNode(2, { drives: [memberDrive(2)] });
  const problemOf = (...nodes: MemberNode[]) => problemOfMembers({ revision: 0, nodes });
  t.equal(problemOf(base, other), undefined);
  t.match(problemOf(base, { ...other, nodeId: base.nodeId }), /twice/);
  t.match(problemOf(base, { ...other, proposer: base.proposer }), /twice/);
  t.match(problemOf(base, { ...other, peerId: base.peerId }), /twice/);
  t.match(problemOf(base, { ...other, drives: base.drives }), /twice/);
  t.match(problemOf({ ...base, proposer: 0 }), /proposer/);
  t.match(problemOf({ ...base, proposer: 2 ** 32 }), /proposer/);
  t.match(problemOf({ ...base, peerId: "" }), /peer id/);
  t.match(problemOf({ ...base, zone: "z".repeat(ZONE_BYTES_MAX + 1) }), /zone/);
  t.match(problemOf({ ...base, zone: "\ud800" }), /Unicode/);
  t.match(problemOf({ ...base, addresses: ["a".repeat(ADDRESS_BYTES_MAX + 1)] }), /address/);
  const many = Array.from({ length: NODE_ADDRESSES_MAX + 1 }, () => "a");
  t.match(problemOf({ ...base, addresses: many }), /addresses/);
  const drives = Array.from({ length: NODE_DRIVES_MAX + 1 }, (_, index) => memberDrive(index));
  t.match(problemOf({ ...base, drives }), /drives/);
  t.match(problemOf({ ...base, drives: [memberDrive(1, 0)] }), /no capacity/);
  t.match(problemOf({ ...base, drives: [{ ...memberDrive(1), weight: 0 }] }), /weight/);
  t.match(problemOf({ ...base, drives: [memberDrive(1, 2 ** 48)] }), /capacity/);
  t.match(problemOfMembers({ revision: -1, nodes: [] }), /revision/);
});

test("encodeMembers: refuses a list that cannot be", async (t) => {
  const node = memberNode(1, { drives: [] });
  const members: ClusterMembers = { revision: 1, nodes: [node, node] };
  t.throws(() => encodeMembers(members), { code: "invalid-argument" });
});

test("takesSlots, weightOf: an active drive of an active node, by capacity unless told", async (t) => {
  const drive = memberDrive(1, 500);
  const node = memberNode(1, { drives: [drive] });
  t.equal(takesSlots(node, drive), true);
  t.equal(takesSlots({ ...node, state: "draining" }, drive), false);
  t.equal(takesSlots(node, { ...drive, state: "removed" }), false);
  t.equal(weightOf(drive), 500);
  t.equal(weightOf({ ...drive, weight: 7 }), 7);
});
