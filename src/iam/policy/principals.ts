/**
 * The Principal and NotPrincipal elements of a bucket policy: everyone, accounts, single users.
 *
 * Naming an account hands the decision over to it: its root is meant itself, its users only as far
 * as their own policies go ("account"). Naming a user means that user ("direct").
 */
import type { Effect } from "./effect.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json-reader.ts";
import { PolicyError } from "./policy-error.ts";

/** Who asks, as far as principals are concerned. */
export type PolicyCaller =
  | { readonly kind: "anonymous" }
  /** A part of this server that acts for a bucket's owner, such as "logging.s3.amazonaws.com". */
  | { readonly kind: "service"; readonly service: string }
  | {
      readonly kind: "signed";
      readonly accountId: string;
      readonly canonicalId: string;
      /** Every ARN that means this caller, the preferred one first. */
      readonly arns: readonly string[];
      /** Stands for its whole account. */
      readonly accountRoot: boolean;
    };

export type PrincipalMatch = "none" | "account" | "direct";

export interface PrincipalSet {
  readonly everyone: boolean;
  readonly accountIds: ReadonlySet<string>;
  readonly canonicalIds: ReadonlySet<string>;
  readonly arns: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

export class Principals {
  readonly #set: PrincipalSet;
  readonly #negated: boolean;

  constructor(set: PrincipalSet, negated: boolean) {
    this.#set = set;
    this.#negated = negated;
  }

  /** It means anybody at all, or anybody but a few. */
  get open(): boolean {
    return this.#set.everyone !== this.#negated;
  }

  match(caller: PolicyCaller, effect: Effect): PrincipalMatch {
    if (caller.kind === "service") return this.#matchService(caller.service, effect);
    const named = matchSet(this.#set, caller);
    if (!this.#negated) return named;
    // An account on the list exempts its root only: each user must be named as well.
    return named === "direct" ? "none" : "direct";
  }

  /** "Everybody" lets no service in, which must be named, but keeps services out like anybody. */
  #matchService(service: string, effect: Effect): PrincipalMatch {
    const named = this.#set.services.has(service);
    if (effect === "Allow") return named && !this.#negated ? "direct" : "none";
    return (named || this.#set.everyone) !== this.#negated ? "direct" : "none";
  }
}

type Requester = Exclude<PolicyCaller, { readonly kind: "service" }>;

function matchSet(set: PrincipalSet, caller: Requester): PrincipalMatch {
  if (set.everyone) return "direct";
  if (caller.kind === "anonymous") return "none";
  if (caller.arns.some((arn) => set.arns.has(arn))) return "direct";
  const account = set.accountIds.has(caller.accountId) || set.canonicalIds.has(caller.canonicalId);
  if (!account) return "none";
  return caller.accountRoot ? "direct" : "account";
}

/** Throws PolicyError. */
export function parsePrincipals(
  value: JsonValue,
  { negated, effect }: { readonly negated: boolean; readonly effect: Effect },
): Principals {
  const target = {
    effect,
    everyone: false,
    accountIds: new Set<string>(),
    canonicalIds: new Set<string>(),
    arns: new Set<string>(),
    services: new Set<string>(),
  };
  if (value === "*") return new Principals({ ...target, everyone: true }, negated);
  if (!isJsonObject(value) || value.size === 0) throw invalid(value);
  for (const [kind, names] of value) addPrincipals(target, kind, textsOf(names, value));
  return new Principals(target, negated);
}

interface PrincipalTarget {
  readonly effect: Effect;
  everyone: boolean;
  readonly accountIds: Set<string>;
  readonly canonicalIds: Set<string>;
  readonly arns: Set<string>;
  readonly services: Set<string>;
}

const ACCOUNT_ID = /^\d{12}$/;
const CANONICAL_ID = /^[0-9a-f]{64}$/;
const ACCOUNT_ARN = /^arn:aws[a-z-]*:iam::(\d{12}):root$/;
const NAMED_ACCOUNT_ARN = /^arn:aws[a-z-]*:iam::[\w+=,.@-]+:(?:root|user\/[\w+=,.@/-]+)$/;
/** The account may be left out: then the first one of this deployment is meant. */
const PRINCIPAL_ARN =
  /^arn:aws[a-z-]*:(?:iam::(?:\d{12})?:(?:user|role)|sts::(?:\d{12})?:(?:assumed-role|federated-user))\/[\w+=,.@/:-]+$/;

function addPrincipals(target: PrincipalTarget, kind: string, names: readonly string[]): void {
  for (const name of names) {
    switch (kind) {
      case "AWS":
        addAws(target, name);
        break;
      case "CanonicalUser":
        if (!CANONICAL_ID.test(name)) throw invalid(name);
        target.canonicalIds.add(name);
        break;
      case "Service":
        target.services.add(name);
        break;
      case "Federated":
        // Understood, and nobody here: such a principal never sends a request.
        break;
      default:
        throw new PolicyError(`Invalid principal in policy - ${kind}`);
    }
  }
}

function addAws(target: PrincipalTarget, name: string): void {
  const account = ACCOUNT_ID.test(name) ? name : ACCOUNT_ARN.exec(name)?.[1];
  if (name === "*") target.everyone = true;
  else if (account !== undefined) target.accountIds.add(account);
  else if (PRINCIPAL_ARN.test(name)) target.arns.add(name);
  // Other servers name accounts; such a one is nobody here, so an Allow for it lets nobody in.
  else if (target.effect === "Allow" && NAMED_ACCOUNT_ARN.test(name)) return;
  else throw invalid(name);
}

function textsOf(names: JsonValue, whole: JsonObject): string[] {
  const list = Array.isArray(names) ? (names as readonly JsonValue[]) : [names];
  if (list.length === 0) throw invalid(whole);
  return list.map((name) => {
    if (typeof name !== "string" || name === "") throw invalid(name);
    return name;
  });
}

function invalid(value: JsonValue): PolicyError {
  const shown = typeof value === "string" ? ` - ${value}` : "";
  return new PolicyError(`Invalid principal in policy${shown}`);
}
