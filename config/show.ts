/** The effective settings as text for `ringfort config show`: value and origin, secrets hidden. */
import { formatBytesText } from "./bytes-text.ts";
import { SETTINGS, type SettingDefinition } from "./catalogue.ts";
import { formatDurationText } from "./duration-text.ts";
import type { Origins } from "./load.ts";
import type { Settings } from "./schema.ts";
import { HIDDEN, Secret } from "./secret.ts";

const HALVES = [
  ["cluster", "# cluster: equal on every node"],
  ["node", "# node: this process"],
] as const;

/** One line a setting: `name = value   # origin`, cluster half first. */
export function showSettings(settings: Settings, origins: Origins): string {
  const blocks = HALVES.map(([half, title]) => {
    const values: Readonly<Record<string, unknown>> = settings[half];
    const lines = SETTINGS.filter((setting) => setting.half === half).map((setting) => {
      const left = `${setting.yamlKey} = ${valueText(setting, values[setting.name])}`;
      return `${left.padEnd(44)}  # ${origins.get(setting.name) ?? "default"}`;
    });
    return [title, ...lines].join("\n");
  });
  return blocks.join("\n\n");
}

function valueText(setting: SettingDefinition, value: unknown): string {
  if (setting.notes.secret || value instanceof Secret) return HIDDEN;
  if (value === undefined) return "(none)";
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "number") return numberText(setting, value);
  if (Array.isArray(value)) return value.length === 0 ? "(none)" : value.join(" ");
  if (typeof value === "object" && value !== null) return objectText(value);
  return String(value);
}

/** Sizes and durations are numbers by now; the example of the setting shows which it is. */
function numberText({ notes }: SettingDefinition, value: number): string {
  if (/[KMGT]i?B$/.test(notes.example)) return formatBytesText(value);
  return /\ds$/.test(notes.example) ? formatDurationText(value) : String(value);
}

function objectText(value: object): string {
  if ("parity" in value) return `EC:${value.parity}`;
  if ("host" in value && "port" in value) {
    const host = String(value.host);
    return `${host.includes(":") ? `[${host}]` : host}:${value.port}`;
  }
  return JSON.stringify(value);
}
