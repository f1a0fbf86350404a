/**
 * Ring changes on a small cluster in memory: nodes learn of states when they happen to, writers use
 * whatever state they know, and copies are dropped as soon as that is allowed. Each register
 * operation is one step here (the register protocol has its own simulator); what is tested is that
 * states, routing and conditions never let one miss what another one did.
 */
import fc from "fast-check";
import { test } from "tap";
import { buildLayout } from "../../../../cluster/layout/build-layout.ts";
import type { Layout } from "../../../../cluster/layout/layout.ts";
import { LayoutMap, positionOfShard } from "../../../../cluster/layout/layout-map.ts";
import { PartitionBits } from "../../../../cluster/layout/partition-bits.ts";
import { type DecisiveProgress, mayAdvance } from "../../../../cluster/layout/ring-progress.ts";
import {
  abandonChange,
  advance,
  beginChange,
  checkEpoch,
  firstRing,
  mayDropCopies,
  type RingState,
  routingOf,
} from "../../../../cluster/layout/ring-state.ts";
import { RingView } from "../../../../cluster/layout/ring-view.ts";
import { type NodeId, parseBucketId } from "../../../../src/base/ids.ts";
import { nodeIdOf, regularCluster } from "./layout-support.ts";

const PARTITIONS = 4;

function layoutOf(nodes: number, version: number, previous?: Layout): Layout {
  const members = regularCluster(nodes, 1);
  return buildLayout({ members, previous, version, partitions: PARTITIONS, slots: 3 });
}

/** Smaller and larger clusters by turns; version v is at index v − 1. */
const layouts: Layout[] = [];
for (const [index, nodes] of [4, 6, 3, 5, 4, 6, 5, 3].entries()) {
  layouts.push(layoutOf(nodes, index + 1, layouts.at(-1)));
}
const maps = layouts.map((layout) => new LayoutMap(layout));
const refOf = (version: number) => ({ version, hash: "00".repeat(32) });

/** Which of the rules are switched off. */
type Flaw = "none" | "no fence" | "no sync" | "old epochs are served" | "drop early";

/** What one drive (here: one node) holds. */
interface Holder {
  epoch: number;
  /** Per partition. */
  readonly records: number[];
  /** `partition item slot`. */
  readonly shards: Set<string>;
  report: DecisiveProgress;
}

class Ring {
  state: RingState = firstRing(refOf(1));
  readonly holders = new Map<NodeId, Holder>();
  /** Per partition: the value of the last write that succeeded; also the items of data there are. */
  readonly written = new Array<number>(PARTITIONS).fill(0);
  /** The states that writers know. */
  readonly writers: RingState[] = [this.state, this.state, this.state];
  readonly #flaw: Flaw;
  #value = 0;

  constructor(flaw: Flaw) {
    this.#flaw = flaw;
    for (let node = 0; node < 6; node++) {
      const nodeId = nodeIdOf(node);
      const done = new PartitionBits(PARTITIONS);
      const report = { nodeId, acknowledged: 1, epoch: 0, done };
      const records = new Array<number>(PARTITIONS).fill(0);
      this.holders.set(nodeId, { epoch: 1, records, shards: new Set(), report });
    }
  }

  /** Reads the newest value and writes a higher one; undefined, or what went wrong. */
  write(writer: number, partition: number, isUp: (node: NodeId) => boolean): string | undefined {
    const state = this.writers[writer] ?? this.state;
    const groups = routingOf(state).metadata.map(({ version }) => {
      return (maps[version - 1]?.replicas(partition) ?? []).map(({ nodeId }) => nodeId);
    });
    const answering = groups.map((group) =>
      group.filter((node) => isUp(node) && this.#serves(node, state.epoch)),
    );
    if (answering.some((nodes, index) => nodes.length * 2 <= (groups[index]?.length ?? 0))) {
      return undefined;
    }
    const replicas = answering.flat().map((node) => this.#holder(node));
    const newest = Math.max(...replicas.map(({ records }) => records[partition] ?? 0));
    const last = this.written[partition] ?? 0;
    if (newest !== last) return `wrote ${last} and read ${newest} in ${state.phase}`;
    const lost = this.#read(state, partition, last);
    if (lost !== undefined) return lost;
    const value = ++this.#value;
    const target = maps[routingOf(state).data.version - 1]?.slots(partition) ?? [];
    for (const [slot, { nodeId }] of target.entries()) {
      this.#holder(nodeId).shards.add(`${partition} ${value} ${slot}`);
    }
    for (const { records } of replicas) records[partition] = value;
    this.written[partition] = value;
    return undefined;
  }

  /** All shards of an item are found in the order in which readers look. */
  #read(state: RingState, partition: number, value: number): string | undefined {
    if (value === 0) return undefined;
    const view = new RingView(state, ({ version }) => maps[version - 1]);
    const position = partition * 2 ** 30;
    for (let slot = 0; slot < 3; slot++) {
      const found = view.readOrder(position, slot).some(({ nodeId }) => {
        return this.#holder(nodeId).shards.has(`${partition} ${value} ${slot}`);
      });
      if (!found) return `shard ${slot} of ${value} is nowhere in ${state.phase} ${state.epoch}`;
    }
    return undefined;
  }

  #holder(node: NodeId): Holder {
    const holder = this.holders.get(node);
    if (holder === undefined) throw new Error("a node");
    return holder;
  }

  #serves(node: NodeId, carried: number): boolean {
    const holder = this.#holder(node);
    const check = checkEpoch(holder.epoch, carried);
    if (check === "learn") this.#acknowledge(holder, carried);
    return check !== "refuse" || this.#flaw === "old epochs are served";
  }

  #acknowledge(holder: Holder, epoch: number): void {
    holder.epoch = epoch;
    holder.report = { ...holder.report, acknowledged: epoch };
  }

  learn(node: number): void {
    const holder = this.#holder(nodeIdOf(node));
    if (holder.epoch < this.state.epoch) this.#acknowledge(holder, this.state.epoch);
  }

  /** A node does a change's work for every other partition, whoever has them, and reports it. */
  sync(node: number): void {
    const { phase, current, next, epoch } = this.state;
    if (phase !== "joint" && phase !== "returning") return;
    const target = maps[(phase === "joint" ? (next ?? current) : current).version - 1];
    const source = maps[current.version - 1];
    const worker = this.#holder(nodeIdOf(node));
    if (target === undefined || source === undefined || worker.epoch < epoch) return;
    const done = new PartitionBits(PARTITIONS);
    for (let partition = node % 2; partition < PARTITIONS; partition += 2) {
      const majority = source.replicas(partition).slice(node % 2, (node % 2) + 2);
      const values = majority.map((it) => this.#holder(it.nodeId).records[partition] ?? 0);
      for (const { nodeId } of target.replicas(partition)) {
        const { records } = this.#holder(nodeId);
        records[partition] = Math.max(records[partition] ?? 0, ...values);
      }
      for (const [slot, drive] of target.slots(partition).entries()) {
        const shard = `${partition} ${this.written[partition]} ${slot}`;
        if ([...this.holders.values()].some(({ shards }) => shards.has(shard))) {
          this.#holder(drive.nodeId).shards.add(shard);
        }
      }
      done.add(partition);
    }
    worker.report = { ...worker.report, epoch, done };
  }

  /** Goes on if that is allowed. */
  step(): void {
    if (this.state.phase === "stable") {
      const version = this.state.latestVersion + 1;
      if (version <= layouts.length) this.state = beginChange(this.state, refOf(version));
      return;
    }
    const [current, next] = [this.state.current, this.state.next].map((ref) => {
      return ref === undefined ? undefined : layouts[ref.version - 1];
    });
    if (current === undefined) throw new Error("a layout");
    const reports = [...this.holders.values()].map(({ report }) => report);
    const isCopying = this.state.phase === "joint" || this.state.phase === "returning";
    const isOff = this.#flaw === (isCopying ? "no sync" : "no fence");
    if (isOff || mayAdvance(this.state, { current, next }, reports).allowed) {
      this.state = advance(this.state);
    }
  }

  abandon(): void {
    if (this.state.phase === "prepare" || this.state.phase === "joint") {
      this.state = abandonChange(this.state);
    }
  }

  /** A node that knows the state drops what the layout does not place on it. */
  drop(node: number): void {
    const holder = this.#holder(nodeIdOf(node));
    const { state } = this;
    if (holder.epoch !== state.epoch) return;
    if (!mayDropCopies(state) && this.#flaw !== "drop early") return;
    const map = maps[(state.next ?? state.current).version - 1];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const isHere = (it: { nodeId: NodeId }) => it.nodeId === nodeIdOf(node);
      if (!(map?.replicas(partition).some(isHere) ?? true)) holder.records[partition] = 0;
      for (const shard of [...holder.shards]) {
        const [place, , slot] = shard.split(" ").map(Number);
        if (place !== partition) continue;
        const drive = map?.slots(partition)[slot ?? 0];
        if (drive?.nodeId !== nodeIdOf(node)) holder.shards.delete(shard);
      }
    }
  }
}

const anyEvent = fc.record({
  what: fc.constantFrom(
    "write",
    "write",
    "write",
    "learn",
    "learn",
    "hear",
    "sync",
    "sync",
    "step",
    "step",
    "abandon",
    "drop",
  ),
  who: fc.nat(5),
  partition: fc.nat(PARTITIONS - 1),
  down: fc.nat(63),
});

/** What went wrong in one history, or undefined. */
function run(
  flaw: Flaw,
  events: readonly (typeof anyEvent extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const ring = new Ring(flaw);
  for (const { what, who, partition, down } of events) {
    if (what === "write") {
      // One or two nodes may be away.
      const away = [down % 8, down >> 3];
      const isUp = (node: NodeId) => !away.some((it) => nodeIdOf(it) === node);
      const problem = ring.write(who % 3, partition, isUp);
      if (problem !== undefined) return problem;
    } else if (what === "learn") ring.learn(who);
    else if (what === "hear") ring.writers[who % 3] = ring.state;
    else if (what === "sync") ring.sync(who);
    else if (what === "step") ring.step();
    else if (what === "abandon" && down % 4 === 0) ring.abandon();
    else if (what === "drop") ring.drop(who);
  }
  return undefined;
}

const anyHistory = fc.array(anyEvent, { minLength: 150, maxLength: 150, size: "max" });

test("ring change: no write is missed and no shard is lost, whoever knows what", async () => {
  fc.assert(
    fc.property(anyHistory, (events) => {
      const problem = run("none", events);
      if (problem !== undefined) throw new Error(problem);
    }),
    { numRuns: 500 },
  );
});

test("ring change: without any one of the rules something is lost", async (t) => {
  for (const flaw of ["no fence", "no sync", "old epochs are served", "drop early"] as const) {
    const histories = fc.sample(anyHistory, { numRuns: 500, seed: 1 });
    t.ok(
      histories.some((events) => run(flaw, events) !== undefined),
      flaw,
    );
  }
});

test("ring change: histories go through all of it", async (t) => {
  const seen = new Map<string, number>();
  for (const events of fc.sample(anyHistory, { numRuns: 100, seed: 2 })) {
    const ring = new Ring("none");
    for (const { what, who } of events) {
      if (what === "learn") ring.learn(who);
      else if (what === "sync") ring.sync(who);
      else if (what === "step") ring.step();
      else if (what === "abandon" && who === 0) ring.abandon();
      seen.set(ring.state.phase, (seen.get(ring.state.phase) ?? 0) + 1);
    }
  }
  t.equal(seen.size, 6);
});

/** Every way to choose `count` of the items. */
function choices<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, index) =>
    choices(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]),
  );
}

test("mayAdvance: like looking for a majority in every partition", async () => {
  const [current, next] = [layouts[0], layouts[1]];
  if (current === undefined || next === undefined) throw new Error("layouts");
  const anyReports = fc.array(
    fc.record({ acknowledged: fc.nat(3), epoch: fc.nat(4), done: fc.nat(15) }),
    { minLength: 6, maxLength: 6 },
  );
  const prepare = beginChange(firstRing(refOf(1)), refOf(2));
  const joint = advance(prepare);
  fc.assert(
    fc.property(anyReports, (drawn) => {
      const reports = drawn.map(({ acknowledged, epoch, done }, node): DecisiveProgress => {
        const bits = new PartitionBits(PARTITIONS, Uint8Array.of(done));
        return { nodeId: nodeIdOf(node), acknowledged, epoch: epoch === 0 ? 2 : 3, done: bits };
      });
      const majorityOf = (layout: Layout, isDone: (report: DecisiveProgress) => boolean) =>
        Array.from({ length: PARTITIONS }, (_, partition) => {
          const replicas = maps[layout.version - 1]?.replicas(partition) ?? [];
          return choices(replicas, Math.floor(replicas.length / 2) + 1).some((chosen) =>
            chosen.every(({ nodeId }) => reports.some((it) => it.nodeId === nodeId && isDone(it))),
          );
        }).every(Boolean);
      const acknowledged = ({ acknowledged: epoch }: DecisiveProgress) => epoch >= 2;
      const fence = majorityOf(current, acknowledged) && majorityOf(next, acknowledged);
      const counted = drawn.filter(({ epoch }) => epoch !== 0);
      const complete = counted.reduce((bits, { done }) => bits | done, 0) === 15;
      const both = { current, next };
      const verdict = mayAdvance(joint, both, reports);
      return (
        mayAdvance(prepare, both, reports).allowed === fence &&
        verdict.allowed === complete &&
        (verdict.partitionsWaiting === 0) === complete
      );
    }),
    { numRuns: 300 },
  );
});

test("RingView: groups, places and looks as the state says", async (t) => {
  const mapOf = ({ version }: { version: number }) => maps[version - 1];
  const bucketId = parseBucketId("ab".repeat(16));
  if (bucketId === undefined) throw new Error("a bucket id");
  const position = positionOfShard(bucketId, 3);
  const joint = advance(beginChange(firstRing(refOf(1)), refOf(2)));
  const view = new RingView(joint, mapOf);
  const [one, two] = maps;
  if (one === undefined || two === undefined) throw new Error("layouts");
  const partition = one.partitionAt(position);
  t.equal(view.epoch, 3);
  t.strictSame(view.metadataGroups(position), [one.replicas(partition), two.replicas(partition)]);
  t.strictSame(view.placeShards(position, 3, () => true).drives, two.slots(partition));
  for (let slot = 0; slot < 3; slot++) {
    const drives = [two.slots(partition)[slot], one.slots(partition)[slot]];
    const ids = [...new Set(drives.map((drive) => drive?.driveId))];
    t.strictSame(
      view.readOrder(position, slot).map(({ driveId }) => driveId),
      ids,
    );
  }
  const searched = [...view.searchOrder(position)].map(({ driveId }) => driveId);
  t.equal(new Set(searched).size, searched.length);
  t.equal(searched.length, 6);
  t.throws(() => new RingView(joint, () => undefined), { code: "internal" });
});
