/**
 * The slow, obvious twin of `decide`: straight from the text of a policy to yes or no, statement by
 * statement, without compiling, caching or sharing anything with it.
 */

export interface RawStatement {
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly NotResource?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface RawPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly RawStatement[];
}

export interface ObviousCaller {
  readonly account: string;
  readonly canonicalId: string;
  readonly arn: string;
  readonly root: boolean;
  readonly operator: boolean;
  readonly own: readonly RawPolicy[];
  readonly boundaries: readonly RawPolicy[];
}

export interface ObviousAcl {
  readonly owner: string;
  /** Canonical id, "everybody" or "signed" → permissions. */
  readonly grants: ReadonlyArray<readonly [who: string, permission: string]>;
}

export interface ObviousQuestion {
  /** Undefined: anonymous. */
  readonly caller: ObviousCaller | undefined;
  readonly action: string;
  readonly resource: string;
  readonly values: Readonly<Record<string, readonly string[]>>;
  readonly bucket?:
    | {
        readonly owner: string;
        readonly policy: RawPolicy | undefined;
        readonly acl: ObviousAcl | undefined;
        readonly aclsOn: boolean;
        readonly ignorePublicAcls: boolean;
        readonly restricted: boolean;
      }
    | undefined;
  readonly objectAcl?: ObviousAcl | undefined;
}

export function obviouslyAllowed(question: ObviousQuestion): boolean {
  const { caller, bucket } = question;
  const statements = (policies: readonly RawPolicy[], effect: string): RawStatement[] =>
    policies
      .flatMap((policy) => policy.Statement)
      .filter((statement) => statement.Effect === effect && fits(statement, question));
  const ofBucket = bucket?.policy === undefined ? [] : [bucket.policy];

  const rescue =
    /^s3:(get|put|delete)bucketpolicy$/i.test(question.action) &&
    caller?.root === true &&
    (caller.operator || caller.canonicalId === bucket?.owner);
  const denials = statements(ofBucket, "Deny").filter((one) => principalFits(one, caller) !== "no");
  if (denials.length > 0 && !rescue) return false;

  const objectOwner = bucket?.aclsOn ? question.objectAcl?.owner : undefined;
  const owner = objectOwner ?? bucket?.owner;
  const outsider = !caller?.operator && caller?.canonicalId !== bucket?.owner;
  let grants =
    denials.length > 0
      ? []
      : statements(ofBucket, "Allow").map((one) => principalFits(one, caller));
  if (owner !== bucket?.owner || (bucket?.restricted && outsider)) grants = [];
  const byList = bucket?.aclsOn === true ? listed(question) : "no";
  const directly = grants.includes("self") || byList === "group";
  const atAll = directly || grants.includes("account") || byList === "account";

  if (caller === undefined) return directly;
  if (caller.operator && caller.root) {
    return (
      caller.boundaries.every((one) => statements([one], "Allow").length > 0) &&
      statements(caller.boundaries, "Deny").length === 0
    );
  }
  if (statements(caller.own, "Deny").length > 0) return false;
  if (statements(caller.boundaries, "Deny").length > 0) return false;
  if (caller.boundaries.some((one) => statements([one], "Allow").length === 0)) return false;
  const own =
    statements(caller.own, "Allow").length > 0 ||
    (caller.root && question.action.toLowerCase().startsWith("s3:"));
  const inside = caller.operator || bucket === undefined || owner === caller.canonicalId;
  return inside ? own || directly : own && atAll;
}

function listed({
  action,
  bucket,
  objectAcl,
  caller,
}: ObviousQuestion): "no" | "account" | "group" {
  const needs: Record<string, readonly ["bucket" | "object", string]> = {
    "s3:getobject": ["object", "READ"],
    "s3:getobjectacl": ["object", "READ_ACP"],
    "s3:putobject": ["bucket", "WRITE"],
    "s3:listbucket": ["bucket", "READ"],
    "s3:putbucketacl": ["bucket", "WRITE_ACP"],
  };
  const need = needs[action.toLowerCase()];
  if (need === undefined) return "no";
  const acl = need[0] === "object" ? objectAcl : bucket?.acl;
  const who = (acl?.grants ?? [])
    .filter(([, permission]) => permission === need[1] || permission === "FULL_CONTROL")
    .map(([grantee]) => grantee);
  if (!bucket?.ignorePublicAcls) {
    if (who.includes("everybody")) return "group";
    if (who.includes("signed") && caller !== undefined) return "group";
  }
  return caller !== undefined && who.includes(caller.canonicalId) ? "account" : "no";
}

function many(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}

function fits(statement: RawStatement, question: ObviousQuestion): boolean {
  const values = (key: string): readonly string[] | undefined => {
    const name = Object.keys(question.values).find(
      (one) => one.toLowerCase() === key.toLowerCase(),
    );
    return name === undefined ? undefined : question.values[name];
  };
  const filled = (text: string): string | undefined => {
    let missing = false;
    const result = text.replace(/\$\{([^}]*)\}/g, (_, name: string) => {
      const found = values(name);
      if (found?.length !== 1) missing = true;
      // Out of reach of the wildcards that are looked for later.
      return (found?.[0] ?? "").replaceAll("*", "\u0001").replaceAll("?", "\u0002");
    });
    return missing ? undefined : result;
  };
  const like = (pattern: string | undefined, text: string): boolean => {
    if (pattern === undefined) return false;
    if (pattern === "") return text === "";
    const rest = pattern.slice(1);
    if (pattern[0] === "*") {
      return like(rest, text) || (text !== "" && like(pattern, text.slice(1)));
    }
    const wanted = pattern[0] === "\u0001" ? "*" : pattern[0] === "\u0002" ? "?" : pattern[0];
    return text !== "" && (pattern[0] === "?" || wanted === text[0]) && like(rest, text.slice(1));
  };

  const action = question.action.toLowerCase();
  if (statement.Action !== undefined) {
    if (!many(statement.Action).some((one) => like(String(one).toLowerCase(), action)))
      return false;
  } else if (many(statement.NotAction).some((one) => like(String(one).toLowerCase(), action))) {
    return false;
  }
  if (statement.Resource !== undefined) {
    if (!many(statement.Resource).some((one) => like(filled(String(one)), question.resource))) {
      return false;
    }
  } else if (statement.NotResource !== undefined) {
    const patterns = many(statement.NotResource).map((one) => filled(String(one)));
    if (patterns.some((one) => like(one, question.resource))) return false;
    if (statement.Effect === "Allow" && patterns.includes(undefined)) return false;
  }
  for (const [operator, keys] of Object.entries(statement.Condition ?? {})) {
    for (const [key, wanted] of Object.entries(keys)) {
      const texts = many(wanted).map((one) => filled(String(one)));
      if (statement.Effect === "Allow" && texts.includes(undefined)) return false;
      const one = (value: string): boolean =>
        texts.some((text) =>
          operator.includes("Like") ? like(text, value) : literal(text) === value,
        );
      if (!conditionHolds(operator, values(key) ?? [], one, texts)) return false;
    }
  }
  return true;
}

function literal(text: string | undefined): string | undefined {
  return text?.replaceAll("\u0001", "*").replaceAll("\u0002", "?");
}

function conditionHolds(
  operator: string,
  given: readonly string[],
  one: (value: string) => boolean,
  texts: readonly (string | undefined)[],
): boolean {
  switch (operator) {
    case "StringEquals":
    case "StringLike":
    case "Bool":
      return given.some(one);
    case "StringNotEquals":
      return !given.some(one);
    case "StringEqualsIfExists":
      return given.length === 0 || given.some(one);
    case "ForAllValues:StringEquals":
      return given.every(one);
    case "ForAnyValue:StringNotEquals":
      return given.some((value) => !one(value));
    case "Null":
      return texts.includes(String(given.length === 0));
    default:
      throw new Error(`the twin does not know ${operator}`);
  }
}

function principalFits(
  statement: RawStatement,
  caller: ObviousCaller | undefined,
): "no" | "account" | "self" {
  const value = statement.Principal ?? statement.NotPrincipal;
  const names =
    value === "*"
      ? ["*"]
      : Object.values(value as Record<string, unknown>).flatMap((one) => many(one).map(String));
  let found: "no" | "account" | "self" = "no";
  for (const name of names) {
    if (name === "*" || name === caller?.arn) found = "self";
    const account =
      caller !== undefined &&
      (name === caller.account ||
        name === caller.canonicalId ||
        name === `arn:aws:iam::${caller.account}:root`);
    if (account && found === "no") found = caller.root ? "self" : "account";
  }
  if (statement.Principal !== undefined) return found;
  return found === "self" ? "no" : "self";
}
