/**
 * What a website configuration makes of a request: which key is meant, and where a rule or an object
 * sends the visitor instead. Pure.
 *
 * Rules are taken in order and the first that fits counts, as in AWS: before anything is looked up
 * those without an error code, after a failure those that name its status too.
 */
import type { RoutingRule, WebsiteConfiguration, WebsiteRedirect } from "../documents/website.ts";
import { percentEncode } from "../percent.ts";

export interface Visit {
  /** As asked for: "" for the root of the site. */
  readonly key: string;
  readonly host: string;
  readonly secure: boolean;
  /** Undecoded, without "?". */
  readonly rawQuery: string;
}

export interface Redirect {
  readonly status: number;
  readonly location: string;
}

const MOVED = 301;
const FOUND = 302;

/** The redirect that needs no look-up, if there is one. */
export function redirectBefore(
  configuration: WebsiteConfiguration,
  visit: Visit,
): Redirect | undefined {
  const { redirectAll } = configuration;
  if (redirectAll !== undefined) {
    const origin = originOf(redirectAll, visit);
    return { status: MOVED, location: withQuery(`${origin}/${encodedKey(visit.key)}`, visit) };
  }
  const rule = configuration.rules.find((candidate) => fits(candidate, visit.key, undefined));
  return rule === undefined ? undefined : redirectOf(rule, visit);
}

/** The redirect that a failure with that status leads to. */
export function redirectAfter(
  configuration: WebsiteConfiguration,
  visit: Visit,
  status: number,
): Redirect | undefined {
  if (configuration.redirectAll !== undefined) return undefined;
  const rule = configuration.rules.find((candidate) => fits(candidate, visit.key, status));
  return rule === undefined ? undefined : redirectOf(rule, visit);
}

function fits(rule: RoutingRule, key: string, status: number | undefined): boolean {
  return key.startsWith(rule.keyPrefix ?? "") && rule.errorCode === status;
}

/** The root and each "folder" have an index document. */
export function indexedKey(key: string, indexSuffix: string): string {
  return key === "" || key.endsWith("/") ? `${key}${indexSuffix}` : key;
}

/** To a folder that was asked for without its slash. */
export function folderRedirect({ key, rawQuery }: Visit): Redirect {
  return { status: FOUND, location: withQuery(`/${encodedKey(key)}/`, { rawQuery }) };
}

/** What an object says in `x-amz-website-redirect-location`; undefined when it is no place. */
export function objectRedirect(location: string | undefined): Redirect | undefined {
  if (location === undefined || !isRedirectLocation(location)) return undefined;
  return { status: MOVED, location: encodedText(location) };
}

export function isRedirectLocation(text: string): boolean {
  return /^(?:\/|https?:\/\/)/.test(text);
}

function redirectOf({ keyPrefix = "", redirect }: RoutingRule, visit: Visit): Redirect {
  const location = `${originOf(redirect, visit)}/${targetOf(redirect, keyPrefix, visit.key)}`;
  return { status: redirect.statusCode ?? MOVED, location: withQuery(location, visit) };
}

/** What replaces is taken as written: it may hold a query or a fragment. */
function targetOf(redirect: WebsiteRedirect, keyPrefix: string, key: string): string {
  if (redirect.replaceKey !== undefined) return encodedText(redirect.replaceKey);
  if (redirect.replacePrefix === undefined) return encodedKey(key);
  return encodedText(redirect.replacePrefix) + encodedKey(key.slice(keyPrefix.length));
}

function originOf(
  { hostName, protocol }: { readonly hostName?: string; readonly protocol?: string },
  visit: Visit,
): string {
  return `${protocol ?? (visit.secure ? "https" : "http")}://${hostName ?? visit.host}`;
}

function withQuery(location: string, { rawQuery }: Pick<Visit, "rawQuery">): string {
  return rawQuery === "" || /[?#]/.test(location) ? location : `${location}?${rawQuery}`;
}

function encodedKey(key: string): string {
  return percentEncode(key, true);
}

/** Leaves what may stand in an address, and escapes what may not: blanks, controls, all but ASCII. */
function encodedText(text: string): string {
  return text.replace(/[^\x21-\x7e]+|["<>\\^`{|}]/g, (part) => percentEncode(part));
}
