#!/usr/bin/env node
/** The `ringfort` command: words in, exit code out. First file to read; then `node.ts`. */
import { runRingfort } from "./run.ts";

// File operations of all drives share libuv's pool, which reads this at its first use. Four threads,
// its default, would let one slow drive hold up the others.
process.env["UV_THREADPOOL_SIZE"] ??= "32";

process.exitCode = await runRingfort(process.argv.slice(2), () => import("./node.ts"));
