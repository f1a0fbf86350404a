/** What a node knows of itself, for those who ask how it does. Types only. */
import type { HealthState } from "../health.ts";

export interface NodeFacts {
  readonly version: string;
  readonly startedMs: number;
  /** Of the whole deployment. */
  readonly deploymentId: string;
  readonly region: string | undefined;
  /** Where it listens for clients: host and port. */
  readonly endpoint: string;
  /** Where events can be sent: ARNs, as notification rules name them. */
  readonly targets: readonly string[];
  /** Drives that hold one object. */
  stripeDrives(): number;
  drives(): readonly OwnDrive[];
  health(): HealthState;
}

export interface OwnDrive {
  readonly id: string;
  readonly path: string;
  readonly online: boolean;
  readonly totalBytes: number;
  readonly freeBytes: number;
}
