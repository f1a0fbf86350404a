/**
 * The CORS configuration of a bucket, and the rule of it that a request meets. As in AWS the first
 * rule decides that allows the origin, the method and every header asked for.
 */
import { S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import { groupsOf, leaves, parseInteger, parseRoot, textsOf } from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";

export const CORS_DOCUMENT = "cors";
export const CORS_RULES_MAX = 100;
const RULE_ID_LENGTH_MAX = 255;
const METHODS: ReadonlySet<string> = new Set(["GET", "PUT", "HEAD", "POST", "DELETE"]);

export interface CorsRule {
  readonly id?: string;
  readonly allowedOrigins: readonly string[];
  readonly allowedMethods: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
}

export interface CorsConfiguration {
  readonly rules: readonly CorsRule[];
}

export function parseCors(body: Uint8Array): CorsConfiguration {
  const root = parseRoot(body, "CORSConfiguration");
  leaves(root, [], ["CORSRule"]);
  const rules = groupsOf(root, "CORSRule").map(parseRule);
  if (rules.length === 0 || rules.length > CORS_RULES_MAX) throw malformedXml();
  return { rules };
}

const LISTS = ["AllowedOrigin", "AllowedMethod", "AllowedHeader", "ExposeHeader"];

function parseRule(rule: XmlElement): CorsRule {
  const fields = leaves(rule, ["ID", "MaxAgeSeconds"], LISTS);
  const id = fields.get("ID");
  const maxAge = fields.get("MaxAgeSeconds");
  const allowedOrigins = textsOf(rule, "AllowedOrigin");
  const allowedMethods = textsOf(rule, "AllowedMethod");
  const allowedHeaders = textsOf(rule, "AllowedHeader");
  const exposeHeaders = textsOf(rule, "ExposeHeader");
  if (allowedOrigins.length === 0 || allowedMethods.length === 0) throw malformedXml();
  if (id !== undefined && id.length > RULE_ID_LENGTH_MAX) throw malformedXml();
  for (const method of allowedMethods) {
    if (!METHODS.has(method)) {
      throw invalidRequest(
        `Found unsupported HTTP method in CORS config. Unsupported method is ${method}`,
      );
    }
  }
  checkWildcards("AllowedOrigin", allowedOrigins);
  checkWildcards("AllowedHeader", allowedHeaders);
  for (const header of exposeHeaders) {
    if (!header.includes("*")) continue;
    throw invalidRequest(
      `ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  const maxAgeSeconds = maxAge === undefined ? undefined : parseInteger(maxAge);
  return {
    ...(id === undefined ? {} : { id }),
    allowedOrigins,
    allowedMethods,
    allowedHeaders,
    exposeHeaders,
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  };
}

function checkWildcards(element: string, patterns: readonly string[]): void {
  for (const pattern of patterns) {
    if (pattern.split("*").length <= 2) continue;
    throw invalidRequest(`${element} "${pattern}" can not have more than one wildcard.`);
  }
}

function invalidRequest(message: string): S3Error {
  return new S3Error("InvalidRequest", { message });
}

export function renderCors({ rules }: CorsConfiguration): string {
  return xmlDocument("CORSConfiguration", (xml) => {
    for (const rule of rules) xml.group("CORSRule", (entry) => writeRule(entry, rule));
  });
}

function writeRule(xml: XmlWriter, rule: CorsRule): void {
  xml.optional("ID", rule.id);
  writeAll(xml, "AllowedOrigin", rule.allowedOrigins);
  writeAll(xml, "AllowedMethod", rule.allowedMethods);
  writeAll(xml, "AllowedHeader", rule.allowedHeaders);
  writeAll(xml, "ExposeHeader", rule.exposeHeaders);
  xml.optional("MaxAgeSeconds", rule.maxAgeSeconds);
}

function writeAll(xml: XmlWriter, name: string, values: readonly string[]): void {
  for (const value of values) xml.element(name, value);
}

export interface CorsRequest {
  readonly origin: string;
  readonly method: string;
  /** Asked for by a preflight; lower case. */
  readonly headers: readonly string[];
}

/** The rule that allows the request, if one does. */
export function findCorsRule(
  { rules }: CorsConfiguration,
  request: CorsRequest,
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.allowedOrigins.some((pattern) => matchesOneWildcard(pattern, request.origin)) &&
      rule.allowedMethods.includes(request.method) &&
      request.headers.every((header) =>
        rule.allowedHeaders.some((pattern) => matchesOneWildcard(pattern.toLowerCase(), header)),
      ),
  );
}

/** `*` stands for anything, also for nothing, and is there at most once. */
function matchesOneWildcard(pattern: string, text: string): boolean {
  const at = pattern.indexOf("*");
  if (at < 0) return pattern === text;
  const tail = pattern.slice(at + 1);
  return (
    text.length >= pattern.length - 1 &&
    text.startsWith(pattern.slice(0, at)) &&
    text.endsWith(tail)
  );
}

type HeaderPair = readonly [name: string, value: string];

/** What an answer under the rule tells the browser. */
export function corsHeaders(rule: CorsRule, request: CorsRequest): HeaderPair[] {
  const anyOrigin = rule.allowedOrigins.includes("*");
  const headers: HeaderPair[] = [
    ["Access-Control-Allow-Origin", anyOrigin ? "*" : request.origin],
    ["Access-Control-Allow-Methods", rule.allowedMethods.join(", ")],
  ];
  if (request.headers.length > 0) {
    headers.push(["Access-Control-Allow-Headers", request.headers.join(", ")]);
  }
  if (rule.exposeHeaders.length > 0) {
    headers.push(["Access-Control-Expose-Headers", rule.exposeHeaders.join(", ")]);
  }
  if (rule.maxAgeSeconds !== undefined) {
    headers.push(["Access-Control-Max-Age", String(rule.maxAgeSeconds)]);
  }
  if (!anyOrigin) headers.push(["Access-Control-Allow-Credentials", "true"]);
  return headers;
}
