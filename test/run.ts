/**
 * `npm test [-- PART …]`: runs every test file below dist/test whose path contains one of the parts
 * (all without), two at a time, each as a plain process of Node. The tests are tap's; its command is
 * not used, because it loads modules into each test, every thread of it and every server it starts,
 * which took half of the processor time of a run (docs/decisions/0037). `npx tap FILE` works as well,
 * and shows lines of the sources instead of the compiled files.
 *
 * A file is good when it ended with 0 and tested something. What a bad one printed is shown at once,
 * its name again at the end.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const TEST_FILE = ".test.js";
/** As many processors as a small machine has; the larger tests start many processes themselves. */
const AT_ONCE = 2;
/** Of one file. Long, because a time limit only says how busy the machine is. */
const FILE_SECONDS_MAX = 600;
/** So much later a file that did not give up by itself is ended. */
const PATIENCE_SECONDS = 30;

interface FileOutcome {
  readonly file: string;
  readonly ok: boolean;
  /** Assertions and subtests at the top level. */
  readonly passed: number;
}

function listFiles(root: string, parts: readonly string[]): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(TEST_FILE))
    .filter((path) => parts.length === 0 || parts.some((part) => join("test", path).includes(part)))
    .sort();
}

function runFile(root: string, file: string): Promise<FileOutcome> {
  const began = performance.now();
  const child = spawn(process.execPath, [join(root, file)], {
    env: { ...process.env, TAP: "1", TAP_TIMEOUT: String(FILE_SECONDS_MAX) },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: (FILE_SECONDS_MAX + PATIENCE_SECONDS) * 1000,
    killSignal: "SIGKILL",
  });
  let output = "";
  const collect = (text: string): void => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const passed = output.match(/^ok /gm)?.length ?? 0;
      const ok = code === 0 && passed > 0;
      if (!ok) console.log(`${output.trimEnd()}\n# ended with ${signal ?? code}`);
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(`${ok ? "ok    " : "not ok"} ${seconds.padStart(6)} s  ${file}`);
      resolve({ file, ok, passed });
    });
  });
}

async function main(parts: readonly string[]): Promise<void> {
  const root = dirname(fileURLToPath(import.meta.url));
  const files = listFiles(root, parts);
  const outcomes: FileOutcome[] = [];
  // All take from one iterator, so each file is taken once.
  const remaining = files.values();
  const worker = async (): Promise<void> => {
    for (const file of remaining) outcomes.push(await runFile(root, file));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const bad = outcomes.filter(({ ok }) => !ok);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  for (const { file } of bad) console.log(`FAILED ${file}`);
  console.log(
    `${outcomes.length - bad.length} of ${files.length} test files good, ${passed} tests passed`,
  );
  if (files.length === 0 || bad.length > 0) process.exitCode = 1;
}

await main(process.argv.slice(2));
