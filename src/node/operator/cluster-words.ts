/**
 * The words of `ringfort cluster …`: what an operator wants of a running cluster. Pure, like the rest
 * of the command line.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseBytesText } from "../../../config/bytes-text.ts";
import { parseDurationText } from "../../../config/duration-text.ts";

/** A change as it is sent: see src/admin/cluster/change-request.ts. */
export interface ChangeWords {
  readonly kind: string;
  readonly target: string;
  /** Null: by capacity again. */
  readonly weight?: number | null;
  readonly count?: number;
  readonly capacityBytes?: number;
}

export type ClusterAction =
  | { readonly kind: "status" }
  | { readonly kind: "heal" }
  | { readonly kind: "abandon" }
  | { readonly kind: "token"; readonly lifeMs: number; readonly replaces: string | undefined }
  | { readonly kind: "plan"; readonly change: ChangeWords }
  | {
      readonly kind: "apply";
      readonly change: ChangeWords;
      /** Of the plan that was looked at; undefined with `yes`: of one made now. */
      readonly revision: number | undefined;
      readonly yes: boolean;
    };

export interface ClusterWords {
  readonly action: ClusterAction;
  /** For programs: what the server says, unchanged. */
  readonly json: boolean;
  /** Goes on showing how far it is. */
  readonly watch: boolean;
  readonly url: string | undefined;
  readonly accessKey: string | undefined;
  readonly secretKey: string | undefined;
}

type Choose = (words: ClusterWords) => void;

interface ChangeVerb {
  readonly verb: string;
  readonly words: string;
  readonly doc: string;
}

const CHANGES: readonly ChangeVerb[] = [
  {
    verb: "drain",
    words: "<target>",
    doc: "move everything off a node or drive while it serves; it is removed when that is done",
  },
  { verb: "return", words: "<target>", doc: "take what is draining back into service, at once" },
  {
    verb: "remove",
    words: "<target>",
    doc: "give up a node or drive that will not come back; what it held is rebuilt",
  },
  { verb: "replace", words: "<drive>", doc: "put a new, empty drive in the place of one" },
  {
    verb: "weight",
    words: "<drive> <weight>",
    doc: "share of the data in relation to others', in bytes (4TB); auto: by capacity",
  },
  {
    verb: "add-drives",
    words: "<node>",
    doc: "let a node have more drives; then start it with them",
  },
];

const TARGET_HELP = `
A node is named by its address (HOST:PORT or HOST) or its id, a drive by its number or NODE/NUMBER;
six digits of an id are enough. See them with: ringfort cluster status`;

const CHANGE_HELP = `${TARGET_HELP}
Without --yes or --revision nothing is changed: the plan is shown.`;

const HELP_AFTER = `
Examples:
  ringfort cluster status                      nodes, drives, and the change under way
  ringfort cluster token --expires 1h          a token for: ringfort server --join TOKEN DIR...
  ringfort cluster plan drain node3            what would move, before it moves
  ringfort cluster drain node3 --yes --watch   moves it, and shows how far it is
  ringfort cluster heal --watch                what is being repaired, how fast, how long
${TARGET_HELP}`;

/** Adds `cluster` with all its verbs. */
export function addClusterCommands(program: Command, choose: Choose): void {
  const cluster = program
    .command("cluster")
    .description("look at a running cluster and change it")
    .addHelpText("after", HELP_AFTER);
  addPlain(cluster, "status", "nodes and drives, and how far a change is", choose);
  addPlain(
    cluster,
    "heal",
    "what waits to be repaired, how fast it goes, how long it takes",
    choose,
  );
  addPlain(cluster, "abandon", "give up the change under way; what has moved moves back", choose);
  addToken(cluster, choose);
  for (const { verb, words, doc } of CHANGES) {
    const command = cluster.command(verb).description(doc).arguments(words);
    addChangeFlags(command, verb === "add-drives").addHelpText("after", CHANGE_HELP);
    command.action(() => {
      const change = changeOf(verb, command.args, command.opts());
      choose(wordsOf(command, applyOf(command, change)));
    });
  }
  addByWords(cluster, choose);
}

function addPlain(
  cluster: Command,
  kind: "status" | "heal" | "abandon",
  doc: string,
  choose: Choose,
): void {
  const command = common(cluster.command(kind).description(doc));
  if (kind !== "abandon") command.option("--watch", "again every two seconds, until a signal");
  command.action(() => choose(wordsOf(command, { kind })));
}

function addToken(cluster: Command, choose: Choose): void {
  const command = cluster
    .command("token")
    .description("make a token that lets one new node in")
    .addOption(
      new Option("--expires <duration>", "how long it is good for")
        .default("1h")
        .argParser((text) => durationOf(text) && text),
    )
    .option("--replaces <node>", "the new node takes the place of this one");
  common(command);
  command.action(() => {
    const { expires, replaces } = command.opts<{ expires: string; replaces?: string }>();
    choose(wordsOf(command, { kind: "token", lifeMs: durationOf(expires), replaces }));
  });
}

/** `plan drain node3` and `apply drain node3`: the change in the words of its own command. */
function addByWords(cluster: Command, choose: Choose): void {
  for (const kind of ["plan", "apply"] as const) {
    const doc = {
      plan: "show what a change would move: plan drain NODE, plan weight DRIVE 4TB, …",
      apply: "make a change: apply drain NODE --revision N, the one that plan shows",
    };
    const command = cluster
      .command(kind)
      .description(doc[kind])
      .argument("<verb>", CHANGES.map(({ verb }) => verb).join(", "))
      .argument("<words...>")
      .addHelpText("after", CHANGE_HELP);
    addChangeFlags(command, true);
    command.action(() => {
      const [verb = "", ...rest] = command.args;
      const change = changeOf(verb, rest, command.opts());
      choose(wordsOf(command, kind === "plan" ? { kind, change } : applyOf(command, change)));
    });
  }
}

function addChangeFlags(command: Command, addsDrives: boolean): Command {
  command
    .addOption(
      new Option("--revision <number>", "make the change if this still is the revision").argParser(
        countOf,
      ),
    )
    .option("--yes", "make the change without looking at its plan first")
    .option("--watch", "show how far the change is until it is done");
  if (addsDrives) {
    command
      .addOption(new Option("--count <drives>", "how many drives are added").argParser(countOf))
      .addOption(
        new Option(
          "--capacity <size>",
          "of each; as the largest of the node's if not given",
        ).argParser(bytesOf),
      );
  }
  return common(command);
}

function common(command: Command): Command {
  return command
    .option("--json", "the server's answer as it is")
    .addOption(new Option("--url <url>", "the server (default: this machine's)"))
    .addOption(new Option("--access-key <key>", "as whom (default: the root account)"))
    .addOption(new Option("--secret-key <secret>", "its secret"));
}

interface ChangeFlags {
  readonly count?: number;
  readonly capacity?: number;
}

function changeOf(verb: string, words: readonly string[], flags: ChangeFlags): ChangeWords {
  const known = CHANGES.find((change) => change.verb === verb);
  if (known === undefined) {
    const verbs = CHANGES.map((change) => change.verb).join(", ");
    throw new InvalidArgumentError(`"${verb}" is no change; known are ${verbs}`);
  }
  const [target, weight, ...more] = words;
  const wanted = known.words.split(" ").length;
  if (target === undefined || words.length !== wanted || more.length > 0) {
    throw new InvalidArgumentError(`write: ${verb} ${known.words}`);
  }
  if (verb === "weight") return { kind: verb, target, weight: weightOf(weight ?? "") };
  const { count, capacity } = flags;
  return {
    kind: verb,
    target,
    ...(count === undefined ? {} : { count }),
    ...(capacity === undefined ? {} : { capacityBytes: capacity }),
  };
}

function applyOf(command: Command, change: ChangeWords): ClusterAction {
  const { revision, yes } = command.opts<{ revision?: number; yes?: boolean }>();
  // Giving a draining up has no plan of its own: what moved moves back.
  if (change.kind === "return") return { kind: "apply", change, revision, yes: true };
  if (revision === undefined && yes !== true) return { kind: "plan", change };
  return { kind: "apply", change, revision, yes: yes === true };
}

function wordsOf(command: Command, action: ClusterAction): ClusterWords {
  const { json, watch, url, accessKey, secretKey } = command.opts<{
    json?: boolean;
    watch?: boolean;
    url?: string;
    accessKey?: string;
    secretKey?: string;
  }>();
  return { action, json: json === true, watch: watch === true, url, accessKey, secretKey };
}

function weightOf(text: string): number | null {
  return text === "auto" ? null : bytesOf(text);
}

function bytesOf(text: string): number {
  const bytes = parseBytesText(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError(`"${text}" is not a size such as 4TB`);
}

function durationOf(text: string): number {
  const durationMs = parseDurationText(text);
  if (durationMs !== undefined && durationMs > 0) return durationMs;
  throw new InvalidArgumentError(`"${text}" is not a duration such as 30m or 1h`);
}

function countOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${text}" is not a whole number`);
}
