/**
 * The YAML file as a layer. Keys are the kebab-case names of the settings; MinIO's own file layout
 * (`version`, `rootUser`, `rootPassword`, `pools`, `options`) is read too, so that the file of a moved
 * deployment works as it is, and `nodes`, which names the machines of a cluster and their drives. An
 * unknown key is a problem. Values never appear in messages from here.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import { SETTINGS, type SettingName, settingByName } from "./catalogue.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { Candidate, Findings, RawValue } from "./findings.ts";
import type { Layer } from "./layer.ts";

/** MinIO's spellings of our keys. */
const MINIO_KEYS: ReadonlyMap<string, SettingName> = new Map([
  ["rootUser", "rootUser"],
  ["rootPassword", "rootPassword"],
] as const);
const LAYOUT_KEYS = ["version", "pools", "options", "nodes"];
const VERSIONS = ["v1", "v2"];

interface Reading {
  readonly findings: Findings;
  readonly layer: Map<SettingName, Candidate>;
}

/** The settings in `text`; `file` is its name for messages. */
export function readYamlLayer(text: string, file: string, findings: Findings): Layer {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const layer = new Map<SettingName, Candidate>();
  for (const error of document.errors) {
    const { line } = lines.linePos(error.pos[0]);
    findings.problems.push(`${file}:${line}: this is not valid YAML (${error.code})`);
  }
  if (document.errors.length > 0 || document.contents === null) return layer;
  if (!isMap(document.contents)) {
    findings.problems.push(
      `${file}: the file must hold KEY: VALUE lines; see docs/CONFIGURATION.md`,
    );
    return layer;
  }
  const place = (node: unknown): string => {
    // Every node of a parsed document carries its range; the type also covers built ones.
    const start = (node as Node | null)?.range?.[0];
    return start === undefined ? file : `${file}:${lines.linePos(start).line}`;
  };
  const reading: Reading = { findings, layer };
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : "?";
    readEntry(name, { origin: place(key), node: value }, reading);
  }
  return layer;
}

interface Entry {
  readonly origin: string;
  readonly node: unknown;
}

function readEntry(key: string, entry: Entry, reading: Reading): void {
  if (key === "version") checkVersion(entry, reading.findings);
  else if (key === "options") reportOptions(entry, reading.findings);
  else readSetting(key, entry, reading);
  if (key === "nodes") readZones(entry, reading);
}

function readSetting(key: string, entry: Entry, reading: Reading): void {
  const { findings } = reading;
  const readWords = DRIVE_SECTIONS.get(key);
  const setting = readWords === undefined ? settingOfKey(key) : settingByName("drives");
  if (setting === undefined) {
    const keys = [...SETTINGS.map(({ yamlKey }) => yamlKey), ...MINIO_KEYS.keys(), ...LAYOUT_KEYS];
    findings.problems.push(`${entry.origin}: unknown key ${key}${didYouMean(key, keys)}`);
    return;
  }
  const value =
    readWords === undefined ? settingValue(setting.name, entry.node) : readWords(entry, findings);
  if (value === null || value === "") return;
  if (Array.isArray(value) && value.length === 0 && readWords !== undefined) return;
  if (value === undefined) {
    findings.problems.push(`${entry.origin}: ${key} must be one value or a list of values`);
    return;
  }
  putSetting(key, setting.name, { value, origin: entry.origin }, reading);
}

function putSetting(
  key: string,
  name: SettingName,
  candidate: Candidate,
  { findings, layer }: Reading,
): void {
  const known = layer.get(name);
  if (known === undefined) layer.set(name, candidate);
  else
    findings.problems.push(
      `${candidate.origin}: ${key} says the same as ${known.origin}; keep one`,
    );
}

/** Settings that are sections of their own travel as JSON, as they do in a variable. */
function settingValue(name: SettingName, node: unknown): RawValue | null | undefined {
  const section = name === "identities" || name === "notifyWebhooks";
  return section && isMap(node) ? JSON.stringify(node) : plainValue(node);
}

function settingOfKey(key: string) {
  const minioName = MINIO_KEYS.get(key);
  return minioName === undefined
    ? SETTINGS.find((candidate) => candidate.yamlKey === key)
    : settingByName(minioName);
}

function checkVersion({ origin, node }: Entry, findings: Findings): void {
  const version = plainValue(node);
  if (typeof version === "string" && VERSIONS.includes(version)) return;
  findings.problems.push(`${origin}: version must be v1 or v2, the layouts of MinIO's file`);
}

/** MinIO's ftp and sftp sections: understood, not served. */
function reportOptions({ origin, node }: Entry, findings: Findings): void {
  if (!isMap(node)) return;
  for (const { key } of node.items) {
    const name = isScalar(key) ? String(key.value) : "?";
    if (name === "ftp" || name === "sftp") findings.noEffect.push(`options.${name}`);
    else findings.problems.push(`${origin}: unknown key options.${name}; known are ftp and sftp`);
  }
}

/**
 * The drive words of MinIO's pools, each a list of words (v1) or `{args: [words]}` (v2). The pools
 * of one node are simply all of its drives here.
 */
function poolWords({ origin, node }: Entry, findings: Findings): RawValue | undefined {
  if (!isSeq(node)) return undefined;
  const words: string[] = [];
  for (const pool of node.items) {
    const list = isMap(pool) ? pool.get("args", true) : pool;
    const value = plainValue(list);
    if (!Array.isArray(value)) {
      findings.problems.push(`${origin}: each of pools must be a list, or have args: [DIR…]`);
      continue;
    }
    if (isMap(pool) && pool.has("set-drive-count")) {
      findings.noEffect.push("pools.set-drive-count");
    }
    words.push(...value);
  }
  return words;
}

/**
 * The drive URLs of `nodes`, each `{address: URL, drives: [DIR…]}`: what the command line would say.
 * Their zones are a setting of its own: see readZones.
 * Ellipses stand in both; the drives of the first node come first.
 */
function nodeWords({ origin, node }: Entry, findings: Findings): RawValue | undefined {
  if (!isSeq(node)) return undefined;
  const words: string[] = [];
  for (const item of node.items) {
    const { address, drives } = isMap(item) ? readNode(item, origin, findings) : NO_NODE;
    if (typeof address !== "string" || !/^https?:\/\//.test(address) || drives === undefined) {
      findings.problems.push(
        `${origin}: each of nodes must have address: http://HOST:PORT and drives: [DIR…]`,
      );
      continue;
    }
    for (const drive of drives) {
      const path = drive.startsWith("/") ? drive : `/${drive}`;
      words.push(`${address.replace(/\/+$/, "")}${path}`);
    }
  }
  return words;
}

interface NodeEntry {
  readonly address: RawValue | null | undefined;
  readonly drives: readonly string[] | undefined;
}

const NODE_KEYS = ["address", "drives", "zone"];
const NO_NODE: NodeEntry = { address: undefined, drives: undefined };

/** The zones that entries of `nodes` have. */
function readZones({ origin, node }: Entry, reading: Reading): void {
  if (!isSeq(node)) return;
  const words = node.items.flatMap((item) => {
    if (!isMap(item) || !item.has("zone")) return [];
    return `${String(plainValue(item.get("address", true)))}=${String(plainValue(item.get("zone", true)))}`;
  });
  if (words.length > 0) putSetting("nodes", "zones", { value: words, origin }, reading);
}

function readNode(item: YAMLMap, origin: string, findings: Findings): NodeEntry {
  for (const { key } of item.items) {
    const name = isScalar(key) ? String(key.value) : "?";
    if (NODE_KEYS.includes(name)) continue;
    findings.problems.push(
      `${origin}: unknown key nodes.${name}; known are address, drives and zone`,
    );
  }
  const drives = plainValue(item.get("drives", true));
  const list = typeof drives === "string" ? [drives] : drives;
  return {
    address: plainValue(item.get("address", true)),
    drives: Array.isArray(list) && list.length > 0 ? list : undefined,
  };
}

/** Sections that name drives, in other forms than the setting. */
const DRIVE_SECTIONS: ReadonlyMap<
  string,
  (entry: Entry, findings: Findings) => RawValue | undefined
> = new Map([
  ["pools", poolWords],
  ["nodes", nodeWords],
]);

/** Undefined when the node is no scalar and no list of texts; null when it is empty. */
function plainValue(node: unknown): RawValue | null | undefined {
  if (node === null) return null;
  if (isScalar(node)) {
    const { value } = node;
    if (value === null) return null;
    const plain = typeof value === "string" || typeof value === "boolean";
    if (plain) return value;
    return typeof value === "number" ? value : undefined;
  }
  if (!isSeq(node)) return undefined;
  const values = node.items.map((item) => (isScalar(item) ? item.value : undefined));
  return values.every((value): value is string => typeof value === "string") ? values : undefined;
}
