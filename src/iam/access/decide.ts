/**
 * The decision whether a request may happen. Default deny, in this order:
 *
 *   1. An explicit Deny anywhere (own policies, boundaries, bucket policy) denies.
 *   2. Every boundary (policy embedded in a key or session) must allow: it never widens.
 *   3. Within the owner's account one Allow is enough: the caller's own policies, or the bucket
 *      policy naming the caller, or a list that lets everybody in.
 *   4. From another account both sides must allow: the caller's policies, and the bucket's policy or
 *      list. An anonymous caller has only the bucket's side.
 *
 * What comes with a new object (its list, its tags) is asked of the account of the writer, who is going
 * to own it where lists are in use; whether it may be written at all is a question of its own.
 *
 * The operator (the credentials of the settings) owns everything, yet is bound by a Deny of a bucket
 * policy like any owner; and like any owner can always get, put and delete that policy. An owner can
 * let go of this when it puts the policy, the operator cannot.
 */
import type { ConditionValues } from "../policy/condition-values.ts";
import {
  evaluatePolicy,
  type PolicyRequest,
  type PolicyVerdict,
} from "../policy/evaluate-policy.ts";
import type { Statement } from "../policy/policy.ts";
import { type Acl, matchAcl, withoutPublicGrants } from "./acl.ts";
import { aclNeedOf } from "./acl-actions.ts";
import type { BucketAccess } from "./bucket-access.ts";
import type { Caller, NamedPolicy, SignedCaller } from "./caller.ts";

export interface AccessQuestion {
  readonly caller: Caller;
  /** `s3:GetObject` */
  readonly action: string;
  /** The ARN of what it is about: see policy/resources.ts. */
  readonly resource: string;
  readonly values: ConditionValues;
  /** Undefined for what lies in no bucket, and for a bucket that does not exist. */
  readonly bucket: BucketAccess | undefined;
  /** The list of the object, where the action is about one that has been looked up. */
  readonly objectAcl?: Acl | undefined;
  /** It is about something of an object that the caller is about to write. */
  readonly writing?: boolean;
}

export type DecisionReason =
  | "operator"
  | "own-policy"
  | "bucket-policy"
  | "acl"
  /** The new object is the caller's own. */
  | "writer"
  | "explicit-deny"
  /** A boundary does not allow it. */
  | "boundary"
  /** The bucket's side would allow it, but the caller's own account does not. */
  | "not-delegated"
  /** Nothing allows it. */
  | "no-allow";

export interface Decision {
  readonly allowed: boolean;
  readonly reason: DecisionReason;
  /** The policy that decided, "bucket policy" for the bucket's. */
  readonly policy?: string;
  /** The statement that decided, by position and, where it has one, by Sid. */
  readonly statement?: number;
  readonly sid?: string;
}

export const BUCKET_POLICY_NAME = "bucket policy";

export function decide(question: AccessQuestion): Decision {
  const { caller } = question;
  const request: PolicyRequest = {
    caller,
    action: question.action.toLowerCase(),
    resource: question.resource,
    values: question.values,
  };
  const ofBucket = bucketVerdict(request, question);
  if (ofBucket.kind === "denied") return denied(BUCKET_POLICY_NAME, ofBucket.statement);
  const granted = bucketSide(ofBucket, request, question);
  if (caller.kind === "signed") return decideSigned(caller, question, request, granted);
  return granted?.decision ?? (isWriters(question) ? WRITER : NO_ALLOW);
}

function decideSigned(
  caller: SignedCaller,
  question: AccessQuestion,
  request: PolicyRequest,
  granted: BucketGrant | undefined,
): Decision {
  const { bucket } = question;
  const own = ownVerdict(caller, request);
  if (own.denied !== undefined) return own.denied;
  const outside = checkBoundaries(caller, request);
  if (outside !== undefined) return outside;
  if (own.allowed !== undefined && isWriters(question)) return own.allowed;
  const resourceOwner = ownerOf(question);
  if (caller.operator || bucket === undefined || resourceOwner === caller.canonicalId) {
    if (own.allowed !== undefined) return own.allowed;
    return granted === undefined || granted.by === "account" ? NO_ALLOW : granted.decision;
  }
  if (granted === undefined) return NO_ALLOW;
  return own.allowed === undefined ? NOT_DELEGATED : granted.decision;
}

const WRITER: Decision = { allowed: true, reason: "writer" };
const NO_ALLOW: Decision = { allowed: false, reason: "no-allow" };
const NOT_DELEGATED: Decision = { allowed: false, reason: "not-delegated" };
const NO_VERDICT: PolicyVerdict = { kind: "none" };

/** With these the owner gets out of a policy that locks everybody out. */
const RESCUES = new Set(["s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"]);

function bucketVerdict(request: PolicyRequest, { bucket, caller }: AccessQuestion): PolicyVerdict {
  if (bucket?.policy === undefined) return NO_VERDICT;
  const verdict = evaluatePolicy(bucket.policy, request);
  const rescued = verdict.kind === "denied" && RESCUES.has(request.action);
  return rescued && isOwnerRoot(caller, bucket) ? NO_VERDICT : verdict;
}

function isOwnerRoot(caller: Caller, bucket: BucketAccess): boolean {
  if (caller.kind === "anonymous" || !caller.accountRoot) return false;
  if (caller.operator) return true;
  return caller.canonicalId === bucket.owner && bucket.ownerLetGo !== true;
}

/** An object that another account has written belongs to that account, where lists are in use. */
function ownerOf({ bucket, objectAcl }: AccessQuestion): string | undefined {
  if (bucket === undefined) return undefined;
  const listed = bucket.ownership === "BucketOwnerEnforced" ? undefined : objectAcl;
  return listed?.owner ?? bucket.owner;
}

function isWriters({ writing, bucket }: AccessQuestion): boolean {
  return writing === true && bucket !== undefined && bucket.ownership !== "BucketOwnerEnforced";
}

interface BucketGrant {
  readonly decision: Decision;
  readonly by: "account" | "direct";
}

/** What policy and lists of the bucket allow. */
function bucketSide(
  verdict: PolicyVerdict,
  request: PolicyRequest,
  question: AccessQuestion,
): BucketGrant | undefined {
  const { bucket } = question;
  if (bucket === undefined) return undefined;
  // A bucket's policy gives away what belongs to the bucket's owner only.
  if (verdict.kind === "allowed" && ownerOf(question) === bucket.owner) {
    const restricted = bucket.publicAccessBlock.restrictPublicBuckets && bucket.policyIsPublic;
    const outsider =
      question.caller.kind === "anonymous" || question.caller.canonicalId !== bucket.owner;
    if (!restricted || !outsider || isOperator(question.caller)) {
      const decision = allowed("bucket-policy", BUCKET_POLICY_NAME, verdict.statement);
      return { decision, by: verdict.by };
    }
  }
  return aclSide(bucket, request, question);
}

function isOperator(caller: Caller): boolean {
  return caller.kind === "signed" && caller.operator;
}

function aclSide(
  bucket: BucketAccess,
  request: PolicyRequest,
  { caller, objectAcl }: AccessQuestion,
): BucketGrant | undefined {
  if (bucket.ownership === "BucketOwnerEnforced") return undefined;
  const need = aclNeedOf(request.action);
  const acl = need?.list === "object" ? objectAcl : bucket.acl;
  if (need === undefined || acl === undefined) return undefined;
  const inForce = bucket.publicAccessBlock.ignorePublicAcls ? withoutPublicGrants(acl) : acl;
  const canonicalId = caller.kind === "anonymous" ? undefined : caller.canonicalId;
  const match = matchAcl(inForce, { canonicalId }, need.permission);
  if (match === "none") return undefined;
  const decision: Decision = { allowed: true, reason: "acl" };
  return { decision, by: match === "group" ? "direct" : "account" };
}

interface OwnVerdict {
  readonly denied?: Decision;
  readonly allowed?: Decision;
}

function ownVerdict(caller: SignedCaller, request: PolicyRequest): OwnVerdict {
  if (caller.operator && caller.accountRoot) return { allowed: OPERATOR };
  let found: OwnVerdict = {};
  for (const { name, policy, ofAccount } of caller.policies) {
    const verdict = evaluatePolicy(policy, request);
    if (verdict.kind === "denied") return { denied: denied(name, verdict.statement) };
    if (ofAccount === true && !isOfAccounts(request.action)) continue;
    if (verdict.kind === "allowed" && found.allowed === undefined) {
      found = { allowed: allowed("own-policy", name, verdict.statement) };
    }
  }
  // The root of an account may do with its buckets and users what it wants, but does not run the
  // server.
  if (caller.accountRoot && /^(?:s3|iam):/.test(request.action)) return { allowed: ACCOUNT_ROOT };
  return found;
}

/** What accounts may give away: everything but the administration of the server. */
function isOfAccounts(action: string): boolean {
  return /^(?:s3|iam|sts):/.test(action);
}

const OPERATOR: Decision = { allowed: true, reason: "operator" };
const ACCOUNT_ROOT: Decision = { allowed: true, reason: "own-policy", policy: "account root" };

/** Why a boundary stands against it; undefined when every one of them allows it. */
function checkBoundaries(caller: SignedCaller, request: PolicyRequest): Decision | undefined {
  for (const { name, policy } of caller.boundaries) {
    const verdict = evaluatePolicy(policy, request);
    if (verdict.kind === "denied") return denied(name, verdict.statement);
    if (verdict.kind === "none") return { allowed: false, reason: "boundary", policy: name };
  }
  return undefined;
}

function denied(policy: NamedPolicy["name"], statement: Statement): Decision {
  return { allowed: false, reason: "explicit-deny", policy, ...placeOf(statement) };
}

function allowed(reason: DecisionReason, policy: string, statement: Statement): Decision {
  return { allowed: true, reason, policy, ...placeOf(statement) };
}

function placeOf({ index, sid }: Statement): Pick<Decision, "statement" | "sid"> {
  return sid === undefined ? { statement: index } : { statement: index, sid };
}
