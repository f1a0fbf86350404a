import { test } from "tap";
import { newDataId } from "../../../../src/base/ids.ts";
import type { ShardedData } from "../../../../src/object/contract/data.ts";
import { objectKey } from "../../../../src/object/contract/register-keys.ts";
import type { RebuildRequest, RebuildTarget } from "../../../../src/object/data/data-rebuilder.ts";
import { COMMIT_WITHIN_MS } from "../../../../src/object/operations/commit-limit.ts";
import { decodeObjectRecord } from "../../../../src/object/records/object-record.ts";
import { dataOf, replaceData } from "../../../../src/object/records/record-data.ts";
import { HEALER_OPTIONS, Healer, targetsFor } from "../../../../src/object/upkeep/heal.ts";
import {
  createFixture,
  createJanitor,
  putInput,
  readContent,
  type StoreFixture,
  tidyUp,
} from "../../../support/object/store-fixture.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const LARGE = "content that is too long to be kept inline";

function online(...indexes: number[]) {
  return indexes.map((index) => ({ index, online: true, full: false }));
}

function dataOn(drives: number[], missing: number): ShardedData {
  return {
    kind: "shards",
    dataId: newDataId(new SeededRandom(1)),
    k: 2,
    m: 2,
    stripeDataBytes: 1024,
    bytes: 9,
    drives,
    missing,
  };
}

test("targetsFor: a slot's own drive when it takes data, else one that holds nothing of the item", async (t) => {
  const data = dataOn([4, 1, 2, 3], 0b0101);
  const away = [
    { index: 4, online: false, full: false },
    { index: 2, online: true, full: true },
  ];
  const cases: [ReturnType<typeof online>, [number, number][]][] = [
    [
      online(1, 2, 3, 4),
      [
        [0, 4],
        [2, 2],
      ],
    ],
    [online(1, 3), []],
    [[...online(0, 1, 3), ...away], [[0, 0]]],
    [
      [...online(0, 1, 3, 7), ...away],
      [
        [0, 0],
        [2, 7],
      ],
    ],
    [
      online(0, 1, 2, 3),
      [
        [0, 0],
        [2, 2],
      ],
    ],
  ];
  for (const [drives, expected] of cases) {
    const found = targetsFor(data, drives).map(({ slot, driveIndex }) => [slot, driveIndex]);
    t.strictSame(found, expected);
  }
});

interface HealWorld extends StoreFixture {
  readonly healer: Healer;
  readonly requests: RebuildRequest[];
  readonly rebuilt: number[][];
  drives: ReturnType<typeof online>;
  refuse: boolean;
  /** Called before it refuses. */
  refusing: () => void;
  key: Buffer;
}

async function createWorld(options: { degraded?: boolean } = {}): Promise<HealWorld> {
  let degraded = options.degraded ?? false;
  const fixture = createFixture({}, undefined, 1);
  const { store, registers } = fixture;
  Object.assign(store.core.geometry, { isDegraded: () => degraded });
  const requests: RebuildRequest[] = [];
  const rebuilt: number[][] = [];
  const world: HealWorld = {
    ...fixture,
    requests,
    rebuilt,
    drives: online(0, 1, 2, 3),
    refuse: false,
    refusing() {},
    key: Buffer.alloc(0),
    healer: new Healer(HEALER_OPTIONS, {
      core: {
        ...store.core,
        pending: { adopted() {}, rebuilt: (_, slots) => void rebuilt.push([...slots]) },
      },
      rebuilder: {
        rebuild(request): Promise<readonly RebuildTarget[]> {
          requests.push(request);
          if (!world.refuse) return Promise.resolve(request.targets);
          world.refusing();
          return Promise.resolve([]);
        },
      },
      members: () => [
        {
          range: () =>
            Promise.resolve({
              ok: true,
              rows: registers.table("heal").map((row) => ({ ...row, head: 0 })),
              exhausted: true,
            }),
        },
      ],
      placement: () => world.drives,
      slotsFull: () => 4,
      isOurs: () => true,
    }),
  };
  const bucket = await store.createBucket("bucket");
  await store.putObject(putInput(bucket, "key", LARGE));
  degraded = false;
  world.key = objectKey(await store.core.buckets.find("bucket"), "key");
  return world;
}

/** Marks slots of the object's data as missing. */
async function damage({ registers, key }: HealWorld, missing: number): Promise<void> {
  await registers.update(key, (body) => {
    const [item] = dataOf(key, body);
    if (item === undefined || body === undefined) throw new Error("an object");
    const data = { ...item.data, missing };
    const changed = replaceData(
      key,
      body,
      new Map([[data.dataId, { data, moved: false, degraded: item.degraded }]]),
      0,
    );
    return { kind: "write", body: changed, result: new Uint8Array(0) };
  });
}

async function currentData({ registers, key }: HealWorld): Promise<ShardedData> {
  const [item] = dataOf(key, await registers.read(key));
  if (item === undefined) throw new Error("sharded data");
  return item.data;
}

test("Healer: rebuilds what is missing, on another drive when its own is away", async (t) => {
  const world = await createWorld();
  await damage(world, 0b0010);
  t.strictSame(world.registers.table("heal")[0]?.value, Buffer.of(1));
  world.drives = online(0, 2, 3, 9);
  t.equal(await world.healer.work(), "busy");
  const data = await currentData(world);
  t.equal(data.missing, 0);
  t.strictSame(data.drives, [0, 9, 2, 3]);
  t.equal(world.registers.table("heal").length, 0);
  t.strictSame(
    world.requests.map(({ targets }) => targets),
    [[{ slot: 1, driveIndex: 9 }]],
  );
  t.equal(world.rebuilt.length, 1, "the rows of the new shards are cleaned");
  t.equal(await world.healer.work(), "idle");
});

test("Healer: what could be healed is recorded, also when not all could", async (t) => {
  const world = await createWorld();
  await damage(world, 0b0110);
  world.drives = online(0, 1, 3);
  t.equal(await world.healer.work(), "busy");
  t.equal((await currentData(world)).missing, 0b0100, "slot 2 has no drive to go to");
  t.equal(world.healer.status().failed, 1);
});

test("Healer: what cannot be healed now is left alone for a while", async (t) => {
  const world = await createWorld();
  await damage(world, 0b0010);
  world.drives = online(0, 2, 3);
  t.equal(await world.healer.work(), "busy");
  t.equal(await world.healer.work(), "idle");
  t.equal(world.healer.status().waiting, 1);
  world.drives = online(0, 1, 2, 3);
  world.refuse = true;
  world.clock.advance(HEALER_OPTIONS.retryMs);
  t.equal(await world.healer.work(), "busy");
  t.equal((await currentData(world)).missing, 0b0010);
  world.refuse = false;
  world.clock.advance(HEALER_OPTIONS.retryMs);
  t.equal(await world.healer.work(), "busy");
  t.equal((await currentData(world)).missing, 0);
});

test("Healer: a drive that comes back ends the wait, also of what is tried at that moment", async (t) => {
  const world = await createWorld();
  await damage(world, 0b0010);
  world.drives = online(0, 2, 3);
  t.equal(await world.healer.work(), "busy");
  t.equal(await world.healer.work(), "idle");
  world.drives = online(0, 1, 2, 3);
  world.refuse = true;
  world.healer.driveReturned();
  world.refusing = () => world.healer.driveReturned();
  t.equal(await world.healer.work(), "busy", "in vain");
  world.refuse = false;
  t.equal(await world.healer.work(), "busy");
  t.equal((await currentData(world)).missing, 0);
});

test("Healer: data of too small a geometry is written anew when all drives are there", async (t) => {
  const world = await createWorld({ degraded: true });
  const { store, registers, key, data } = world;
  const before = await currentData(world);
  t.equal(registers.table("heal").length, 1);
  const written = data.contents.size;
  for (const drives of [
    [...online(0, 1, 2), { index: 3, online: false, full: false }],
    online(0, 1, 2),
  ]) {
    world.drives = drives;
    t.equal(await world.healer.work(), "busy");
    t.equal((await currentData(world)).dataId, before.dataId);
    t.equal(data.contents.size, written, "nothing is written in vain");
    t.equal(await world.healer.work(), "idle", "and not at once again");
    world.clock.advance(HEALER_OPTIONS.retryMs);
  }
  world.drives = online(0, 1, 2, 3);
  await world.healer.work();
  const after = await currentData(world);
  t.not(after.dataId, before.dataId);
  t.equal(registers.table("heal").length, 0);
  t.equal(await readContent(store, await store.bucket("bucket"), "key"), LARGE);
  const record = decodeObjectRecord(await registers.read(key));
  t.strictSame(
    record.trash.map((item) => item.data.dataId),
    [before.dataId],
  );
  world.clock.advance(24 * 60 * 60_000);
  await tidyUp(createJanitor(world));
  t.equal(data.contents.size, 1);
});

test("Healer: what was made long before it could be recorded is not recorded any more", async (t) => {
  const world = await createWorld({ degraded: true });
  const before = await currentData(world);
  const { clock, data } = world;
  const { finishing } = data;
  // Stopped for longer than a commit may take, after the new shards began to be durable.
  data.finishing = async () => clock.advance(COMMIT_WITHIN_MS + 1);
  t.equal(await world.healer.work(), "busy");
  t.strictSame(await currentData(world), before, "the sweeper may have deleted the new data");
  data.finishing = finishing;
  clock.advance(HEALER_OPTIONS.retryMs);
  t.equal(await world.healer.work(), "busy");
  t.not((await currentData(world)).dataId, before.dataId);
});

test("Healer: a row that leads to healthy data goes", async (t) => {
  const world = await createWorld();
  await damage(world, 0b0010);
  const stale = world.registers.table("heal")[0];
  if (stale === undefined) throw new Error("a row");
  await damage(world, 0);
  const { key, value } = stale;
  world.registers.tables.get("heal")?.set(key.toString("hex"), { table: "heal", key, value });
  await world.healer.work();
  t.equal(world.registers.table("heal").length, 0);
  t.equal(world.requests.length, 0);
});
