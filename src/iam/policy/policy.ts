/** A policy, checked and ready to be evaluated. `parse-policy.ts` makes it. */
import type { ActionPattern } from "./actions.ts";
import type { Condition } from "./conditions.ts";
import type { Effect } from "./effect.ts";
import type { Principals } from "./principals.ts";
import type { Template } from "./template.ts";

export type PolicyVersion = "2012-10-17" | "2008-10-17";

/** What a list of patterns means: those, or all but those. */
export interface Patterns<Pattern> {
  readonly negated: boolean;
  readonly patterns: readonly Pattern[];
}

export interface Statement {
  /** Position in the document, from 0. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly effect: Effect;
  /** Undefined in policies that belong to an identity. */
  readonly principals: Principals | undefined;
  readonly actions: Patterns<ActionPattern>;
  /** Undefined where there are no resources to choose from: actions of administration. */
  readonly resources: Patterns<Template> | undefined;
  readonly conditions: readonly Condition[];
}

/** Actions whose statements are remembered; there are fewer known actions. */
const ACTIONS_CACHED = 512;

export class Policy {
  readonly version: PolicyVersion;
  readonly id: string | undefined;
  readonly statements: readonly Statement[];
  /** Condition keys that it reads, those of its variables included. */
  readonly keys: ReadonlySet<string>;
  readonly #byAction = new Map<string, readonly Statement[]>();

  constructor(head: Pick<Policy, "version" | "id">, statements: readonly Statement[]) {
    this.version = head.version;
    this.id = head.id;
    this.statements = statements;
    this.keys = new Set(statements.flatMap(keysOf));
  }

  /** It reads a condition key that begins so. */
  readsPrefix(prefix: string): boolean {
    for (const key of this.keys) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** The statements that may apply to an action (in lower case), in order. */
  statementsFor(action: string): readonly Statement[] {
    const known = this.#byAction.get(action);
    if (known !== undefined) return known;
    const found = this.statements.filter(({ actions }) => {
      const named = actions.patterns.some((pattern) => pattern.matches(action));
      return named !== actions.negated;
    });
    if (this.#byAction.size >= ACTIONS_CACHED) this.#byAction.clear();
    this.#byAction.set(action, found);
    return found;
  }
}

function keysOf(statement: Statement): string[] {
  const inConditions = statement.conditions.flatMap(({ key, matchers }) => [
    key,
    ...matchers.flatMap((matcher) => matcher.keys),
  ]);
  const inResources = statement.resources?.patterns.flatMap(({ keys }) => keys) ?? [];
  return [...inConditions, ...inResources];
}
