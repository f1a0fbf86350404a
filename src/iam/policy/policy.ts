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

/** A statement that may apply to a request, judged by action and bucket. */
export interface Candidate {
  readonly statement: Statement;
  /** Its resources, without those that lie elsewhere. */
  readonly patterns: readonly Template[];
}

/** Candidates of a policy that are remembered, lists of none counted as one. */
const CANDIDATES_CACHED_MAX = 4096;

export class Policy {
  readonly version: PolicyVersion;
  readonly id: string | undefined;
  readonly statements: readonly Statement[];
  /** Condition keys that it reads, those of its variables included. */
  readonly keys: ReadonlySet<string>;
  /** By action, then by where the resource lies. */
  readonly #candidates = new Map<string, Map<string, readonly Candidate[]>>();
  #cached = 0;

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

  /**
   * The statements that may apply to an action (in lower case) on a resource, in order. Requests come
   * for few actions and buckets: what was found for both is kept, so that statements about others are
   * not looked at again.
   */
  candidatesFor(action: string, resource: string): readonly Candidate[] {
    const slash = resource.indexOf("/");
    const place = slash < 0 ? resource : resource.slice(0, slash + 1);
    return this.#candidates.get(action)?.get(place) ?? this.#remember(action, place);
  }

  #remember(action: string, place: string): readonly Candidate[] {
    const found = this.statements
      .filter(({ actions }) => {
        const named = actions.patterns.some((pattern) => pattern.matches(action));
        return named !== actions.negated;
      })
      .flatMap((statement) => candidateOf(statement, place) ?? []);
    this.#cached += Math.max(1, found.length);
    if (this.#cached > CANDIDATES_CACHED_MAX) {
      this.#candidates.clear();
      this.#cached = found.length;
    }
    const ofAction = this.#candidates.get(action) ?? new Map<string, readonly Candidate[]>();
    this.#candidates.set(action, ofAction.set(place, found));
    return found;
  }
}

const NO_PATTERNS: readonly Template[] = [];

/** Undefined when it cannot apply to anything at that place. */
function candidateOf(statement: Statement, place: string): Candidate | undefined {
  const { resources } = statement;
  if (resources === undefined) return { statement, patterns: NO_PATTERNS };
  if (resources.negated) return { statement, patterns: resources.patterns };
  const patterns = resources.patterns.filter((pattern) => pattern.mayMatchUnder(place));
  return patterns.length === 0 ? undefined : { statement, patterns };
}

function keysOf(statement: Statement): string[] {
  const inConditions = statement.conditions.flatMap(({ key, matchers }) => [
    key,
    ...matchers.flatMap((matcher) => matcher.keys),
  ]);
  const inResources = statement.resources?.patterns.flatMap(({ keys }) => keys) ?? [];
  return [...inConditions, ...inResources];
}
