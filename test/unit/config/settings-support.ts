/** Loads settings from words, variables and files that exist only in the test. */

import type { MachineFacts } from "../../../config/defaults.ts";
import { type LoadResult, loadSettings } from "../../../config/load.ts";
import type { Settings } from "../../../config/schema.ts";
import { parseCommandLine, parseServerOptions } from "../../../src/node/command-line.ts";

export interface World {
  readonly words?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly machine?: Partial<MachineFacts>;
}

const MACHINE: MachineFacts = {
  memoryBytes: 16 * 1024 ** 3,
  processors: 4,
  homeFolder: "/home/op",
  folderExists: () => false,
};

export function load(world: World): LoadResult {
  const invocation = parseCommandLine(["server", ...(world.words ?? [])], "0.0.0");
  if (invocation.kind !== "server") throw new Error(`not a server command: ${invocation.kind}`);
  return loadSettings({
    commandLine: invocation.line,
    variables: world.variables ?? {},
    parseOptions: parseServerOptions,
    readFile: (path) => world.files?.[path],
    machine: { ...MACHINE, ...world.machine },
  });
}

export function settingsOf(world: World): Settings {
  const result = load(world);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.settings;
}

export function problemsOf(world: World): readonly string[] {
  const result = load(world);
  return result.ok ? [] : result.problems;
}
