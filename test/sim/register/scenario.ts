/** What one run of the simulator gives back, and what every scenario has in common. */
import type { MembershipHazards } from "../../../cluster/register/drive-membership.ts";
import type { RegisterHazards } from "../../../cluster/register/hazards.ts";
import type { AcceptorHazards } from "./acceptor.ts";
import type { Operation } from "./linearizability.ts";

export interface ScenarioOptions {
  readonly engine: RegisterHazards;
  readonly acceptor: AcceptorHazards;
  readonly membership: MembershipHazards;
  readonly slowFlush: boolean;
  readonly collectTombstones: boolean;
  readonly trace: boolean;
}

export interface ScenarioResult {
  /** One history per key. */
  readonly histories: readonly Operation[][];
  readonly trace: readonly string[];
}
