/**
 * From the text of a policy to the policy, as strictly as the grammar allows: whatever is not
 * understood is refused, because a policy that is only half understood allows too much.
 *
 * Kinds: an identity policy says what its holder may do; a bucket policy says who may do what with
 * the bucket; a session policy narrows what a session may do.
 */
import { ActionPattern } from "./actions.ts";
import { type Condition, checkVariable, parseConditions } from "./conditions.ts";
import type { Effect } from "./effect.ts";
import { isJsonObject, type JsonObject, type JsonValue, readJson } from "./json-reader.ts";
import { type Patterns, Policy, type PolicyVersion, type Statement } from "./policy.ts";
import { PolicyError } from "./policy-error.ts";
import { type Principals, parsePrincipals } from "./principals.ts";
import { checkBucketResources, isResourceArn } from "./resources.ts";
import { Template } from "./template.ts";

/** As AWS for bucket policies and MinIO for all. */
export const POLICY_BYTES_MAX = 20 * 1024;
/** Policies within the credentials of an access key. */
export const EMBEDDED_POLICY_BYTES_MAX = 4096;
export const SESSION_POLICY_BYTES_MAX = 2048;
export const POLICY_STATEMENTS_MAX = 500;
/** The grammar needs six: document, statements, statement, block, operator, values. */
export const POLICY_DEPTH_MAX = 8;

export type PolicyKind =
  | { readonly kind: "identity" }
  | { readonly kind: "embedded" }
  | { readonly kind: "session" }
  | { readonly kind: "bucket"; readonly bucket: string };

const BYTES_MAX: Readonly<Record<PolicyKind["kind"], number>> = {
  identity: POLICY_BYTES_MAX,
  embedded: EMBEDDED_POLICY_BYTES_MAX,
  session: SESSION_POLICY_BYTES_MAX,
  bucket: POLICY_BYTES_MAX,
};

/** Throws PolicyError, whose message is what the writer of the policy should read. */
export function parsePolicy(text: string, kind: PolicyKind): Policy {
  const bytesMax = BYTES_MAX[kind.kind];
  if (Buffer.byteLength(text) > bytesMax) {
    throw new PolicyError(`Policy document is larger than ${bytesMax} bytes`);
  }
  if (!text.trimStart().startsWith("{")) {
    throw new PolicyError("Policies must be valid JSON and the first byte must be '{'");
  }
  const root = readJson(text, POLICY_DEPTH_MAX);
  if (!isJsonObject(root)) throw new PolicyError("Policy document must be an object");
  checkFields(root, DOCUMENT_FIELDS);
  const version = parseVersion(root.get("Version"));
  const id = optionalText(root, "Id") ?? optionalText(root, "ID");
  const items = listOf(required(root, "Statement"));
  if (items.length === 0) {
    throw new PolicyError("Could not parse the policy: Statement is empty!");
  }
  if (items.length > POLICY_STATEMENTS_MAX) {
    throw new PolicyError(`A policy has at most ${POLICY_STATEMENTS_MAX} statements`);
  }
  const statements = items.map((item, index) => parseStatement(item, { index, kind, version }));
  return new Policy({ version, id }, statements);
}

/** MinIO writes "ID". */
const DOCUMENT_FIELDS = new Set(["Version", "Id", "ID", "Statement"]);
const STATEMENT_FIELDS = new Set([
  "Sid",
  "Effect",
  "Principal",
  "NotPrincipal",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
]);

function parseVersion(value: JsonValue | undefined): PolicyVersion {
  // Without a version AWS goes by the older one, and so may a document written for it.
  if (value === undefined || value === "") return "2008-10-17";
  if (value === "2012-10-17" || value === "2008-10-17") return value;
  throw new PolicyError("The policy must contain a valid version string");
}

interface StatementPlace {
  readonly index: number;
  readonly kind: PolicyKind;
  readonly version: PolicyVersion;
}

function parseStatement(value: JsonValue, place: StatementPlace): Statement {
  if (!isJsonObject(value)) throw new PolicyError("Statement must be an object");
  checkFields(value, STATEMENT_FIELDS);
  const { index, kind } = place;
  const syntax = { variables: place.version === "2012-10-17" };
  const effect = parseEffect(required(value, "Effect"));
  const principals = readPrincipals(value, { kind, effect });
  const actions = parseActions(value);
  const lenient = kind.kind === "bucket" && effect === "Allow";
  const resources = parseResources(value, { ...syntax, lenient }, actions);
  const condition = value.get("Condition");
  const conditions: readonly Condition[] =
    condition === undefined ? [] : parseConditions(condition, syntax);
  if (kind.kind === "bucket") checkBucketResources(kind.bucket, { effect, actions, resources });
  const sid = optionalText(value, "Sid");
  return { index, sid, effect, principals, actions, resources, conditions };
}

function parseEffect(value: JsonValue): Effect {
  if (value === "Allow" || value === "Deny") return value;
  throw new PolicyError(`Invalid effect : ${typeof value === "string" ? value : "not a text"}`);
}

function readPrincipals(
  statement: JsonObject,
  { kind, effect }: { readonly kind: PolicyKind; readonly effect: Effect },
): Principals | undefined {
  const named = oneOf(statement, "Principal", "NotPrincipal");
  if (kind.kind !== "bucket") {
    if (named === undefined) return undefined;
    throw new PolicyError("Policy document should not specify a principal.");
  }
  if (named === undefined) throw new PolicyError("Missing required field Principal");
  if (named.negated && effect === "Allow") {
    throw new PolicyError("Allow with NotPrincipal is not allowed.");
  }
  return parsePrincipals(named.value, { negated: named.negated, effect });
}

function parseActions(statement: JsonObject): Patterns<ActionPattern> {
  const named = oneOf(statement, "Action", "NotAction");
  if (named === undefined) throw new PolicyError("Missing required field Action");
  const patterns = textsOf(named.value, "action").map((text) => new ActionPattern(text));
  return { negated: named.negated, patterns };
}

/** Services whose actions are about no resource. */
const RESOURCE_FREE = new Set(["admin", "sts", "kms"]);

function parseResources(
  statement: JsonObject,
  { variables, lenient }: { readonly variables: boolean; readonly lenient: boolean },
  actions: Patterns<ActionPattern>,
): Patterns<Template> | undefined {
  const services = new Set(actions.patterns.flatMap((pattern) => [...pattern.services]));
  const free = !actions.negated && [...services].every((service) => RESOURCE_FREE.has(service));
  const named = oneOf(statement, "Resource", "NotResource");
  if (named === undefined) {
    if (free) return undefined;
    // Without a resource it allows nothing.
    if (lenient) return { negated: false, patterns: [] };
    throw new PolicyError("Missing required field Resource");
  }
  const patterns = textsOf(named.value, "resource").map((text) => {
    if (!isResourceArn(text)) throw new PolicyError(`Policy has invalid resource - ${text}`);
    const template = new Template(text, { wildcards: true, variables });
    for (const key of template.keys) checkVariable(key);
    return template;
  });
  // MinIO's policies write S3 resources beside actions of administration, which have none.
  if (free && !services.has("kms")) return undefined;
  return { negated: named.negated, patterns };
}

/** Exactly one of an element and its negation, or neither. */
function oneOf(
  statement: JsonObject,
  positive: string,
  negative: string,
): { readonly value: JsonValue; readonly negated: boolean } | undefined {
  const value = statement.get(positive);
  const opposite = statement.get(negative);
  if (value !== undefined && opposite !== undefined) {
    throw new PolicyError(`Statement has both ${positive} and ${negative}`);
  }
  if (value !== undefined) return { value, negated: false };
  return opposite === undefined ? undefined : { value: opposite, negated: true };
}

function textsOf(value: JsonValue, what: string): string[] {
  const list = listOf(value);
  if (list.length === 0) throw new PolicyError(`Policy has invalid ${what} - an empty list`);
  return list.map((item) => {
    if (typeof item === "string" && item !== "") return item;
    throw new PolicyError(`Policy has invalid ${what} - not a text`);
  });
}

function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value];
}

function required(object: JsonObject, field: string): JsonValue {
  const value = object.get(field);
  if (value === undefined) throw new PolicyError(`Missing required field ${field}`);
  return value;
}

function optionalText(object: JsonObject, field: string): string | undefined {
  const value = object.get(field);
  if (value === undefined || typeof value === "string") return value;
  throw new PolicyError(`The field ${field} must be a text`);
}

function checkFields(object: JsonObject, known: ReadonlySet<string>): void {
  for (const field of object.keys()) {
    if (!known.has(field)) throw new PolicyError(`Unknown field ${field}`);
  }
}
