/**
 * The `ringfort` command: words in, exit code out. First file to read; then `node.ts`. Started
 * through start.cts, which gives Node a larger thread pool first.
 */
import { runRingfort } from "./run.ts";

const exitCode = await runRingfort(process.argv.slice(2), () => import("./node.ts"));
// Whatever a node that could not stop in time has left open, this is the end; but where standard
// output is a pipe that is read slowly, its last words are still on their way.
process.stdout.write("", () => process.exit(exitCode));
