/**
 * docs/CONFIGURATION.md as a function of the schema. A test asserts that the file is up to date;
 * `ringfort config document > docs/CONFIGURATION.md` writes it anew.
 */
import { SETTINGS, type SettingDefinition } from "./catalogue.ts";

export function settingsDocument(): string {
  return [
    INTRODUCTION,
    "## Cluster settings",
    "Equal on every node of a deployment.",
    table("cluster"),
    "## Node settings",
    "Each process has its own.",
    table("node"),
    CLOSING,
  ].join("\n\n");
}

const COLUMNS = ["YAML key", "Variables", "Default", "Meaning"];

/** Columns are padded to one width, as the formatter wants Markdown tables. */
function table(half: SettingDefinition["half"]): string {
  const rows = [COLUMNS, ...SETTINGS.filter((setting) => setting.half === half).map(cells)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => lengthOf(row[column]))));
  const lines = rows.map((row) =>
    lineOf(row.map((cell, column) => cell.padEnd(widths[column] ?? 0))),
  );
  lines.splice(1, 0, lineOf(widths.map((width) => "-".repeat(width))));
  return lines.join("\n");
}

function lineOf(row: readonly string[]): string {
  return `| ${row.join(" | ")} |`;
}

function lengthOf(cell: string | undefined): number {
  return cell?.length ?? 0;
}

function cells({ yamlKey, variable, notes }: SettingDefinition): string[] {
  const variables = [variable, ...(notes.minio ?? [])].map(code);
  if (notes.fromFile) variables.push("each also with `_FILE`");
  const flag = notes.flag === undefined ? "" : ` Flag: ${code(notes.flag)}.`;
  const effect = notes.noEffectYet ? " Accepted, no effect yet." : "";
  const meaning = `${notes.doc}${flag}${effect} Example: ${code(notes.example)}.`;
  return [code(yamlKey), variables.join("<br>"), defaultText(notes), meaning];
}

function defaultText(notes: SettingDefinition["notes"]): string {
  if (notes.computed !== undefined) return notes.computed;
  if (notes.default === undefined) return "none";
  const text = Array.isArray(notes.default) ? notes.default.join(",") : String(notes.default);
  return text === "" ? "none" : code(text);
}

function code(text: string): string {
  return `\`${text}\``;
}

const INTRODUCTION = `# Configuration

This file is generated from \`config/schema.ts\`: \`ringfort config document > docs/CONFIGURATION.md\`.

A setting can stand in six places. The first that has it wins:

1. a flag on the command line
2. a flag in \`RINGFORT_OPTS\`
3. its \`RINGFORT_\` variable
4. a flag in \`MINIO_OPTS\`
5. its \`MINIO_\` variable (each also works with the prefix \`RINGFORT_\`)
6. the YAML file named by \`--config\`, \`RINGFORT_CONFIG\` or \`MINIO_CONFIG\`

\`ringfort config show DIR...\` prints the value and the origin of every setting, \`ringfort config check DIR...\` all problems. A wrong value stops the start with exit code 2 and every problem in one message. An unknown \`RINGFORT_\` variable or YAML key is such a problem; a \`MINIO_\` variable that exists in MinIO but has no effect here yet is reported once in the log.

Sizes are written \`512MiB\`, \`2GiB\` (powers of 1024) or \`10GB\` (powers of 1000), durations \`500ms\`, \`10s\`, \`1h30m\`, switches \`on\` or \`off\`. An empty variable counts as not set.

## Drives

\`ringfort server DIR...\` serves the folders in DIR. One folder has no redundancy; over several, every object is erasure-coded. Three dots expand: \`/mnt/drive{1...4}\` is four folders, \`{01...12}\` keeps its zeros, \`{a...f}\` and \`{08...1f}\` are hexadecimal, several patterns multiply with the first one varying fastest. At most 256 drives. Two words for one folder, and a folder inside another, are refused.

A drive belongs to one process: a second one on the same folder refuses to start and names the other. The lock is in the folder \`.ringfort-lock\` of the drive and ends with the process, however it ends.

URLs (\`http://node{1...4}/mnt/drive{1...2}\`) name the drives of all nodes of a cluster; every node gets the same list. See [OPERATIONS.md](OPERATIONS.md).

In MinIO each argument with an ellipsis is a pool of its own. Here all drives of a node are one set of drives, and the default parity follows their total number.

## Files of variables

\`RINGFORT_CONFIG_ENV_FILE\` or \`MINIO_CONFIG_ENV_FILE\` names a file of \`KEY=VALUE\` lines (\`export\`, quotes and comments are fine) that is laid over the environment. \`RINGFORT_ROOT_PASSWORD_FILE\` and its relatives name a file that holds just the value; a name without a folder is looked for in \`/run/secrets\` first.`;

const CLOSING = `## The YAML file

\`config/ringfort.sample.yaml\` shows every key. MinIO's own file works as it is: \`version\`, \`rootUser\`, \`rootPassword\`, and \`pools\` as lists of drives or as \`{args: [...]}\`; \`options.ftp\` and \`options.sftp\` are accepted without effect. A list of drives is written as a YAML list. The nodes of a cluster may be named as \`nodes\`, a list of \`{address: "http://node{1...4}:9000", drives: ["/mnt/drive{1...2}"], zone: rack-1}\` (the zone may be left out), instead of as drive URLs.

## Before the settings

The size of Node's thread pool, on which file system and database work of all drives runs, is read before any setting: \`UV_THREADPOOL_SIZE\`, 32 unless it is set.

## Container

\`docker build -t ringfort .\` makes an image that runs as user 1000, keeps data in \`/data\`, and listens on 9000 and 9001:

\`\`\`
docker run -p 9000:9000 -v ringfort:/data -e RINGFORT_ROOT_USER=admin -e RINGFORT_ROOT_PASSWORD=long-secret ringfort server /data
\`\`\`

Its command is understood with and without a leading \`minio\`, so that compose files and charts for MinIO's image can name this one. The health check of the image runs \`ringfort health\`, which asks \`/minio/health/live\` on the address that the variables say; a server whose address is set by a flag needs \`RINGFORT_ADDRESS\` as well. A folder that is mounted from the host must belong to user 1000.

Kubernetes adds variables such as \`RINGFORT_PORT\` or \`MINIO_SERVICE_HOST\` for services of that name; they are ignored.

## systemd

\`config/systemd/ringfort.service\` reads \`/etc/default/minio\` and \`/etc/default/ringfort\`; \`MINIO_VOLUMES\` and \`MINIO_OPTS\` are read by the server itself.
`;
