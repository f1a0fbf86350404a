/**
 * The condition keys of one request, each computed here from one named source. A key that a header
 * may feed is fed by that header alone; the keys that the server computes (who, from where, when, how
 * signed) never look at a header of the same name, so nobody can send a `Sourceip` or `Username`.
 *
 * The source address is the peer's of the connection. What a forwarding header claims is not
 * believed.
 */

import type { HttpHeaders } from "../../http/headers.ts";
import type { HttpRequest } from "../../http/request.ts";
import type { Caller } from "../../iam/access/caller.ts";
import type { ConditionValues } from "../../iam/policy/condition-values.ts";
import type { SignatureForm } from "../auth/auth-result.ts";
import { formatIsoDate, parseAmzDate, parseHttpDate, parseIsoDate } from "../dates.ts";
import { percentDecode } from "../percent.ts";
import type { QueryParameters } from "../query.ts";

export interface RequestFacts {
  readonly caller: Caller;
  readonly auth: { readonly kind: "anonymous" } | ({ readonly kind: "signed" } & SignatureForm);
  readonly connection: Pick<HttpRequest, "remoteAddress" | "secure">;
  /** The request's headers, and those a presigned URL carries. */
  readonly headers: HttpHeaders;
  readonly query: QueryParameters;
  readonly nowMs: number;
  readonly region: string | undefined;
}

type Values = readonly string[] | undefined;

export class RequestValues implements ConditionValues {
  readonly #facts: RequestFacts;
  /** Found out later: tags of the object, what the body says. */
  readonly #known: ReadonlyMap<string, readonly string[]>;

  /** Keys, or their beginnings, that only what was found out later may answer. */
  readonly #settled: readonly string[];

  constructor(
    facts: RequestFacts,
    known: ReadonlyMap<string, readonly string[]> = NOTHING_KNOWN,
    settled: readonly string[] = [],
  ) {
    this.#facts = facts;
    this.#known = known;
    this.#settled = settled;
  }

  get nowMs(): number {
    return this.#facts.nowMs;
  }

  get(key: string): Values {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#settled.some((settled) => key.startsWith(settled))) return undefined;
    const compute = COMPUTED.get(key);
    if (compute !== undefined) return compute(this.#facts);
    if (key.startsWith(REQUEST_TAG)) return requestTag(this.#facts, key.slice(REQUEST_TAG.length));
    return undefined;
  }

  /** The same request, writing something that other headers describe. */
  describedBy(headers: HttpHeaders): RequestValues {
    return new RequestValues({ ...this.#facts, headers }, this.#known, this.#settled);
  }

  /**
   * The same with what the server has found out. For the `settled` keys that is all there is: no
   * header speaks for them any more, also where nothing was found.
   */
  with(
    found: ReadonlyMap<string, readonly string[]>,
    settled: readonly string[] = [],
  ): RequestValues {
    const known = new Map([...this.#known, ...found]);
    return new RequestValues(this.#facts, known, [...this.#settled, ...settled]);
  }
}

const NOTHING_KNOWN: ReadonlyMap<string, readonly string[]> = new Map();
const REQUEST_TAG = "s3:requestobjecttag/";

function one(value: string | undefined): Values {
  return value === undefined ? undefined : [value];
}

function header(name: string): [string, (facts: RequestFacts) => Values] {
  return [`s3:${name}`, ({ headers }) => one(headers.get(name))];
}

/** Headers that are condition keys under their own names. */
const HEADER_KEYS = [
  "if-match",
  "if-none-match",
  "x-amz-acl",
  "x-amz-content-sha256",
  "x-amz-grant-full-control",
  "x-amz-grant-read",
  "x-amz-grant-read-acp",
  "x-amz-grant-write",
  "x-amz-grant-write-acp",
  "x-amz-metadata-directive",
  "x-amz-object-ownership",
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
  "x-amz-server-side-encryption-customer-algorithm",
  "x-amz-storage-class",
  "x-amz-website-redirect-location",
] as const;

const COMPUTED: ReadonlyMap<string, (facts: RequestFacts) => Values> = new Map([
  ["aws:sourceip", ({ connection }) => [connection.remoteAddress]],
  ["aws:securetransport", ({ connection }) => [String(connection.secure)]],
  ["aws:currenttime", ({ nowMs }) => [formatIsoDate(nowMs)]],
  ["aws:epochtime", ({ nowMs }) => [String(Math.floor(nowMs / 1000))]],
  ["aws:useragent", ({ headers }) => one(headers.get("user-agent"))],
  ["aws:referer", ({ headers }) => one(headers.get("referer"))],
  ["aws:requestedregion", ({ region }) => one(region)],
  ["aws:username", ({ caller }) => (caller.kind === "signed" ? one(userName(caller)) : undefined)],
  ["aws:userid", ({ caller }) => (caller.kind === "signed" ? [caller.userId] : ["anonymous"])],
  [
    "aws:principalarn",
    ({ caller }) => (caller.kind === "signed" ? one(caller.arns[0]) : undefined),
  ],
  [
    "aws:principalaccount",
    ({ caller }) => (caller.kind === "signed" ? [caller.accountId] : undefined),
  ],
  ["aws:principaltype", ({ caller }) => [principalType(caller)]],
  ["aws:principalisawsservice", () => ["false"]],
  ["aws:viaawsservice", () => ["false"]],
  ["s3:authtype", ({ auth }) => authType(auth)],
  ["s3:signatureversion", ({ auth }) => one(signatureOf(auth))],
  ["s3:signatureage", (facts) => signatureAge(facts)],
  ["s3:prefix", ({ query }) => one(query.get("prefix"))],
  ["s3:delimiter", ({ query }) => one(query.get("delimiter"))],
  ["s3:max-keys", ({ query }) => one(query.get("max-keys"))],
  ["s3:versionid", ({ query }) => one(query.get("versionId"))],
  ["s3:x-amz-copy-source", ({ headers }) => copySource(headers)],
  ["s3:object-lock-mode", ({ headers }) => one(headers.get("x-amz-object-lock-mode"))],
  ["s3:object-lock-legal-hold", ({ headers }) => one(headers.get("x-amz-object-lock-legal-hold"))],
  ["s3:object-lock-retain-until-date", ({ headers }) => one(headers.get(RETAIN_UNTIL))],
  ["s3:object-lock-remaining-retention-days", (facts) => remainingDays(facts)],
  ["s3:requestobjecttagkeys", (facts) => requestTags(facts)?.map(([name]) => name)],
  ...HEADER_KEYS.map(header),
]);

const SIGNATURES = { 2: "AWS", 4: "AWS4-HMAC-SHA256" } as const;
const RETAIN_UNTIL = "x-amz-object-lock-retain-until-date";
const DAY_MS = 86_400_000;

/** As in AWS the root of an account has no user name. */
function userName(caller: Extract<Caller, { kind: "signed" }>): string | undefined {
  return caller.accountRoot && !caller.operator ? undefined : caller.userName;
}

function principalType(caller: Caller): string {
  if (caller.kind === "anonymous") return "Anonymous";
  return caller.accountRoot ? "Account" : "User";
}

function signatureOf(auth: RequestFacts["auth"]): string | undefined {
  return auth.kind === "signed" ? SIGNATURES[auth.signatureVersion] : undefined;
}

function authType(auth: RequestFacts["auth"]): Values {
  if (auth.kind !== "signed") return undefined;
  const { via } = auth;
  return [via === "form" ? "POST" : via === "query" ? "REST-QUERY-STRING" : "REST-HEADER"];
}

/** Milliseconds since the signature was made. */
function signatureAge({ auth, headers, query, nowMs }: RequestFacts): Values {
  if (auth.kind !== "signed") return undefined;
  const text =
    auth.via === "query"
      ? query.get("X-Amz-Date")
      : (headers.get("x-amz-date") ?? headers.get("date"));
  const madeMs = parseAmzDate(text ?? "") ?? parseHttpDate(text ?? "");
  return madeMs === undefined ? undefined : [String(Math.max(0, nowMs - madeMs))];
}

/** `bucket/key` and `/bucket/key`, decoded: policies are written either way, and so is the header. */
function copySource(headers: HttpHeaders): Values {
  const text = headers.get("x-amz-copy-source");
  const path =
    text === undefined ? undefined : percentDecode(text.split("?", 1)[0] ?? "", "literal");
  if (path === undefined) return undefined;
  const bare = path.startsWith("/") ? path.slice(1) : path;
  return [bare, `/${bare}`];
}

function remainingDays({ headers, nowMs }: RequestFacts): Values {
  return retentionDays(headers.get(RETAIN_UNTIL), nowMs);
}

/** Whole days from now until then, as `s3:object-lock-remaining-retention-days` counts. */
export function retentionDays(until: string | undefined, nowMs: number): Values {
  const untilMs = until === undefined ? undefined : parseIsoDate(until);
  return untilMs === undefined ? undefined : [String(Math.ceil((untilMs - nowMs) / DAY_MS))];
}

function requestTags({ headers }: RequestFacts): ReturnType<typeof tagsOf> {
  return tagsOf(headers.get("x-amz-tagging"));
}

/** `x-amz-tagging`, as sent or as stored, in pairs; undefined when there is none. */
export function tagsOf(text: string | undefined): Array<readonly [string, string]> | undefined {
  return text
    ?.split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const at = pair.indexOf("=");
      const name = at < 0 ? pair : pair.slice(0, at);
      return [decodeTag(name), at < 0 ? "" : decodeTag(pair.slice(at + 1))] as const;
    });
}

/** What cannot be decoded is refused when the header is read; here it stands for itself. */
function decodeTag(text: string): string {
  return percentDecode(text, "space") ?? text;
}

function requestTag(facts: RequestFacts, key: string): Values {
  const found = requestTags(facts)?.filter(([name]) => name === key);
  return found === undefined || found.length === 0 ? undefined : found.map(([, value]) => value);
}
