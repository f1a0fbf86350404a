/**
 * The settings of config/schema.ts as one list, with the three spellings of each name. Everything
 * that goes over all settings (loading, documentation, `config show`) goes over this list.
 */
import type { z } from "zod";
import {
  type ClusterSettings,
  clusterSchema,
  type NodeSettings,
  nodeSchema,
  type SettingNotes,
  settingNotes,
} from "./schema.ts";

export type SettingName = keyof ClusterSettings | keyof NodeSettings;
export type SettingHalf = "cluster" | "node";

export interface SettingDefinition {
  readonly name: SettingName;
  readonly half: SettingHalf;
  /** In the YAML file: inline-bytes-max. */
  readonly yamlKey: string;
  /** In the environment: RINGFORT_INLINE_BYTES_MAX. */
  readonly variable: string;
  readonly schema: z.ZodType;
  readonly notes: SettingNotes;
}

export const SETTINGS: readonly SettingDefinition[] = [
  ...definitionsOf("cluster", clusterSchema.shape),
  ...definitionsOf("node", nodeSchema.shape),
];

export function settingByName(name: SettingName): SettingDefinition {
  const found = SETTINGS.find((setting) => setting.name === name);
  if (found === undefined) throw new Error(`assertion failed: no setting ${name}`);
  return found;
}

function definitionsOf<Name extends SettingName>(
  half: SettingHalf,
  shape: Readonly<Record<Name, z.ZodType>>,
): SettingDefinition[] {
  return Object.entries<z.ZodType>(shape).map(([key, schema]) => {
    const notes = settingNotes.get(schema);
    if (notes === undefined) throw new Error(`assertion failed: setting ${key} has no notes`);
    const words = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const variable = `RINGFORT_${words.replaceAll("-", "_").toUpperCase()}`;
    // The keys of a schema's shape are its setting names; Object.entries widens them to string.
    return { name: key as Name, half, yamlKey: words, variable, schema, notes };
  });
}
