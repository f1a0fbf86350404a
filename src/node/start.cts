#!/usr/bin/env node
/**
 * The program's entry. CommonJS on purpose: loading the first ES module makes libuv's thread pool,
 * and its size is read just then, so main.ts would come too late to set it (measured on Node 20: four
 * threads, whatever it wrote into the environment). File operations of all drives share the pool;
 * with four threads one slow drive would hold up the others.
 */
process.env["UV_THREADPOOL_SIZE"] ??= "32";
/**
 * The front runs briefly and often, and everybody waits for it: where processors are short it goes
 * before the pool, whose threads copy data to and from files. On Linux a niceness belongs to one
 * thread, those who are made inherit it, and nobody may lower it again. So the pool is made here, and
 * its threads are those that were not there before.
 */
const POOL_NICENESS = 5;
if (process.platform === "linux") {
  const { readdirSync, stat } = process.getBuiltinModule("node:fs");
  const { getPriority, setPriority } = process.getBuiltinModule("node:os");
  const before = new Set(readdirSync("/proc/self/task"));
  stat(".", () => {});
  for (const thread of readdirSync("/proc/self/task")) {
    if (!before.has(thread)) setPriority(Number(thread), Math.max(getPriority(), POOL_NICENESS));
  }
}
/**
 * The young generation of each thread is small and collected many times a second: sharing that work
 * out among helper threads costs about a tenth of the processor time of small objects (measured on
 * two processors), and the thread itself does not get done sooner.
 */
process.getBuiltinModule("node:v8").setFlagsFromString("--no-parallel-scavenge");
void import("./main.ts");
