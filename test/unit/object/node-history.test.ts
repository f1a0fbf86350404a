import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../src/base/store-error.ts";
import type { ObjectStore } from "../../../src/object/contract/object-store.ts";
import { settle } from "../../support/data-world.ts";
import { BufferSink, bytesSource } from "../../support/object/memory-data.ts";
import { type TestNode, TestRig, withTime, workOff } from "../../support/object/test-node.ts";

const DRIVES = 4;
const KEYS = ["a", "a/b", "b"];
const SIZES = [0, 10, 300, 2500];

type Command =
  | { op: "put"; key: string; size: number }
  | { op: "delete"; key: string }
  | { op: "upload"; key: string; end: "complete" | "abort" | "leave" }
  | { op: "fail"; drive: number }
  | { op: "restart" }
  | { op: "replace"; drive: number }
  | { op: "work"; worker: string }
  | { op: "wait" };

const key = fc.constantFrom(...KEYS);
const drive = fc.nat(DRIVES - 1);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ op: fc.constant("put"), key, size: fc.constantFrom(...SIZES) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant("delete"), key }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("upload"),
      key,
      end: fc.constantFrom("complete", "abort", "leave"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("fail"), drive }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("restart") }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("replace"), drive }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant("work"),
      worker: fc.constantFrom("janitor", "sweeper", "healer", "damage"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("wait") }) },
);

/** What clients were told. */
class World {
  readonly rig: TestRig;
  node: TestNode;
  readonly contents = new Map<string, Buffer>();
  openUploads = 0;
  failed = false;
  #puts = 0;

  constructor(rig: TestRig, node: TestNode) {
    this.rig = rig;
    this.node = node;
  }

  get store(): ObjectStore {
    return this.node.running.store;
  }

  async run(it: Command): Promise<void> {
    switch (it.op) {
      case "put":
        return this.put(it.key, it.size);
      case "delete":
        return this.remove(it.key);
      case "upload":
        return this.upload(it.key, it.end);
      case "fail":
        return this.fail(it.drive);
      case "restart":
        return this.restart();
      case "replace":
        return this.replace(it.drive);
      case "work":
        return withTime(this.rig, workOff(this.node, it.worker));
      case "wait":
        this.rig.clock.skip(2 * 60 * 60_000);
    }
  }

  async put(name: string, size: number): Promise<void> {
    const content = Buffer.alloc(size, `${this.#puts++} content `);
    await withTime(
      this.rig,
      this.store.putObject({
        bucket: await this.store.bucket("bucket"),
        key: name,
        source: bytesSource(content),
        headers: {},
        storageClass: "STANDARD",
        conditions: {},
        checksumAlgorithm: "crc32",
      }),
    );
    this.contents.set(name, content);
  }

  async remove(name: string): Promise<void> {
    const bucket = await this.store.bucket("bucket");
    await withTime(this.rig, this.store.deleteObject({ bucket, key: name, conditions: {} }));
    this.contents.delete(name);
  }

  async upload(name: string, end: "complete" | "abort" | "leave"): Promise<void> {
    const bucket = await this.store.bucket("bucket");
    const content = Buffer.alloc(700, `${this.#puts++} uploaded `);
    const address = { bucket, key: name };
    const { uploadId } = await withTime(
      this.rig,
      this.store.createUpload({
        ...address,
        headers: {},
        storageClass: "STANDARD",
        checksum: undefined,
      }),
    );
    const part = await withTime(
      this.rig,
      this.store.putPart({ ...address, uploadId, partNumber: 3, source: bytesSource(content) }),
    );
    if (end === "leave") this.openUploads += 1;
    if (end === "abort") await withTime(this.rig, this.store.abortUpload({ ...address, uploadId }));
    if (end !== "complete") return;
    const parts = [{ number: 3, etag: part.etag }];
    await withTime(
      this.rig,
      this.store.completeUpload({ ...address, uploadId, parts, conditions: {} }),
    );
    this.contents.set(name, content);
  }

  async fail(index: number): Promise<void> {
    if (this.failed) return;
    this.failed = true;
    this.node.drives[index]?.fail("by the test");
    await settle();
  }

  async restart(): Promise<void> {
    await this.node.running.stop();
    this.node = await this.rig.boot();
    const mode = await withTime(this.rig, this.node.running.start());
    if (mode !== "read-write") throw new Error(`started ${mode}`);
    this.failed = false;
    await this.untilAllAreMembers();
  }

  /** Only when all is well: what a drive alone holds must be on the others first. */
  async replace(index: number): Promise<void> {
    await this.restart();
    await withTime(this.rig, workOff(this.node, "healer"));
    await this.node.running.stop();
    await this.rig.replace(index);
    await this.restart();
    await withTime(this.rig, workOff(this.node, `refill drive ${index}`));
  }

  async untilAllAreMembers(): Promise<void> {
    for (let turn = 0; turn < 200; turn++) {
      if (this.node.running.status().drives.members.length === DRIVES) return;
      await settle();
      this.rig.clock.advance(100);
    }
    throw new Error("a drive does not become a member again");
  }

  async checkContents(): Promise<void> {
    const bucket = await this.store.bucket("bucket");
    for (const name of KEYS) {
      const expected = this.contents.get(name);
      const found = await withTime(this.rig, this.read(name)).catch((error: unknown) => {
        if (error instanceof StoreError && error.code === "no-such-key") return undefined;
        throw error;
      });
      if (found === undefined ? expected !== undefined : expected?.equals(found) !== true) {
        throw new Error(`${name} is not what was written`);
      }
    }
    const page = await withTime(
      this.rig,
      this.store.listObjects({
        bucket,
        prefix: "",
        delimiter: undefined,
        after: undefined,
        limit: 100,
      }),
    );
    const listed = page.objects.map((object) => object.key);
    if (listed.join() !== [...this.contents.keys()].sort().join()) {
      throw new Error(`listed ${listed.join()}`);
    }
  }

  async read(name: string): Promise<Buffer> {
    const bucket = await this.store.bucket("bucket");
    const opened = await this.store.openObject({ bucket, key: name, conditions: {} });
    const sink = new BufferSink();
    await opened.read({ offset: 0, length: opened.details.bytes }, sink);
    return sink.bytes;
  }
}

async function rowsOf(
  node: TestNode,
  table: "trash" | "heal" | "pending" | "list",
): Promise<number[]> {
  return Promise.all(
    node.drives.map(async (it) => {
      const page = await it.range({
        table,
        heads: [Buffer.alloc(0)],
        from: Buffer.alloc(0),
        fromExclusive: false,
        prefix: Buffer.alloc(0),
        visibleOnly: false,
        limit: 1000,
        scanMax: 1000,
      });
      return page.ok ? page.rows.length : -1;
    }),
  );
}

/** After everything has come to rest, nothing is missing and nothing is left over (I9). */
async function checkRest(world: World): Promise<void> {
  await world.restart();
  const { rig } = world;
  for (let round = 0; round < 4; round++) {
    for (const worker of ["damage", "healer", "janitor", "sweeper"]) {
      await withTime(rig, workOff(world.node, worker));
    }
    rig.clock.skip(30 * 60 * 60_000);
  }
  await world.checkContents();
  const { node, contents, openUploads } = world;
  const large = [...contents.values()].filter((content) => content.length > 256).length;
  const registers = 1 + contents.size + 2 * openUploads;
  for (const [table, expected] of [
    ["trash", 0],
    ["heal", 0],
    ["pending", 0],
    ["list", registers],
  ] as const) {
    const found = await rowsOf(node, table);
    if (found.some((count) => count !== expected)) {
      throw new Error(`${table}: ${found.join(" ")} rows instead of ${expected}`);
    }
  }
  for (const it of node.drives) {
    const shards = await it.listShards("", 1000);
    const count = shards.ok ? shards.shards.length : -1;
    if (count !== large + openUploads) {
      throw new Error(`drive ${it.index} has ${count} shards instead of ${large + openUploads}`);
    }
  }
}

test("object layer: through failures, restarts and repairs nothing is lost and nothing left over", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), fc.nat(1000), async (commands, seed) => {
      const rig = new TestRig(seed + 1);
      await rig.add(DRIVES);
      const world = new World(rig, await rig.boot());
      await withTime(rig, world.node.running.start());
      await world.store.createBucket("bucket");
      for (const it of commands) {
        await world.run(it);
        rig.clock.advance(1);
        await settle();
      }
      await world.checkContents();
      await checkRest(world);
      await world.node.running.stop();
    }),
    { numRuns: 12 },
  );
});
