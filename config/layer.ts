/**
 * One source of settings (the flags, the environment, the YAML file …) read into a common form: for
 * each setting that it names a raw value and where exactly it stands, for error messages and for
 * `config show`.
 */
import type { SettingName } from "./catalogue.ts";
import type { Candidate } from "./findings.ts";

export type Layer = ReadonlyMap<SettingName, Candidate>;
