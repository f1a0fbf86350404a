/** What sources of settings are made of and what reading one finds, before any setting is known. */

/** What a source may give for a setting before it is understood. */
export type RawValue = string | number | boolean | readonly string[];

export interface Candidate {
  readonly value: RawValue;
  /** As a person would look for it: `--address`, `RINGFORT_ADDRESS`, `/etc/ringfort.yaml:3`. */
  readonly origin: string;
}

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
