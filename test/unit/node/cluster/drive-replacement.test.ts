import { test } from "tap";
import type { MemberDrive, MemberNode } from "../../../../cluster/layout/members.ts";
import type { RingPhase } from "../../../../cluster/layout/ring-state.ts";
import { newDriveId, newNodeId } from "../../../../src/base/ids.ts";
import { type LogFields, silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import {
  DriveReplacement,
  type ReplacementModules,
} from "../../../../src/node/cluster/drive-replacement.ts";
import type { MemberChange } from "../../../../src/object/cluster/cluster-administration.ts";
import type { ClusterMap } from "../../../../src/object/cluster/cluster-map.ts";
import type { Drive, DriveState } from "../../../../src/store/drive.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const TIB = 2 ** 40;
const AFTER_MS = 30_000;

interface FakeDrive {
  readonly id: string;
  readonly path: string;
  state: DriveState;
}

/** A node with two drives in a cluster of four, with everything around it pretended. */
class World {
  readonly clock = new ManualClock();
  readonly random = new SeededRandom(3);
  readonly members: MemberDrive[] = [0, 1].map((number) => ({
    driveId: newDriveId(this.random),
    number,
    capacityBytes: TIB,
    weight: undefined,
    state: "active",
  }));
  readonly others = [2, 3].map(() => newDriveId(this.random));
  drives: FakeDrive[] = this.members.map(({ driveId, number }) => ({
    id: driveId,
    path: `/d${number}`,
    state: "online",
  }));
  phase: RingPhase = "stable";
  places: string[] = [];
  capacity = TIB;
  othersOnline = 2;
  refusal: StoreError | undefined;
  readonly changes: MemberChange[] = [];
  readonly claimed: string[] = [];
  readonly taken: string[] = [];
  readonly said: string[] = [];
  readonly replacement: DriveReplacement;

  constructor({ afterMs }: { afterMs: number | undefined } = { afterMs: AFTER_MS }) {
    const replicas = [...this.members.map(({ driveId }) => driveId), ...this.others];
    const map = () => ({
      record: { ring: { phase: this.phase }, members: { revision: 5, nodes: [] } },
      registers: { version: 1, partitions: 1, groupsOf: () => [replicas.slice(0, 3)] },
    });
    const node: Omit<MemberNode, "drives"> = {
      nodeId: newNodeId(this.random),
      peerId: "peer",
      addresses: [],
      zone: "",
      proposer: 1,
      state: "active",
    };
    const modules: ReplacementModules = {
      // What is looked at, of a map.
      map: () => map() as unknown as ClusterMap,
      member: () => ({ ...node, drives: this.members }),
      store: {
        drives: [],
        emptyFolders: () => Promise.resolve(this.places),
        adopt: async ({ id }, path) => {
          this.drives.push({ id, path, state: "online" });
          this.places = this.places.filter((place) => place !== path);
          return this.#drive({ id, path, state: "online" });
        },
      },
      administration: {
        apply: async (change) => {
          if (this.refusal !== undefined) throw this.refusal;
          this.changes.push(change);
        },
      },
      statusOf: (id) => {
        const own = this.drives.find((drive) => drive.id === id);
        const there = this.others.slice(0, this.othersOnline).some((other) => other === id);
        return own ?? { state: there ? "online" : "offline" };
      },
      capacityOf: () => Promise.resolve(this.capacity),
      claim: async (path) => void this.claimed.push(path),
      take: (drive) => void this.taken.push(drive.path),
      clock: this.clock,
      random: this.random,
      log: { ...silentLogger, warn: (text: string, _?: LogFields) => void this.said.push(text) },
    };
    Object.defineProperty(modules.store, "drives", {
      get: () => this.drives.map((drive) => this.#drive(drive)),
    });
    this.replacement = new DriveReplacement({ afterMs }, modules);
  }

  lose(number: number): void {
    const drive = this.drives[number];
    if (drive !== undefined) drive.state = "offline";
    this.places.push(`/d${number}`);
  }

  /** Looks until the folders have been empty for long enough. */
  async settle(): Promise<void> {
    await this.replacement.look();
    this.clock.advance(AFTER_MS);
    await this.replacement.look();
  }

  #drive(drive: FakeDrive): Drive {
    // Three of a drive's members are looked at.
    return { id: drive.id, path: drive.path, status: () => drive } as unknown as Drive;
  }
}

test("DriveReplacement: a folder that stays empty replaces its drive, once, under another id", async (t) => {
  const world = new World();
  await world.settle();
  world.lose(1);
  await world.replacement.look();
  world.clock.advance(AFTER_MS - 1);
  await world.replacement.look();
  t.strictSame(world.changes, [], "it may be a mount that takes long");
  world.clock.advance(1);
  await world.replacement.look();
  const [change] = world.changes;
  t.match(change, { kind: "replace-drive", driveId: world.members[1]?.driveId });
  t.strictSame(world.claimed, ["/d1"], "the node is known there before it is asked for");
  t.not(change?.kind === "replace-drive" && change.by.driveId, world.members[1]?.driveId);
  await world.settle();
  t.equal(world.changes.length, 1, "who gives it up does not want it again");
});

test("DriveReplacement: a drive that was given gets the folder of the one that goes", async (t) => {
  const world = new World();
  world.lose(0);
  world.places.unshift("/another");
  const driveId = newDriveId(world.random);
  const [old] = world.members;
  if (old !== undefined) world.members[0] = { ...old, state: "draining" };
  world.members.push({
    driveId,
    number: 9,
    capacityBytes: TIB,
    weight: undefined,
    state: "active",
  });
  await world.replacement.look();
  t.strictSame(world.taken, ["/d0"]);
  t.strictSame(world.changes, []);
  await world.replacement.look();
  t.strictSame(world.taken, ["/d0"], "it is there now");
});

test("DriveReplacement: nothing is replaced that may be a mistake", async (t) => {
  const folderFull = new World();
  folderFull.lose(0);
  await folderFull.replacement.look();
  folderFull.places = [];
  folderFull.clock.advance(AFTER_MS);
  await folderFull.replacement.look();
  folderFull.places = ["/d0"];
  await folderFull.replacement.look();
  t.strictSame(folderFull.changes, [], "the folder was not empty in between");

  const elsewhere = new World();
  elsewhere.lose(0);
  elsewhere.places = ["/d1"];
  await elsewhere.settle();
  t.strictSame(elsewhere.changes, [], "another folder is not its place");

  const small = new World();
  small.lose(0);
  small.capacity = TIB / 2;
  await small.settle();
  t.strictSame(small.changes, []);
  t.match(small.said[0], /new disk has .* ringfort cluster replace 0/);

  const few = new World();
  few.lose(0);
  few.lose(1);
  await few.settle();
  t.strictSame(few.changes, []);
  t.match(few.said[0], /so many drives of the cluster do not answer/);

  const changing = new World();
  changing.lose(0);
  changing.phase = "joint";
  await changing.settle();
  t.strictSame(changing.changes, [], "one change at a time");

  const never = new World({ afterMs: undefined });
  never.lose(0);
  await never.settle();
  t.strictSame(never.changes, [], "not by itself");
});

test("DriveReplacement: after a start it has to be clear whose folder it was", async (t) => {
  const clear = new World();
  const start = (world: World) => {
    world.drives = world.drives.map((drive) => ({ ...drive, path: "", state: "offline" }));
    world.othersOnline = 2;
  };
  const [kept] = clear.drives;
  start(clear);
  if (kept !== undefined) clear.drives[0] = kept;
  clear.places = ["/d1"];
  await clear.settle();
  t.match(clear.changes, [{ driveId: clear.members[1]?.driveId }], "there is one of each");

  const unclear = new World();
  start(unclear);
  unclear.places = ["/d1"];
  await unclear.settle();
  t.strictSame(unclear.changes, []);
  t.match(unclear.said[0], /nobody can tell whose folder it was/);
});

test("DriveReplacement: a change that comes first is waited for, a refusal is said", async (t) => {
  const world = new World();
  world.lose(0);
  world.refusal = new StoreError({ code: "busy" });
  await world.settle();
  t.notOk(world.said.some((text) => text.includes("busy")));
  world.refusal = new StoreError({ code: "invalid-argument", message: "it cannot be" });
  await world.replacement.look();
  t.ok(world.said.some((text) => text.includes("it cannot be")));
  world.refusal = undefined;
  await world.replacement.look();
  t.equal(world.changes.length, 1);
});
