/**
 * Flags, environment and YAML file → validated, deep-frozen settings, or every problem at once.
 *
 * Precedence: flags, RINGFORT_OPTS, RINGFORT_ variables, MINIO_OPTS, MINIO_ variables, the YAML file,
 * defaults. This is the only file that touches the machine: files and its size.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { availableParallelism, homedir, totalmem } from "node:os";
import { MIB } from "../src/base/bytes.ts";
import { SETTINGS, type SettingDefinition, type SettingName, settingByName } from "./catalogue.ts";
import { COMPUTED_DEFAULTS, type KnownSettings, type MachineFacts } from "./defaults.ts";
import {
  readVariables,
  reportOtherVariables,
  steeringValue,
  type Variables,
  withEnvironmentFile,
} from "./environment.ts";
import { type Candidate, createFindings, type Findings, type ReadTextFile } from "./findings.ts";
import type { Layer } from "./layer.ts";
import { findRelationProblems } from "./relations.ts";
import { DEFAULT_ROOT_PASSWORD, type Settings, settingsSchema } from "./schema.ts";
import { readYamlLayer } from "./yaml-file.ts";

/** What the command line said. */
export interface CommandLineLayer {
  readonly layer: Layer;
  /** --config */
  readonly configFile: Candidate | undefined;
  /** Flags of MinIO that are accepted without effect. */
  readonly noEffect: readonly string[];
  readonly problems: readonly string[];
}

export interface LoadSources {
  readonly commandLine: CommandLineLayer;
  readonly variables: Variables;
  /** Reads the words of MINIO_OPTS or RINGFORT_OPTS as if they stood on the command line. */
  parseOptions(words: readonly string[], origin: string): CommandLineLayer;
  readonly readFile: ReadTextFile;
  readonly machine: MachineFacts;
}

export type Origins = ReadonlyMap<SettingName, string>;

export type LoadResult =
  | {
      readonly ok: true;
      readonly settings: Settings;
      readonly origins: Origins;
      readonly warnings: readonly string[];
    }
  | {
      readonly ok: false;
      readonly problems: readonly string[];
      readonly warnings: readonly string[];
      /** The settings that are valid all the same, for a command that needs only some. */
      readonly known: KnownSettings;
    };

const CONFIG_BYTES_MAX = MIB;
const DEFAULT_ORIGIN = "default";

export function loadSettings(sources: LoadSources): LoadResult {
  const findings = createFindings();
  const chosen = chooseCandidates(collectLayers(sources, findings));
  const known = parseKnown(chosen, { machine: sources.machine, findings });
  for (const { setting, problem } of findRelationProblems(known)) {
    findings.problems.push(describe(settingByName(setting), chosen.get(setting), problem));
  }
  checkCredentials(chosen, findings);
  const warnings = warningsOf(findings, chosen, known);
  const problems = [...new Set(findings.problems)];
  if (problems.length > 0) return { ok: false, problems, warnings, known };
  const settings = deepFreeze(settingsSchema.parse(toHalves(chosen)));
  const origins = new Map(SETTINGS.map(({ name }) => [name, originOf(chosen.get(name))]));
  return { ok: true, settings, origins, warnings };
}

/** The layers, strongest first. */
function collectLayers(sources: LoadSources, findings: Findings): Layer[] {
  const { readFile } = sources;
  const variables = withEnvironmentFile(sources.variables, readFile, findings);
  reportOtherVariables(variables, findings);
  const optionLines = (["RINGFORT_OPTS", "MINIO_OPTS"] as const).map((name) =>
    sources.parseOptions(splitWords(variables[name] ?? ""), name),
  );
  const [ownOptions, minioOptions] = optionLines;
  const lines = [sources.commandLine, ...optionLines];
  for (const line of lines) {
    findings.problems.push(...line.problems);
    findings.noEffect.push(...line.noEffect);
  }
  const configFile =
    lines.find((line) => line.configFile !== undefined)?.configFile ??
    steeringValue(variables, "CONFIG");
  const modules = { readFile, findings };
  return [
    sources.commandLine.layer,
    ownOptions?.layer ?? new Map(),
    readVariables(variables, "RINGFORT", modules),
    minioOptions?.layer ?? new Map(),
    readVariables(variables, "MINIO", modules),
    configFile === undefined ? new Map() : readConfigFile(configFile, modules),
  ];
}

function readConfigFile(
  { value, origin }: Candidate,
  { readFile, findings }: { readFile: ReadTextFile; findings: Findings },
): Layer {
  const path = String(value);
  try {
    const text = readFile(path);
    if (text !== undefined) return readYamlLayer(text, path, findings);
    findings.problems.push(`${origin} names ${path}, and there is no such file`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    findings.problems.push(`${origin} names ${path}, which cannot be read: ${reason}`);
  }
  return new Map();
}

/** For each setting the strongest candidate, else its literal default. */
function chooseCandidates(layers: readonly Layer[]): Map<SettingName, Candidate> {
  const chosen = new Map<SettingName, Candidate>();
  for (const { name, notes } of SETTINGS) {
    const candidate = layers.find((layer) => layer.has(name))?.get(name);
    const automatic = notes.automatic?.includes(String(candidate?.value)) === true;
    if (candidate !== undefined && !automatic) chosen.set(name, candidate);
    else if (notes.default !== undefined) {
      chosen.set(name, { value: notes.default, origin: DEFAULT_ORIGIN });
    }
  }
  return chosen;
}

/** Parses every candidate, then computes and parses what is still missing. */
function parseKnown(
  chosen: Map<SettingName, Candidate>,
  { machine, findings }: { machine: MachineFacts; findings: Findings },
): KnownSettings {
  const values: Partial<Record<SettingName, unknown>> = {};
  // Each value was made by the schema of its own name, which the record's type cannot say.
  const known = values as KnownSettings;
  const parse = (setting: SettingDefinition): void => {
    const candidate = chosen.get(setting.name);
    const result = setting.schema.safeParse(candidate?.value);
    if (result.success) values[setting.name] = result.data;
    else if (candidate === undefined) findings.problems.push(missing(setting));
    else {
      for (const { message } of result.error.issues) {
        findings.problems.push(describe(setting, candidate, message));
      }
    }
  };
  for (const setting of SETTINGS) {
    if (chosen.has(setting.name) || !COMPUTED_DEFAULTS.has(setting.name)) parse(setting);
  }
  for (const [name, compute] of COMPUTED_DEFAULTS) {
    if (chosen.has(name)) continue;
    const value = compute(known, machine);
    // Not computable because of a problem that is reported already.
    if (value === undefined) continue;
    chosen.set(name, { value, origin: DEFAULT_ORIGIN });
    parse(settingByName(name));
  }
  return known;
}

function missing(setting: SettingDefinition): string {
  if (setting.name !== "drives") return `${setting.yamlKey} is not set`;
  return "no drive is given; write for example: ringfort server /mnt/drive{1...4}";
}

/** `RINGFORT_MEMORY (memory) must be …`: where the value stands, what it sets, what is wrong. */
function describe(
  setting: SettingDefinition,
  candidate: Candidate | undefined,
  problem: string,
): string {
  const origin = originOf(candidate);
  const where = origin === DEFAULT_ORIGIN ? setting.yamlKey : `${origin} (${setting.yamlKey})`;
  return problem.startsWith(":") ? `${where}${problem}` : `${where} ${problem}`;
}

function originOf(candidate: Candidate | undefined): string {
  return candidate?.origin ?? DEFAULT_ORIGIN;
}

/** A user without a password would silently get everybody's password. */
function checkCredentials(chosen: ReadonlyMap<SettingName, Candidate>, findings: Findings): void {
  const user = originOf(chosen.get("rootUser"));
  const password = originOf(chosen.get("rootPassword"));
  if (user !== DEFAULT_ORIGIN && password === DEFAULT_ORIGIN) {
    findings.problems.push(`${user} is set without a password; set RINGFORT_ROOT_PASSWORD too`);
  }
  if (user === DEFAULT_ORIGIN && password !== DEFAULT_ORIGIN) {
    findings.problems.push(`${password} is set without a user; set RINGFORT_ROOT_USER too`);
  }
}

function warningsOf(
  findings: Findings,
  chosen: ReadonlyMap<SettingName, Candidate>,
  known: KnownSettings,
): string[] {
  const warnings = [...findings.warnings];
  const noEffect = [...findings.noEffect];
  for (const { name, yamlKey, notes } of SETTINGS) {
    const origin = originOf(chosen.get(name));
    if (!notes.noEffectYet || origin === DEFAULT_ORIGIN) continue;
    noEffect.push(origin.includes(":") ? `${yamlKey} (${origin})` : origin);
  }
  if (noEffect.length > 0) {
    warnings.push(`accepted, no effect yet: ${[...new Set(noEffect)].join(", ")}`);
  }
  if (known.rootPassword?.reveal() === DEFAULT_ROOT_PASSWORD) {
    warnings.push(
      "the root password is the default that everybody knows; " +
        "set RINGFORT_ROOT_USER and RINGFORT_ROOT_PASSWORD",
    );
  }
  return warnings;
}

function toHalves(chosen: ReadonlyMap<SettingName, Candidate>) {
  const halves: Record<SettingDefinition["half"], Record<string, unknown>> = {
    cluster: {},
    node: {},
  };
  for (const { name, half } of SETTINGS) {
    const candidate = chosen.get(name);
    if (candidate !== undefined) halves[half][name] = candidate.value;
  }
  return halves;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Words as a shell would split them: white space separates, quotes keep together. */
export function splitWords(text: string): string[] {
  const words = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, "$1$2"));
}

/** Reads a file of settings; the size limit guards against naming a wrong file. */
export function readSettingsFile(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const { size } = statSync(path);
  if (size > CONFIG_BYTES_MAX) throw new Error(`it has ${size} bytes; at most 1MiB is read`);
  return readFileSync(path, "utf8");
}

export function thisMachine(): MachineFacts {
  // Without a limit the runtime reports a number beyond any machine, or 0.
  const constrained = process.constrainedMemory();
  const limited = constrained > 0 && constrained < totalmem();
  return {
    memoryBytes: limited ? constrained : totalmem(),
    processors: availableParallelism(),
    homeFolder: homedir(),
    folderExists: (path) => existsSync(path),
  };
}
