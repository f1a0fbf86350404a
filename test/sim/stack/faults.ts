/** What goes wrong, when, and to whom: drawn from the seed. */
import type { StackCluster } from "./stack-cluster.ts";
import type { StackNode } from "./stack-node.ts";
import type { FaultName } from "./stack-options.ts";
import { shardFilesOf } from "./survey.ts";

const HOUR_MS = 3_600_000;

export class Faults {
  readonly #cluster: StackCluster;
  /** The one whose drive loses what it had stored: redundancy is there for one. */
  readonly #weak: StackNode;
  #untilMs = 0;

  constructor(cluster: StackCluster) {
    this.#cluster = cluster;
    this.#weak = cluster.world.pick(cluster.nodes);
  }

  start(untilMs: number): void {
    this.#untilMs = untilMs;
    if (this.#cluster.options.pressure.faultMsMean > 0) this.#schedule();
  }

  #schedule(): void {
    const { world, options } = this.#cluster;
    const { faultMsMean } = options.pressure;
    world.after(world.between(faultMsMean / 4, faultMsMean * 1.75), () => {
      if (world.nowMs > this.#untilMs) return;
      this.#perform(this.#pick());
      this.#schedule();
    });
  }

  #pick(): FaultName {
    const { world, options } = this.#cluster;
    const weights = Object.entries(options.pressure.faults) as [FaultName, number][];
    let dice = world.next() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of weights) {
      dice -= weight;
      if (dice < 0) return name;
    }
    return "crash";
  }

  #perform(name: FaultName): void {
    const { world, nodes } = this.#cluster;
    const node = world.pick(nodes);
    const cluster = this.#cluster;
    const perform: Record<FaultName, () => void> = {
      crash: () => this.#crash(node, "killed", world.between(50, 4000)),
      crashLoop: () => this.#crashLoop(node, world.between(2, 5)),
      powerCut: () => this.#powerCut(world.chance(0.5) ? nodes : [node]),
      partition: () => {
        const sides = nodes.map(() => world.chance(0.5));
        cluster.part(sides, world.between(200, 6000));
      },
      isolate: () => {
        const sides = nodes.map((each) => each === node);
        cluster.part(sides, world.between(200, 6000));
      },
      stand: () => cluster.stand(node, world.chance(0.3) ? 12_000 : world.between(100, 5000)),
      rotFile: () => this.#harm("rotFile"),
      loseFiles: () => this.#harm("loseFiles"),
      swapFiles: () => this.#harm("swapFiles"),
      loseMachine: () => this.#lose(),
      rotIndex: () => this.#rotIndex(),
      fullDisk: () => this.#fill(node),
      clockJump: () => this.#jump(node),
    };
    perform[name]();
  }

  #crash(node: StackNode, kind: "killed" | "power", forMs: number): void {
    this.#cluster.end(node, kind);
    this.#cluster.world.after(forMs, () => this.#cluster.start(node));
  }

  #crashLoop(node: StackNode, times: number): void {
    const { world } = this.#cluster;
    this.#crash(node, world.chance(0.5) ? "killed" : "power", world.between(5, 200));
    if (times > 1) world.after(world.between(210, 900), () => this.#crashLoop(node, times - 1));
  }

  #powerCut(nodes: readonly StackNode[]): void {
    const { world } = this.#cluster;
    world.note(`power cut of ${nodes.length}`);
    for (const node of nodes) this.#crash(node, "power", world.between(50, 2500));
  }

  /** Shard files of the weak drive rot, vanish, or change places. */
  #harm(name: "rotFile" | "loseFiles" | "swapFiles"): void {
    const { world } = this.#cluster;
    const { disk } = this.#weak.hardware;
    const files = this.#weak.gone ? [] : shardFilesOf(this.#weak);
    if (files.length === 0) return;
    world.note(`${name} on node-${this.#weak.number}`);
    this.#cluster.harmed = true;
    if (name === "loseFiles") {
      // As after a repair of its file system: a running process would have them open.
      this.#crash(this.#weak, "power", world.between(50, 1000));
      for (const { path } of files) disk.remove(path);
      return;
    }
    const { path } = world.pick(files);
    const content = disk.contentOf(path);
    if (name === "rotFile") {
      if (content.length > 0) disk.rot(path, world.below(content.length));
      return;
    }
    const other = world.pick(files);
    disk.replaceContent(path, disk.contentOf(other.path));
    disk.replaceContent(other.path, content);
  }

  /** It does not come back. An operator has to notice. */
  #lose(): void {
    const { world } = this.#cluster;
    if (this.#weak.gone || this.#cluster.map.record.ring.phase !== "stable") return;
    world.note(`node-${this.#weak.number} is lost with its drive`);
    this.#cluster.end(this.#weak, "power");
    this.#weak.gone = true;
  }

  /** A record in the index of the weak drive is not what was written any more. */
  #rotIndex(): void {
    const { world } = this.#cluster;
    const rows = this.#weak.hardware.image.tables.get("rec") ?? [];
    if (rows.length === 0 || this.#weak.gone) return;
    const at = world.below(rows.length);
    const row = rows[at];
    if (row === undefined) return;
    world.note(`a record rots in the index of node-${this.#weak.number}`);
    const value = Buffer.from(row.value);
    const byte = world.below(value.length);
    value[byte] = (value[byte] ?? 0) ^ (1 << world.below(8));
    rows[at] = { key: row.key, value };
  }

  #fill(node: StackNode): void {
    const { world } = this.#cluster;
    world.note(`the disk of node-${node.number} is full`);
    node.hardware.disk.setFreeBytes(0);
    world.after(world.between(500, 5000), () => node.hardware.disk.setFreeBytes(undefined));
  }

  #jump(node: StackNode): void {
    const { world } = this.#cluster;
    const byMs = world.chance(0.2) ? HOUR_MS : world.between(-20_000, 20_000);
    world.note(`the clock of node-${node.number} jumps by ${byMs} ms`);
    node.clocks.offsetMs += byMs;
  }
}
