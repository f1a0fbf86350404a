/**
 * The whole object layer on several nodes over simulated drives: objects put, read, deleted and
 * listed through nodes whose caches are old, while the bucket is deleted and made anew, or gets
 * versioning.
 *
 * Checked key by key. A listing is one get of each known key. A bucket that is not there, or was
 * deleted, is a get that finds nothing. Versioning that was acknowledged must hold for every put that
 * began later; one that does not is written down as a get that found an impossible value.
 */
import { createHash } from "node:crypto";
import type { RegisterLayout } from "../../../cluster/register/layout-replicas.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { StoreError, type StoreErrorCode } from "../../../src/base/store-error.ts";
import { ClusterRegisters } from "../../../src/object/cluster/cluster-registers.ts";
import { ReplicaGuard } from "../../../src/object/cluster/replica-guard.ts";
import type { SharedDrive } from "../../../src/object/cluster/shared-drive.ts";
import type { Bucket } from "../../../src/object/contract/object-store.ts";
import { DEFAULT_OBJECT_OPTIONS } from "../../../src/object/operations/object-core.ts";
import { ObjectLayer } from "../../../src/object/operations/object-layer.ts";
import { MemoryData } from "../../support/object/memory-data.ts";
import { putInput, readContent } from "../../support/object/store-fixture.ts";
import { Acceptor } from "./acceptor.ts";
import { SimulatedDrive } from "./cluster-scenario.ts";
import type { Operation, OperationKind } from "./linearizability.ts";
import { engineOptions } from "./peers-scenario.ts";
import type { ScenarioOptions, ScenarioResult } from "./scenario.ts";
import { ProcessClock, World } from "./world.ts";

const NODES = 3;
const UNTIL_MS = 1200;
const END_MS = 4000;
const LOSS = 0.03;
const LATE = 0.08;
const BUCKET = "bucket";
const KEYS = ["a", "b/c", "b/d"];
/** What no put leaves. */
const IMPOSSIBLE = -1;
/** Errors that say that there is no bucket, or no object. */
const NOTHING_THERE: ReadonlySet<StoreErrorCode> = new Set(["no-such-bucket", "no-such-key"]);
const NOT_DONE: ReadonlySet<StoreErrorCode> = new Set<StoreErrorCode>([
  "no-such-bucket",
  "stale-bucket",
  "conditional-conflict",
  "no-quorum",
  "busy",
  "deadline",
]);

interface Node {
  readonly index: number;
  readonly acceptor: Acceptor;
  up: boolean;
  incarnation: number;
  clock: ProcessClock;
  guard: ReplicaGuard;
  store: ObjectLayer | undefined;
}

export function runBuckets(seed: number, options: ScenarioOptions): Promise<ScenarioResult> {
  return new BucketsScenario(seed, options).run();
}

class BucketsScenario {
  readonly #world: World;
  readonly #options: ScenarioOptions;
  readonly #nodes: Node[] = [];
  readonly #histories: Operation[][] = KEYS.map(() => []);
  readonly #valueOf = new Map<string, number>();
  readonly #versioning: boolean;
  #versionedSinceMs = Number.POSITIVE_INFINITY;
  #values = 0;

  constructor(seed: number, options: ScenarioOptions) {
    const world = new World(seed, { trace: options.trace });
    this.#world = world;
    this.#options = options;
    this.#versioning = world.chance(0.4);
    for (let index = 0; index < NODES; index++) {
      const acceptor = new Acceptor(`node-${index}`, world, {
        hazards: options.acceptor,
        keepRecent: false,
        flushMsMin: 1,
        flushMsMax: 6,
      });
      this.#nodes.push({
        index,
        acceptor,
        up: true,
        incarnation: 0,
        clock: new ProcessClock(world, 0),
        guard: new ReplicaGuard(new SimulatedDrive(acceptor), options.guard),
        store: undefined,
      });
    }
    for (const node of this.#nodes) this.#startNode(node);
  }

  async run(): Promise<ScenarioResult> {
    const world = this.#world;
    void this.#nodes[0]?.store?.createBucket(BUCKET).catch(() => {});
    for (let client = 0; client < this.#options.pressure.clients; client++) {
      world.after(world.between(60, 100), () => void this.#clientTurns(client));
    }
    world.after(world.between(150, 400), () => void this.#changeBucket());
    world.after(world.between(100, 300), () => this.#fault());
    await world.run(END_MS);
    return { histories: this.#histories, trace: world.trace ?? [] };
  }

  #startNode(node: Node): void {
    node.incarnation++;
    node.clock = new ProcessClock(this.#world, (node.index - 1) * 15);
    node.guard = new ReplicaGuard(new SimulatedDrive(node.acceptor), this.#options.guard);
    const links = new Map(this.#nodes.map((to) => [to.acceptor.id, this.#link(node, to)]));
    const { clock } = node;
    const registers = new ClusterRegisters(
      LAYOUT,
      {
        engine: {
          ...engineOptions(this.#options.pressure),
          proposer: node.index + 1,
          incarnation: node.incarnation,
        },
      },
      {
        driveOf: (id) => links.get(id),
        onReplicaUnavailable() {},
        onOutdatedLayout() {},
        clock,
        random: this.#world,
        log: silentLogger,
        hazards: this.#options.engine,
      },
    );
    const data = new MemoryData(this.#world);
    node.store = new ObjectLayer(
      { ...DEFAULT_OBJECT_OPTIONS, bucketShards: 2, bucketsShared: true },
      {
        registers,
        writer: data,
        reader: data,
        geometry: { isDegraded: () => false },
        owners: { remember() {} },
        pending: { adopted() {}, rebuilt() {} },
        clock,
        random: this.#world,
        log: silentLogger,
      },
    );
  }

  async #clientTurns(client: number): Promise<void> {
    const world = this.#world;
    while (world.nowMs < UNTIL_MS) {
      const { store } = world.pick(this.#nodes);
      if (store !== undefined) {
        if (world.chance(0.2)) await this.#patiently((late) => this.#list(client, store, late));
        else await this.#patiently((late) => this.#turn(client, store, late));
      }
      await this.#pause(world.between(1, this.#options.pressure.pauseMsMax));
    }
  }

  /** A client that has heard nothing for long goes on; what comes later it does not notice. */
  #patiently(run: (late: () => boolean) => Promise<void>): Promise<void> {
    let over = false;
    const done = run(() => over).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
    const patience = this.#pause(this.#options.pressure.operationMs + 200);
    return Promise.race([done, patience]).then(() => {
      over = true;
    });
  }

  async #turn(client: number, store: ObjectLayer, late: () => boolean): Promise<void> {
    const world = this.#world;
    const index = world.below(KEYS.length);
    const dice = world.next();
    const kind: OperationKind = dice < 0.45 ? "get" : dice < 0.85 ? "put" : "delete";
    const value = kind === "put" ? ++this.#values : undefined;
    const operation = this.#note(index, client, kind, value);
    try {
      await this.#perform(store, KEYS[index] ?? "", operation);
      if (!late()) this.#finish(operation);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (kind === "get" && NOTHING_THERE.has(error.code) && !late()) this.#finish(operation);
      else if (kind === "get" || NOT_DONE.has(error.code)) operation.status = "failed";
    }
  }

  async #perform(store: ObjectLayer, key: string, operation: Operation): Promise<void> {
    const bucket = await store.bucket(BUCKET);
    if (operation.kind === "get") {
      operation.found = Number(await readContent(store, bucket, key));
    } else if (operation.kind === "delete") {
      await store.deleteObject({ bucket, key, conditions: {} });
    } else {
      const content = String(operation.value);
      this.#valueOf.set(createHash("md5").update(content).digest("hex"), operation.value ?? 0);
      const { versionId } = await store.putObject(putInput(bucket, key, content));
      if (operation.callMs > this.#versionedSinceMs && versionId === undefined) {
        this.#impossible(KEYS.indexOf(key));
      }
    }
  }

  async #list(client: number, store: ObjectLayer, late: () => boolean): Promise<void> {
    const gets = KEYS.map((_, index) => this.#note(index, client, "get", undefined));
    const delimiter = this.#world.chance(0.3) ? "/" : undefined;
    try {
      const bucket = await store.bucket(BUCKET);
      const page = await store.listObjects({
        bucket,
        prefix: "",
        delimiter,
        after: undefined,
        limit: 10,
      });
      if (late()) return;
      for (const [index, key] of KEYS.entries()) {
        const get = gets[index];
        // A common prefix says that one of its keys is there, and not which.
        if (get === undefined || (delimiter !== undefined && key.includes("/"))) continue;
        const listed = page.objects.find((object) => object.key === key);
        get.found = listed === undefined ? undefined : this.#valueOf.get(listed.etag);
        this.#finish(get);
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === "no-such-bucket" && !late()) for (const get of gets) this.#finish(get);
    }
  }

  /** Versioning once, or deleting the bucket and making it anew for as long as there is time. */
  async #changeBucket(): Promise<void> {
    const world = this.#world;
    while (world.nowMs < UNTIL_MS) {
      const { store } = world.pick(this.#nodes);
      if (store !== undefined && this.#versioning) {
        await store
          .changeBucket(BUCKET, () => ({ versioning: "enabled" }))
          .then(
            () => {
              this.#versionedSinceMs = Math.min(this.#versionedSinceMs, world.nowMs);
            },
            () => {},
          );
      } else if (store !== undefined) {
        await this.#recreate(store);
      }
      await this.#pause(world.between(20, 150));
    }
  }

  async #recreate(store: ObjectLayer): Promise<void> {
    const gets = KEYS.map((_, index) => this.#note(index, -1, "get", undefined));
    try {
      await store.deleteBucket(BUCKET);
      this.#world.note("the bucket is deleted");
      for (const get of gets) this.#finish(get);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === "bucket-not-empty") return;
    }
    await this.#pause(this.#world.between(1, 60));
    const { store: another } = this.#world.pick(this.#nodes);
    const made: Promise<Bucket | undefined> | undefined = another
      ?.createBucket(BUCKET)
      .catch(() => undefined);
    if ((await made) !== undefined) this.#world.note("the bucket is made anew");
  }

  #note(index: number, client: number, kind: OperationKind, value: number | undefined): Operation {
    const operation: Operation = {
      client,
      kind,
      value,
      expected: undefined,
      callMs: this.#world.nowMs,
      returnMs: Number.POSITIVE_INFINITY,
      status: "unknown",
      found: undefined,
      swapped: false,
    };
    this.#histories[index]?.push(operation);
    return operation;
  }

  #finish(operation: Operation): void {
    operation.status = "ok";
    operation.returnMs = this.#world.nowMs;
  }

  #impossible(index: number): void {
    const get = this.#note(index, -1, "get", undefined);
    get.found = IMPOSSIBLE;
    this.#finish(get);
  }

  #fault(): void {
    const world = this.#world;
    if (world.nowMs > UNTIL_MS) return;
    const node = world.pick(this.#nodes);
    if (node.up && world.chance(0.4)) this.#crash(node);
    world.after(world.between(100, 400), () => this.#fault());
  }

  #crash(node: Node): void {
    this.#world.note(`node-${node.index} crashes`);
    node.up = false;
    node.clock.alive = false;
    node.store = undefined;
    node.acceptor.powerCut();
    this.#world.after(this.#world.between(10, 150), () => {
      node.up = true;
      this.#startNode(node);
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#world.after(delayMs, resolve));
  }

  #send(from: Node, to: Node, deliver: () => void): void {
    const world = this.#world;
    if (from !== to && world.chance(LOSS)) return;
    const late = from !== to && world.chance(LATE);
    const delayMs = from === to ? 0 : late ? world.between(50, 400) : world.between(1, 12);
    world.after(delayMs, () => {
      if (to.up) deliver();
    });
  }

  #link(from: Node, to: Node): SharedDrive {
    const { incarnation } = from;
    const call = <Reply>(ask: (guard: ReplicaGuard) => Promise<Reply>): Promise<Reply> =>
      new Promise((resolve) => {
        this.#send(from, to, () => {
          const asked = to.incarnation;
          void ask(to.guard).then((reply) => {
            if (!to.up || to.incarnation !== asked) return;
            this.#send(to, from, () => {
              if (from.incarnation === incarnation && from.up) resolve(reply);
            });
          });
        });
      });
    return {
      id: to.acceptor.id,
      distance: from === to ? 0 : 1,
      read: (...args) => call((guard) => guard.read(...args)),
      prepare: (...args) => call((guard) => guard.prepare(...args)),
      accept: (...args) => call((guard) => guard.accept(...args)),
      purge: (...args) => call((guard) => guard.purge(...args)),
      install: (...args) => call((guard) => guard.install(...args)),
      discard: (...args) => call((guard) => guard.discard(...args)),
      range: (...args) => call((guard) => guard.range(...args)),
      digest: (...args) => call((guard) => guard.digest(...args)),
      raise: (...args) => call((guard) => guard.raise(...args)),
    };
  }
}

const LAYOUT: RegisterLayout = {
  version: 1,
  partitions: 1,
  groupsOf: () => [["node-0", "node-1", "node-2"]],
};
