/**
 * The environment as two layers, RINGFORT_ variables over MINIO_ variables, with MinIO's two ways of
 * keeping values in files: `X_FILE` (container secrets) and a file of KEY=VALUE lines that is laid
 * over the environment (MINIO_CONFIG_ENV_FILE).
 *
 * An unknown RINGFORT_ variable is a problem: a setting that is silently not applied is worse than a
 * server that does not start. An unknown MINIO_ variable is a warning. Empty means not set. Values
 * never appear in messages from here.
 */
import { isAbsolute, join } from "node:path";
import { SETTINGS, type SettingDefinition, type SettingName } from "./catalogue.ts";
import { didYouMean } from "./did-you-mean.ts";
import type { Candidate, Findings, ReadTextFile } from "./findings.ts";
import type { Layer } from "./layer.ts";
import { isServiceLink, standingOf } from "./minio-variables.ts";
import { isWebhookVariable, readWebhookVariables } from "./webhook-targets.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Variables that steer the loading itself; each exists with both prefixes. */
export const STEERING = ["CONFIG", "CONFIG_ENV_FILE", "OPTS"] as const;

/** Where container engines mount secrets; relative `X_FILE` names are looked for here first. */
const SECRETS_FOLDER = "/run/secrets";
/** MinIO's image names these files whether they exist or not. */
const OPTIONAL_FILES = ["access_key", "secret_key", "config.env"];
const ENVIRONMENT_LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/;

/** The value of a steering variable, RINGFORT_ before MINIO_. */
export function steeringValue(
  variables: Variables,
  name: (typeof STEERING)[number],
): Candidate | undefined {
  for (const origin of [`RINGFORT_${name}`, `MINIO_${name}`]) {
    const value = variables[origin];
    if (value !== undefined && value !== "") return { value, origin };
  }
  return undefined;
}

/** The environment with the lines of the environment file, where one is named, laid over it. */
export function withEnvironmentFile(
  variables: Variables,
  readFile: ReadTextFile,
  findings: Findings,
): Variables {
  const named = steeringValue(variables, "CONFIG_ENV_FILE");
  if (named === undefined) return variables;
  const text = readNamedFile(String(named.value), named.origin, { readFile, findings });
  if (text === undefined) return variables;
  const merged: Record<string, string | undefined> = { ...variables };
  text.split(/\r?\n/).forEach((line, index) => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return;
    const match = ENVIRONMENT_LINE.exec(trimmed);
    if (match?.[1] === undefined) {
      findings.problems.push(
        `${named.value}:${index + 1}: this line is not KEY=VALUE; write for example MINIO_ROOT_USER=admin`,
      );
      return;
    }
    merged[match[1]] = unquote((match[2] ?? "").trim());
  });
  return merged;
}

/** The layer of the variables with one prefix. */
export function readVariables(
  variables: Variables,
  prefix: "RINGFORT" | "MINIO",
  modules: { readonly readFile: ReadTextFile; readonly findings: Findings },
): Layer {
  const layer = new Map<SettingName, Candidate>();
  for (const setting of SETTINGS) {
    for (const name of namesOf(setting, prefix)) {
      const candidate = readVariable(variables, name, { setting, ...modules });
      if (candidate !== undefined) {
        layer.set(setting.name, candidate);
        break;
      }
    }
  }
  const webhooks = readWebhookVariables(variables, prefix, modules.findings);
  if (webhooks !== undefined && !layer.has("notifyWebhooks")) layer.set("notifyWebhooks", webhooks);
  return layer;
}

/** Reports variables that are no setting: unknown ones, and MinIO's that have no effect yet. */
export function reportOtherVariables(variables: Variables, findings: Findings): void {
  const known = knownNames();
  const others = Object.keys(variables).filter(
    (name) => !known.has(name) && !isWebhookVariable(name) && variables[name],
  );
  const notInForce: string[] = [];
  for (const name of others) {
    if (name.startsWith("RINGFORT_") && !isServiceLink(name)) {
      findings.problems.push(`unknown variable ${name}${didYouMean(name, known)}`);
    }
    if (!/^_?MINIO_/.test(name)) continue;
    const standing = standingOf(name);
    if (standing === "no-effect") findings.noEffect.push(name);
    if (standing === "not-in-force") notInForce.push(name);
    if (standing === "unknown") {
      findings.warnings.push(`unknown variable ${name} is ignored${didYouMean(name, known)}`);
    }
  }
  if (notInForce.length > 0) {
    findings.warnings.push(
      `NOT in force in this version, although set: ${notInForce.join(", ")}; do not rely on them`,
    );
  }
}

function knownNames(): Set<string> {
  const known = new Set<string>();
  for (const prefix of ["RINGFORT", "MINIO"] as const) {
    for (const name of STEERING) known.add(`${prefix}_${name}`);
    for (const setting of SETTINGS) {
      for (const name of namesOf(setting, prefix)) {
        known.add(name);
        if (setting.notes.fromFile) known.add(`${name}_FILE`);
      }
    }
  }
  return known;
}

/** The spellings of a setting with a prefix: its own name, then MinIO's names for it. */
function namesOf(setting: SettingDefinition, prefix: "RINGFORT" | "MINIO"): string[] {
  const minio = setting.notes.minio ?? [];
  if (prefix === "MINIO") return [...minio];
  const own = minio.map((name) => name.replace(/^MINIO_/, "RINGFORT_"));
  return [...new Set([setting.variable, ...own])];
}

interface VariableModules {
  readonly setting: SettingDefinition;
  readonly readFile: ReadTextFile;
  readonly findings: Findings;
}

function readVariable(
  variables: Variables,
  name: string,
  modules: VariableModules,
): Candidate | undefined {
  const fileVariable = `${name}_FILE`;
  const path = modules.setting.notes.fromFile ? variables[fileVariable] : undefined;
  if (path !== undefined && path !== "") {
    // As in MinIO, the file wins over a value beside it.
    const text = readNamedFile(path, fileVariable, modules)?.trim();
    if (text === "")
      modules.findings.problems.push(`${fileVariable} names ${path}, which is empty`);
    if (text !== undefined && text !== "") return { value: text, origin: fileVariable };
  }
  const value = variables[name];
  if (value === undefined || value === "") return undefined;
  if (!value.startsWith("env://")) return { value, origin: name };
  // MinIO fetches the value from there (its Operator does so); taking the URL as the value is worse
  // than not starting.
  modules.findings.problems.push(`${name} is an env:// URL, which is not fetched; set the value`);
  return undefined;
}

function readNamedFile(
  path: string,
  origin: string,
  modules: { readonly readFile: ReadTextFile; readonly findings: Findings },
): string | undefined {
  try {
    const secret = isAbsolute(path) ? undefined : modules.readFile(join(SECRETS_FOLDER, path));
    const text = secret ?? modules.readFile(path);
    if (text === undefined && !OPTIONAL_FILES.includes(path)) {
      modules.findings.problems.push(`${origin} names ${path}, and there is no such file`);
    }
    return text;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    modules.findings.problems.push(`${origin} names ${path}, which cannot be read: ${reason}`);
    return undefined;
  }
}

function unquote(value: string): string {
  const match = /^(["'])(.*)\1$/.exec(value);
  return match?.[2] ?? value;
}
