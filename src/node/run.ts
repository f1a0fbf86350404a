/**
 * What happens between the words of the command line and the exit code. main.ts calls it with the
 * real process and node.ts; tests call it with a node of their own.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { settingsDocument } from "../../config/document.ts";
import type { CommandLineLayer } from "../../config/load.ts";
import { type LoadResult, loadSettings, readSettingsFile, thisMachine } from "../../config/load.ts";
import { showSettings } from "../../config/show.ts";
import { type AdminCall, type AdminTarget, callAdmin } from "./admin-client.ts";
import type { AdminWords } from "./admin-words.ts";
import { type Invocation, parseCommandLine, parseServerOptions } from "./command-line.ts";
import { isServerAlive, localHost } from "./health-check.ts";
import { runClusterCommand } from "./operator/cluster-command.ts";
import type { ClusterWords } from "./operator/cluster-words.ts";
import { type LoadNode, type ServeOutcome, serve } from "./serve.ts";

/** The exit codes of the help text. */
export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_REMOVED = 3;
const SERVE_EXITS: Readonly<Record<ServeOutcome, number>> = {
  stopped: EXIT_OK,
  failed: EXIT_FAILED,
  removed: EXIT_REMOVED,
};

/** Between two looks of a command that goes on showing. */
const WATCH_PAUSE_MS = 2_000;

/** Does what the words say and returns the exit code. `loadNode` is called only to serve. */
export async function runRingfort(words: readonly string[], loadNode: LoadNode): Promise<number> {
  const version = readVersion();
  const invocation = parseCommandLine(words, version);
  switch (invocation.kind) {
    case "print":
      print(invocation.text);
      return EXIT_OK;
    case "usage-error":
      complain(invocation.text);
      return EXIT_USAGE;
    case "config-document":
      print(settingsDocument().trimEnd());
      return EXIT_OK;
    case "health":
      return await runHealth(invocation.line);
    case "admin":
      return await runAdmin(invocation.line, invocation.words);
    case "cluster":
      return await runCluster(invocation.line, invocation.words);
    default:
      return await runWithSettings(invocation, { version, loadNode });
  }
}

async function runWithSettings(
  invocation: Extract<Invocation, { kind: "server" | "config-show" | "config-check" }>,
  modules: { readonly version: string; readonly loadNode: LoadNode },
): Promise<number> {
  const loaded = load(invocation.line);
  if (!loaded.ok) {
    complainAboutSettings(loaded);
    return EXIT_USAGE;
  }
  if (invocation.kind === "server") {
    const { settings, warnings } = loaded;
    return SERVE_EXITS[await serve({ settings, warnings, ...modules })];
  }
  for (const warning of loaded.warnings) complain(`warning: ${warning}`);
  if (invocation.kind === "config-show") print(showSettings(loaded.settings, loaded.origins));
  else print("the settings are valid");
  return EXIT_OK;
}

async function runHealth(line: CommandLineLayer): Promise<number> {
  const loaded = load(line);
  // The drives need not be known to ask a question; the address must be.
  const address = loaded.ok ? loaded.settings.node.address : loaded.known.address;
  if (address === undefined) {
    if (!loaded.ok) complainAboutSettings(loaded);
    return EXIT_USAGE;
  }
  return (await isServerAlive(address)) ? EXIT_OK : EXIT_FAILED;
}

async function runAdmin(line: CommandLineLayer, words: AdminWords): Promise<number> {
  const target = adminTarget(line, words);
  if (target === undefined) return EXIT_USAGE;
  try {
    const call = words.call((path) => readFileSync(path));
    const { status, text, file } = await callAdmin(call, target);
    if (status >= 300) {
      complain(`error: the server answers ${status}: ${text}`);
      return EXIT_FAILED;
    }
    if (file !== undefined && words.output !== undefined) {
      // Never over something that is there, and for nobody else to read.
      writeFileSync(words.output, file, { mode: 0o600, flag: "wx" });
    }
    print(text === "" ? "done" : JSON.stringify(JSON.parse(text), null, 2));
    return EXIT_OK;
  } catch (error) {
    complain(`error: ${error instanceof Error ? reasonOf(error) : String(error)}`);
    return EXIT_FAILED;
  }
}

async function runCluster(line: CommandLineLayer, words: ClusterWords): Promise<number> {
  const target = adminTarget(line, words);
  if (target === undefined) return EXIT_USAGE;
  const call = (what: AdminCall) => callAdmin(what, target);
  const done = await runClusterCommand(words, { call, print, complain, pauseMs: WATCH_PAUSE_MS });
  return done ? EXIT_OK : EXIT_FAILED;
}

/** The root account of this machine's settings, unless the words say otherwise. */
function adminTarget(
  line: CommandLineLayer,
  words: Pick<AdminWords, "url" | "accessKey" | "secretKey">,
): AdminTarget | undefined {
  const loaded = load(line);
  const known = loaded.ok ? { ...loaded.settings.cluster, ...loaded.settings.node } : loaded.known;
  const { address, rootUser, rootPassword } = known;
  const url = words.url ?? (address === undefined ? undefined : localUrl(address));
  const accessKey = words.accessKey ?? rootUser;
  const secretKey = words.secretKey ?? (words.accessKey ? undefined : rootPassword?.reveal());
  if (url !== undefined && accessKey !== undefined && secretKey !== undefined) {
    return { url, accessKey, secretKey };
  }
  complain("error: --url, --access-key and --secret-key say whom to ask and as whom");
  return undefined;
}

/** What `fetch` says of a failed connection stands in the cause. */
function reasonOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function load(line: CommandLineLayer): LoadResult {
  return loadSettings({
    commandLine: line,
    variables: process.env,
    parseOptions: parseServerOptions,
    readFile: readSettingsFile,
    machine: thisMachine(),
  });
}

function localUrl({ host, port }: { readonly host: string; readonly port: number }): string {
  const name = localHost(host);
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`;
}

function complainAboutSettings(loaded: Extract<LoadResult, { ok: false }>): void {
  for (const warning of loaded.warnings) complain(`warning: ${warning}`);
  const { problems } = loaded;
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  complain(`error: ${count} in the settings:`);
  for (const problem of problems) complain(`  - ${problem}`);
  complain("All settings: ringfort config document");
}

function readVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  const known = typeof parsed === "object" && parsed !== null && "version" in parsed;
  return known ? String(parsed.version) : "unknown";
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}
