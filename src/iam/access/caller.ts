/** Who sends a request, with everything that decides what the caller may do. */
import type { Policy } from "../policy/policy.ts";
import type { PolicyCaller } from "../policy/principals.ts";

/** A policy with the name it is explained by. */
export interface NamedPolicy {
  readonly name: string;
  readonly policy: Policy;
  /** Written by an account: what it allows ends at what accounts have. It runs no server. */
  readonly ofAccount?: boolean;
}

export type AnonymousCaller = Extract<PolicyCaller, { readonly kind: "anonymous" }>;

export type SignedCaller = Extract<PolicyCaller, { readonly kind: "signed" }> & {
  /** The credentials of the settings, or a key of theirs: not bound to what accounts own. */
  readonly operator: boolean;
  /** `aws:username`. */
  readonly userName: string;
  /** `aws:userid`. */
  readonly userId: string;
  /** The caller's own and those of its groups: any of them may allow. */
  readonly policies: readonly NamedPolicy[];
  /** Embedded in the access key or the session: every one of them must allow. */
  readonly boundaries: readonly NamedPolicy[];
};

export type Caller = AnonymousCaller | SignedCaller;

export const ANONYMOUS: AnonymousCaller = { kind: "anonymous" };
