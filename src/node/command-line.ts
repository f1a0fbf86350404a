/**
 * The command line: words → what to do. Pure: nothing is printed, read or started from here, so a
 * wrong word is an answer like any other.
 *
 * MinIO's flags are accepted where MinIO accepts them (also before the word `server`); those without
 * a meaning here are remembered, to be reported once.
 */
import { Command, CommanderError, Option } from "commander";
import type { SettingName } from "../../config/catalogue.ts";
import type { Candidate } from "../../config/findings.ts";
import type { CommandLineLayer } from "../../config/load.ts";
import { type AdminWords, addAdminCommands } from "./admin-words.ts";
import { HELP_AFTER, HELP_BEFORE, SERVER_HELP_AFTER } from "./help-text.ts";
import { addClusterCommands, type ClusterWords } from "./operator/cluster-words.ts";

export type Invocation =
  | { readonly kind: "server"; readonly line: CommandLineLayer }
  | { readonly kind: "config-show"; readonly line: CommandLineLayer }
  | { readonly kind: "config-check"; readonly line: CommandLineLayer }
  | { readonly kind: "config-document" }
  | { readonly kind: "health"; readonly line: CommandLineLayer }
  | { readonly kind: "admin"; readonly line: CommandLineLayer; readonly words: AdminWords }
  | { readonly kind: "cluster"; readonly line: CommandLineLayer; readonly words: ClusterWords }
  /** Help and version. */
  | { readonly kind: "print"; readonly text: string }
  | { readonly kind: "usage-error"; readonly text: string };

/** Flags that set a setting; a flag without a value gives the word beside it. */
const SETTING_FLAGS: ReadonlyArray<{
  readonly flags: string;
  readonly doc: string;
  readonly setting: SettingName;
  readonly value?: string;
}> = [
  {
    flags: "--address <host:port>",
    doc: 'where S3, admin, metrics and health listen (default ":9000")',
    setting: "address",
  },
  {
    flags: "--console-address <host:port>",
    doc: 'where the web console will listen (default ":9001")',
    setting: "consoleAddress",
  },
  {
    flags: "--peer-address <host:port>",
    doc: 'where the other nodes of a cluster connect (default ":19000")',
    setting: "peerAddress",
  },
  {
    flags: "--join <token>",
    doc: "become a new node of a cluster; the token is from: ringfort cluster token",
    setting: "join",
  },
  {
    flags: "--zone <name>",
    doc: "rack, room or site: copies are spread over zones",
    setting: "zone",
  },
  {
    flags: "-S, --certs-dir <dir>",
    doc: "folder of public.crt and private.key (default ~/.ringfort/certs)",
    setting: "certsDir",
  },
  {
    flags: "--idle-timeout <duration>",
    doc: 'end uploads and downloads that stand still (default "60s")',
    setting: "idleTimeout",
  },
  {
    flags: "--shutdown-timeout <duration>",
    doc: 'how long to wait for begun requests when stopping (default "25s")',
    setting: "shutdownGrace",
  },
  {
    flags: "--shutdown-delay <duration>",
    doc: 'how long to go on before that, saying "not ready" (default "2s" in a cluster)',
    setting: "shutdownDelay",
  },
  { flags: "--json", doc: "log JSON, one object a line", setting: "logFormat", value: "json" },
  { flags: "--quiet", doc: "no start-up text, only warnings", setting: "quiet", value: "on" },
  {
    flags: "--anonymous",
    doc: "no bucket, object or client names in the log",
    setting: "anonymous",
    value: "on",
  },
];

/** MinIO's other flags: understood so that a command line can be kept, without effect. */
const NO_EFFECT_FLAGS = [
  "--ftp <key=value>",
  "--sftp <key=value>",
  "--compat",
  "--no-compat",
  "--read-header-timeout <duration>",
  "--conn-user-timeout <duration>",
  "--interface <name>",
  "--dns-cache-ttl <duration>",
  "--max-idle-conns-per-host <count>",
  "--memlimit <size>",
  "--send-buf-size <size>",
  "--recv-buf-size <size>",
  "--crossdomain-xml <file>",
  "--log-dir <dir>",
  "--log-size <size>",
  "--log-prefix <text>",
  "--log-compress",
  "--listeners <count>",
];

/** The words after the program's name. */
export function parseCommandLine(words: readonly string[], version: string): Invocation {
  // The images of MinIO take both `server /data` and `minio server /data`.
  const [first, ...rest] = words;
  const own = first === "minio" || first === "ringfort" ? rest : words;
  let invocation: Invocation | undefined;
  const printed: string[] = [];
  const program = buildProgram(version, printed, (chosen) => {
    invocation = chosen;
  });
  try {
    program.parse(own, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const text = printed.join("").trimEnd() || `error: ${error.message}`;
    if (error.exitCode === 0) return { kind: "print", text };
    return { kind: "usage-error", text: explainUsage(text, error.code, own) };
  }
  if (invocation !== undefined) return invocation;
  return { kind: "usage-error", text: explainUsage(printed.join("").trimEnd(), "", own) };
}

/** Words of MINIO_OPTS or RINGFORT_OPTS: flags of `server`, and drives. */
export function parseServerOptions(words: readonly string[], origin: string): CommandLineLayer {
  const empty = { layer: new Map(), configFile: undefined, noEffect: [], problems: [] };
  if (words.length === 0) return empty;
  const invocation = parseCommandLine(["server", ...words], "");
  if (invocation.kind === "server") return renameOrigins(invocation.line, origin);
  const text =
    invocation.kind === "usage-error" ? invocation.text : "only flags and drives can stand here";
  const reason = text
    .replace(/^error: /, "")
    .replace(/\nSee: .*$/, "")
    .replaceAll("\n", " ");
  return { ...empty, problems: [`${origin}: ${reason}`] };
}

function renameOrigins(line: CommandLineLayer, origin: string): CommandLineLayer {
  const rename = (candidate: Candidate): Candidate => ({
    ...candidate,
    origin: `${origin} ${candidate.origin}`,
  });
  const entries = [...line.layer].map(([name, candidate]) => [name, rename(candidate)] as const);
  return {
    ...line,
    layer: new Map(entries),
    configFile: line.configFile === undefined ? undefined : rename(line.configFile),
  };
}

function buildProgram(
  version: string,
  printed: string[],
  choose: (invocation: Invocation) => void,
): Command {
  const print = (text: string): void => {
    printed.push(text);
  };
  const program = new Command("ringfort")
    .exitOverride()
    .configureOutput({ writeOut: print, writeErr: print })
    .enablePositionalOptions()
    .version(`ringfort ${version} (node ${process.version})`, "-v, --version", "print the version")
    .helpOption("-h, --help", "print this text")
    .addHelpText("before", HELP_BEFORE)
    .addHelpText("after", HELP_AFTER);
  addServerFlags(program, { hidden: true });
  const server = program
    .command("server")
    .description("serve the drives in DIR...")
    .argument("[DIR...]", "drive folders; /mnt/drive{1...4} stands for four")
    .addHelpText("after", SERVER_HELP_AFTER);
  addServerFlags(server, { hidden: false });
  server.action(() => choose({ kind: "server", line: lineOf(server, program) }));
  const config = program.command("config").description("look at the settings without starting");
  for (const name of ["show", "check"] as const) {
    const kind = `config-${name}` as const;
    const doc = { show: "print every setting and its origin", check: "report all problems" };
    const command = config.command(name).description(doc[name]).argument("[DIR...]");
    addServerFlags(command, { hidden: true });
    command.action(() => choose({ kind, line: lineOf(command, program) }));
  }
  config
    .command("document")
    .description("print the reference of all settings (Markdown)")
    .action(() => choose({ kind: "config-document" }));
  const health = program
    .command("health")
    .description("ask the server on this machine whether it is alive; exit code 0 if so");
  addServerFlags(health, { hidden: true });
  health.action(() => choose({ kind: "health", line: lineOf(health, program) }));
  addAdminCommands(program, (words) => {
    choose({ kind: "admin", line: lineOf(program, program), words });
  });
  addClusterCommands(program, (words) => {
    choose({ kind: "cluster", line: lineOf(program, program), words });
  });
  return program;
}

function addServerFlags(command: Command, { hidden }: { readonly hidden: boolean }): void {
  for (const { flags, doc } of SETTING_FLAGS) {
    command.addOption(new Option(flags, doc).hideHelp(hidden));
  }
  const configDoc = "read settings from a YAML file (also MinIO's own layout)";
  command.addOption(new Option("--config <file>", configDoc).hideHelp(hidden));
  for (const flags of NO_EFFECT_FLAGS) command.addOption(new Option(flags).hideHelp());
}

/** What the flags of a command, and the same flags before its name, say. */
function lineOf(command: Command, program: Command): CommandLineLayer {
  const layer = new Map<SettingName, Candidate>();
  const noEffect: string[] = [];
  let configFile: Candidate | undefined;
  // The program's flags first, so that those after the command's name win.
  for (const { option, value } of [...givenOptions(program), ...givenOptions(command)]) {
    const origin = option.long ?? option.flags;
    const known = SETTING_FLAGS.find(({ flags }) => flags === option.flags);
    if (known !== undefined) layer.set(known.setting, { value: known.value ?? value, origin });
    else if (origin === "--config") configFile = { value, origin };
    else noEffect.push(origin);
  }
  if (command.args.length > 0) {
    layer.set("drives", { value: [...command.args], origin: "command line" });
  }
  return { layer, configFile, noEffect, problems: [] };
}

function givenOptions(command: Command): Array<{ option: Option; value: string }> {
  const given = command.options.filter(
    (option) => command.getOptionValueSource(option.attributeName()) === "cli",
  );
  return given
    .map((option) => ({ option, value: String(command.getOptionValue(option.attributeName())) }))
    .filter(({ option, value }) => option.negate === (value === "false"));
}

/** Commander says what is wrong; this adds what to do. */
function explainUsage(text: string, code: string, words: readonly string[]): string {
  const [command] = words.filter((word) => !word.startsWith("-"));
  const looksLikeDrive = command !== undefined && /[/\\{]|^\./.test(command);
  if (words.length === 0) {
    return "error: no command is given\nTo serve a folder: ringfort server DIR. More: ringfort --help";
  }
  if (looksLikeDrive && !["server", "config", "health", "admin", "cluster"].includes(command)) {
    return `error: "${command}" is no command\nTo serve it: ringfort server ${words.join(" ")}`;
  }
  const help = command === "server" ? "ringfort server --help" : "ringfort --help";
  const problem = text === "" || code === "commander.help" ? "error: no command is given" : text;
  return `${problem}\nSee: ${help}`;
}
