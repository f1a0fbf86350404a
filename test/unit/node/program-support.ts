/** Starts programs of ours as real processes and collects what they say. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly process: ChildProcess;
  /** Resolves when standard output has matched; rejects when the program ends first. */
  said(pattern: RegExp): Promise<string>;
  readonly ended: Promise<Outcome>;
}

const FAKE = fileURLToPath(new URL("./fake-ringfort.js", import.meta.url));

/** The test runner loads modules into every child through NODE_OPTIONS; a program has none. */
const WITHOUT_TEST_RUNNER = 'unset NODE_OPTIONS; exec "$0" "$@"';

/** The environment without settings, so that the machine of the test does not matter. */
export function cleanEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "/" } = process.env;
  return { PATH, HOME };
}

export function startProgram(
  words: readonly string[],
  options: { readonly script?: string; readonly variables?: Record<string, string> } = {},
): Program {
  const command = [process.execPath, options.script ?? FAKE, ...words];
  const child = spawn("/bin/sh", ["-c", WITHOUT_TEST_RUNNER, ...command], {
    env: { ...cleanEnvironment(), ...options.variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const watchers = new Set<() => void>();
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
    for (const watcher of watchers) watcher();
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const said = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const watcher = (): void => {
        if (!pattern.test(stdout)) return;
        watchers.delete(watcher);
        resolve(stdout);
      };
      watchers.add(watcher);
      watcher();
      void ended.then((outcome) => reject(new Error(`ended: ${JSON.stringify(outcome)}`)));
    });
  return { process: child, said, ended };
}

export function runProgram(...parameters: Parameters<typeof startProgram>): Promise<Outcome> {
  return startProgram(...parameters).ended;
}
