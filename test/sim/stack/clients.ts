/**
 * Clients: each does one operation after the other through whatever node is up, writes down what it
 * was told, and goes on after a while when it has heard nothing. What is answered later is not heard.
 */
import { Actions } from "./actions.ts";
import type { Attempt } from "./attempt.ts";
import type { Contents } from "./contents.ts";
import type { Histories } from "./histories.ts";
import type { StackCluster } from "./stack-cluster.ts";

const PATIENCE_MS_MIN = 2000;
const PATIENCE_MS_MAX = 9000;

export class Clients {
  readonly actions: Actions;
  readonly #cluster: StackCluster;
  #untilMs = 0;
  #answered = 0;
  readonly #underWay = new Set<Attempt>();

  constructor(cluster: StackCluster, histories: Histories, contents: Contents) {
    this.#cluster = cluster;
    this.actions = new Actions(cluster, histories, contents);
  }

  /** Operations in processes that still live, whether or not anybody listens. */
  get underWay(): number {
    let count = 0;
    for (const { lives } of this.#underWay) if (lives.every(({ alive }) => alive)) count += 1;
    return count;
  }

  /** Operations that ended in time. */
  get answered(): number {
    return this.#answered;
  }

  /** They begin nothing after `untilMs`. */
  start(untilMs: number): void {
    this.#untilMs = untilMs;
    const { world, options } = this.#cluster;
    for (let client = 0; client < options.pressure.clients; client++) {
      world.after(world.between(0, 300), () => this.#next(client));
    }
  }

  #next(client: number): void {
    const { world, options } = this.#cluster;
    if (world.nowMs > this.#untilMs) return;
    const rest = (): void => {
      world.after(world.between(1, options.pressure.pauseMsMax), () => this.#next(client));
    };
    const processes = this.#cluster.open();
    if (processes.length === 0) {
      rest();
      return;
    }
    const process = world.pick(processes);
    const { store } = process.store.running;
    const attempt: Attempt = {
      client,
      callMs: world.nowMs,
      store,
      lives: [process.life],
      heard: true,
    };
    this.#underWay.add(attempt);
    const done = (): void => {
      this.#underWay.delete(attempt);
      if (!attempt.heard) return;
      attempt.heard = false;
      this.#answered += 1;
      rest();
    };
    world.after(world.between(PATIENCE_MS_MIN, PATIENCE_MS_MAX), () => {
      if (!attempt.heard) return;
      attempt.heard = false;
      rest();
    });
    this.actions.perform(attempt).then(done, (error: unknown) => {
      this.#cluster.bugs.push(error);
      world.note(`BUG in a client: ${error instanceof Error ? error.stack : String(error)}`);
      done();
    });
  }
}
