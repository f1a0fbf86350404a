#!/usr/bin/env node
/**
 * The program's entry. CommonJS on purpose: loading the first ES module makes libuv's thread pool,
 * and its size is read just then, so main.ts would come too late to set it (measured on Node 20: four
 * threads, whatever it wrote into the environment). File operations of all drives share the pool;
 * with four threads one slow drive would hold up the others.
 */
process.env["UV_THREADPOOL_SIZE"] ??= "32";
void import("./main.ts");
