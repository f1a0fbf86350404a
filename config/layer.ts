/**
 * One source of settings (the flags, the environment, the YAML file …) read into a common form: for
 * each setting that it names a raw value and where exactly it stands, for error messages and for
 * `config show`.
 */
import type { SettingName } from "./catalogue.ts";
import type { RawValue } from "./setting-kinds.ts";

export interface Candidate {
  readonly value: RawValue;
  /** As a person would look for it: `--address`, `RINGFORT_ADDRESS`, `/etc/ringfort.yaml:3`. */
  readonly origin: string;
}

export type Layer = ReadonlyMap<SettingName, Candidate>;

/** What reading a source found besides values. */
export interface Findings {
  /** Each stops the start. */
  readonly problems: string[];
  /** Each is logged once. */
  readonly warnings: string[];
  /** Names that are understood but have no effect yet; reported together. */
  readonly noEffect: string[];
}

export function createFindings(): Findings {
  return { problems: [], warnings: [], noEffect: [] };
}

/** Files as a collaborator. Undefined when there is no such file; any other failure throws. */
export type ReadTextFile = (path: string) => string | undefined;
