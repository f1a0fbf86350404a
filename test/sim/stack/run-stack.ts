/**
 * One run: a cluster is founded, clients work while things fail, everything is mended, the store gets
 * the time to become whole, and then all that was told and all that lies there is judged.
 */
import { createHash } from "node:crypto";
import { describeHistory, isLinearizable } from "../register/linearizability.ts";
import { BUCKETS, KEYS } from "./attempt.ts";
import { versionsOf } from "./bucket-actions.ts";
import { Clients } from "./clients.ts";
import { Contents } from "./contents.ts";
import { Faults } from "./faults.ts";
import { Histories, nameOf } from "./histories.ts";
import { Operator } from "./operator.ts";
import { StackCluster, surveyPlace } from "./stack-cluster.ts";
import type { StackOptions } from "./stack-options.ts";
import { survey } from "./survey.ts";

export interface StackResult {
  /** What must not have happened; empty when all is well. */
  readonly violations: readonly string[];
  /** Of all histories and of what lay there in the end: equal for equal seeds. */
  readonly hash: string;
  readonly operations: number;
  readonly answered: number;
  readonly trace: readonly string[];
}

/** How violations begin that were found on the media in the end. */
export const AT_REST = "at rest:";
const FOUNDING_MS = 10_000;
/** No operation that begins while all is well takes longer. */
const SETTLING_MS_MAX = 60_000;
const STEP_MS = 500;
const ROUND_MS = 400;
/** Every so many rounds all clocks leap over the rests of workers, and wall clocks over hours. */
const ROUNDS_PER_LEAP = 4;
const LEAP_MS = 7_000;
const DAY_MS = 25 * 3_600_000;
const PROBLEMS_SHOWN_MAX = 8;
const FINAL_MS = 20_000;

export async function runStack(seed: number, options: StackOptions): Promise<StackResult> {
  const cluster = await StackCluster.create(seed, options);
  const { world } = cluster;
  const contents = new Contents();
  const histories = new Histories(world);
  const clients = new Clients(cluster, histories, contents);
  for (const node of cluster.nodes) cluster.start(node);
  await until(cluster, FOUNDING_MS, () => cluster.open().length === cluster.nodes.length);
  await makeBuckets(cluster);
  const workUntilMs = world.nowMs + options.pressure.workMs;
  cluster.inTrouble = true;
  clients.start(workUntilMs);
  new Faults(cluster).start(workUntilMs);
  const operator = new Operator(cluster);
  operator.start(workUntilMs);
  await world.run(workUntilMs);
  cluster.mend();
  const quiet = await until(cluster, SETTLING_MS_MAX, () => clients.underWay === 0);
  if (!quiet) histories.violate(`${clients.underWay} operations do not end`);
  const left = await comeToRest(cluster, operator);
  for (const problem of left) histories.violate(`${AT_REST} ${problem}`);
  await readEverything(cluster, clients, histories);
  histories.closeCopies((value) => contents.byValue(value)?.copied ?? value);
  judge(cluster, histories);
  const all = [...histories.byPlace];
  const hash = createHash("sha256").update(JSON.stringify([all, histories.violations]));
  return {
    violations: histories.violations,
    hash: hash.update(String(world.next())).digest("hex"),
    operations: all.reduce((sum, [, history]) => sum + history.length, 0),
    answered: clients.answered,
    trace: world.trace ?? [],
  };
}

/** Lets time pass until something holds; false when it never does. */
async function until(cluster: StackCluster, withinMs: number, holds: () => boolean) {
  const { world } = cluster;
  const endMs = world.nowMs + withinMs;
  for (let atMs = world.nowMs; atMs < endMs && !holds(); ) {
    atMs += STEP_MS;
    await world.run(atMs);
  }
  return holds();
}

async function makeBuckets(cluster: StackCluster): Promise<void> {
  const [process] = cluster.open();
  if (process === undefined) throw new Error("the cluster does not come up");
  let made = 0;
  for (const name of BUCKETS) {
    void process.store.running.store.createBucket(name).then(() => {
      made += 1;
    });
  }
  if (!(await until(cluster, FOUNDING_MS, () => made === BUCKETS.length))) {
    throw new Error("the buckets could not be made");
  }
}

/** Workers hurry until nothing is left to do; what is left then. */
async function comeToRest(cluster: StackCluster, operator: Operator): Promise<string[]> {
  const { world, machines } = cluster;
  const place = surveyPlace();
  let problems: string[] = [];
  for (const node of machines) node.hurry();
  for (let round = 0; round < cluster.options.roundsMax; round++) {
    if (round % ROUNDS_PER_LEAP === 1) {
      for (const { clocks } of machines) {
        clocks.leptMs += LEAP_MS;
        clocks.offsetMs += DAY_MS;
      }
    }
    await world.run(world.nowMs + ROUND_MS);
    problems = await survey(cluster, place);
    world.note(`round ${round}: ${problems.slice(0, PROBLEMS_SHOWN_MAX).join("; ")}`);
    if (problems.length === 0 && operator.isDone) break;
  }
  for (const node of machines) node.relax();
  return problems;
}

/** Every key through every node: it must be readable, and the same everywhere. */
async function readEverything(
  cluster: StackCluster,
  clients: Clients,
  histories: Histories,
): Promise<void> {
  const { world } = cluster;
  let open = 0;
  const processes = cluster.open();
  if (processes.length < cluster.nodes.length) histories.violate("not all nodes came up");
  for (const { store } of processes) {
    for (const bucket of BUCKETS) {
      for (const key of KEYS) {
        const attempt = {
          client: -1,
          callMs: world.nowMs,
          store: store.running.store,
          lives: [],
          heard: true,
        };
        open += 1;
        void clients.actions.readWhole(attempt, { bucket, key }).then(
          () => {
            open -= 1;
          },
          (error: unknown) => cluster.bugs.push(error),
        );
      }
    }
    open += 1;
    void versionsOf(store.running.store, "history").then(
      (versions) => {
        open -= 1;
        for (const key of KEYS) {
          const told = histories.versions.get(nameOf({ bucket: "history", key })) ?? [];
          const own = versions.filter((version) => version.key === key);
          clients.actions.checkTold(key, told, own);
        }
      },
      (error: unknown) => histories.violate(`versions cannot be listed: ${String(error)}`),
    );
  }
  await until(cluster, FINAL_MS, () => open === 0);
  if (open > 0) histories.violate(`${open} reads have no answer`);
}

function judge(cluster: StackCluster, histories: Histories): void {
  for (const error of cluster.bugs) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    histories.violate(`bug: ${text}`);
  }
  for (const [place, history] of histories.byPlace) {
    if (isLinearizable(history)) continue;
    histories.violate(`${place} is not linearizable`);
    for (const line of describeHistory(history)) cluster.world.note(`${place} ${line}`);
  }
}
