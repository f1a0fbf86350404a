/** The data path over the real drive code on disks that lose their power. */
import { test } from "tap";
import type { Arena } from "../../../../src/actors/arena.ts";
import type { ShardedData } from "../../../../src/object/contract/data.ts";
import type { DataDrive } from "../../../../src/object/data/data-drives.ts";
import {
  createDataArena,
  createDataPath,
  DATA_LIMITS,
  memoryForStripes,
} from "../../../../src/object/data/data-path.ts";
import { BufferSource, chunksOf } from "../../../support/buffer-source.ts";
import { CollectingSink } from "../../../support/collecting-sink.ts";
import { settle } from "../../../support/data-world.ts";
import { DiskDrive, Power } from "../../../support/disk-drives.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const STRIPE = 1024;
const DRIVES = 4;

const SIZING = { stripeDataBytes: STRIPE, codecThreads: 0, limits: DATA_LIMITS };

function createArena(): Arena {
  return createDataArena({ ...SIZING, memoryBytes: memoryForStripes(16, SIZING) });
}

/** One life of the process above the drives. */
function createPath(arena: Arena, drives: readonly DataDrive[], random: SeededRandom) {
  const clock = new ManualClock();
  const { writer, reader } = createDataPath(
    { ...SIZING, parity: { STANDARD: 2, REDUCED_REDUNDANCY: 1 } },
    { arena, drives, clock, random, onDamage: () => {} },
  );
  const write = async (content: Uint8Array): Promise<ShardedData> => {
    const { data } = await writer.write({
      source: new BufferSource(chunksOf(content, 700)),
      ownerKey: Buffer.from("owner"),
      storageClass: "STANDARD",
      bytesMax: 1_000_000,
      inlineBytesMax: 0,
      checksums: [],
    });
    if (data.kind !== "shards") throw new Error("a payload without a byte is inline");
    return data;
  };
  const read = async (data: ShardedData): Promise<Buffer> => {
    const sink = new CollectingSink();
    await reader.read(data, { offset: 0, length: data.bytes }, sink);
    return sink.content;
  };
  return { write, read, clock };
}

async function createDrives(random: SeededRandom, power: Power, arena: Arena) {
  const { buffer: memory } = arena.memory;
  return Promise.all(
    Array.from({ length: DRIVES }, (_, index) =>
      DiskDrive.create(index, { random, power, memory }),
    ),
  );
}

test("data path: what was acknowledged survives a power cut of all drives and the loss of one", async (t) => {
  const random = new SeededRandom(7);
  const power = new Power();
  const arena = createArena();
  const drives = await createDrives(random, power, arena);
  const path = createPath(
    arena,
    drives.map(({ client }) => client),
    random,
  );
  const content = random.bytes(5 * STRIPE + 123);
  const data = await path.write(content);
  t.same(await path.read(data), content);
  const next = createArena();
  const reopened = await Promise.all(drives.map(({ drive }) => drive.open(next.memory.buffer)));
  for (let lost = 0; lost < DRIVES; lost++) {
    const left = reopened.filter((_, index) => index !== lost);
    t.same(await createPath(next, left, random).read(data), content);
  }
  t.equal(next.freeCount, next.stripeCount);
});

test("data path: whenever the power fails, an acknowledged write can be read afterwards", async (t) => {
  let acknowledged = 0;
  let total = Number.POSITIVE_INFINITY;
  for (let after = 0; after <= total; after++) {
    const random = new SeededRandom(after + 1);
    const power = new Power();
    const arena = createArena();
    const drives = await createDrives(random, power, arena);
    const path = createPath(
      arena,
      drives.map(({ client }) => client),
      random,
    );
    const before = power.operations;
    power.failsAt = before + after;
    const content = random.bytes(2 * STRIPE + 77);
    let data: ShardedData | undefined;
    void path.write(content).then((written) => {
      data = written;
    });
    await settle();
    // Drives that answered may be enough, once the others had their time.
    path.clock.advance(10_000);
    await settle();
    if (power.operations < power.failsAt) total = Math.min(total, after);
    power.failsAt = Number.POSITIVE_INFINITY;
    const next = createArena();
    const reopened = await Promise.all(drives.map(({ drive }) => drive.open(next.memory.buffer)));
    if (data === undefined) continue;
    acknowledged++;
    t.same(await createPath(next, reopened, random).read(data), content, `after ${after}`);
  }
  t.ok(total > 20, `${total} operations to fail at`);
  t.ok(acknowledged > 1, "some writes were acknowledged before the last operation");
});
