/**
 * The website configuration of a bucket: index and error documents, redirects, routing rules. What
 * they do to a request is in `website-routing.ts`.
 */
import { S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import {
  groupsOf,
  leaves,
  optionalGroup,
  parseChoice,
  parseInteger,
  parseRoot,
  requiredGroup,
  requiredText,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";

export const WEBSITE_DOCUMENT = "website";
export const ROUTING_RULES_MAX = 50;

const PROTOCOLS = ["http", "https"] as const;
type Protocol = (typeof PROTOCOLS)[number];

export interface WebsiteRedirect {
  readonly hostName?: string;
  readonly protocol?: Protocol;
  readonly statusCode?: number;
  readonly replaceKey?: string;
  readonly replacePrefix?: string;
}

export interface RoutingRule {
  readonly keyPrefix?: string;
  readonly errorCode?: number;
  readonly redirect: WebsiteRedirect;
}

export type WebsiteConfiguration =
  | { readonly redirectAll: { readonly hostName: string; readonly protocol?: Protocol } }
  | {
      readonly redirectAll?: undefined;
      readonly indexSuffix: string;
      readonly errorKey?: string;
      readonly rules: readonly RoutingRule[];
    };

export function parseWebsite(body: Uint8Array): WebsiteConfiguration {
  const root = parseRoot(body, "WebsiteConfiguration");
  leaves(root, [], ["RedirectAllRequestsTo", "IndexDocument", "ErrorDocument", "RoutingRules"]);
  const all = optionalGroup(root, "RedirectAllRequestsTo");
  if (all !== undefined) {
    if (root.children.length > 1) throw malformedXml();
    const fields = leaves(all, ["HostName", "Protocol"]);
    const protocol = parseProtocol(fields.get("Protocol"));
    const hostName = checkedHost(requiredText(fields, "HostName"));
    return { redirectAll: { hostName, ...(protocol === undefined ? {} : { protocol }) } };
  }
  const index = optionalGroup(root, "IndexDocument");
  if (index === undefined) {
    throw new S3Error("InvalidArgument", {
      message:
        "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
      details: [["ArgumentName", "IndexDocument"]],
    });
  }
  const indexSuffix = requiredText(leaves(index, ["Suffix"]), "Suffix");
  if (indexSuffix === "" || indexSuffix.includes("/")) {
    throw new S3Error("InvalidArgument", {
      message: "The IndexDocument Suffix is not well formed",
      details: [["ArgumentName", "IndexDocument"]],
    });
  }
  const error = optionalGroup(root, "ErrorDocument");
  const rules = optionalGroup(root, "RoutingRules");
  return {
    indexSuffix,
    ...(error === undefined ? {} : { errorKey: requiredText(leaves(error, ["Key"]), "Key") }),
    rules: rules === undefined ? [] : parseRules(rules),
  };
}

function parseRules(element: XmlElement): readonly RoutingRule[] {
  leaves(element, [], ["RoutingRule"]);
  const rules = groupsOf(element, "RoutingRule").map(parseRule);
  if (rules.length > ROUTING_RULES_MAX) {
    throw new S3Error("InvalidRequest", {
      message: `${rules.length} routing rules provided, the number of routing rules in a website configuration is limited to ${ROUTING_RULES_MAX}.`,
    });
  }
  return rules;
}

function parseRule(element: XmlElement): RoutingRule {
  leaves(element, [], ["Condition", "Redirect"]);
  const condition = optionalGroup(element, "Condition");
  const fields =
    condition === undefined
      ? new Map<string, string>()
      : leaves(condition, ["KeyPrefixEquals", "HttpErrorCodeReturnedEquals"]);
  if (condition !== undefined && fields.size === 0) throw malformedXml();
  const keyPrefix = fields.get("KeyPrefixEquals");
  const errorCode = fields.get("HttpErrorCodeReturnedEquals");
  return {
    ...(keyPrefix === undefined ? {} : { keyPrefix }),
    ...(errorCode === undefined ? {} : { errorCode: parseStatus(errorCode, 400, 599) }),
    redirect: parseRedirect(requiredGroup(element, "Redirect")),
  };
}

function parseRedirect(element: XmlElement): WebsiteRedirect {
  const fields = leaves(element, [
    "HostName",
    "HttpRedirectCode",
    "Protocol",
    "ReplaceKeyPrefixWith",
    "ReplaceKeyWith",
  ]);
  if (fields.size === 0) throw malformedXml();
  const host = fields.get("HostName");
  const hostName = host === undefined ? undefined : checkedHost(host);
  const protocol = parseProtocol(fields.get("Protocol"));
  const code = fields.get("HttpRedirectCode");
  const replaceKey = fields.get("ReplaceKeyWith");
  const replacePrefix = fields.get("ReplaceKeyPrefixWith");
  if (replaceKey !== undefined && replacePrefix !== undefined) {
    throw new S3Error("InvalidRequest", {
      message: "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
    });
  }
  return {
    ...(hostName === undefined ? {} : { hostName }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(code === undefined ? {} : { statusCode: parseStatus(code, 301, 399) }),
    ...(replaceKey === undefined ? {} : { replaceKey }),
    ...(replacePrefix === undefined ? {} : { replacePrefix }),
  };
}

/** It becomes a part of an address, and must not become another. */
function checkedHost(text: string): string {
  const host = text.trim();
  if (/^[!-~]{1,255}$/.test(host) && !/[/?#@\\<>"]/.test(host)) return host;
  throw new S3Error("InvalidRequest", { message: "The provided HostName is not valid." });
}

function parseStatus(text: string, minimum: number, maximum: number): number {
  const status = parseInteger(text);
  if (status < minimum || status > maximum) {
    throw new S3Error("InvalidRequest", {
      message: `The provided HTTP status (${status}) is not valid. Valid codes are ${minimum} to ${maximum}.`,
    });
  }
  return status;
}

function parseProtocol(text: string | undefined): Protocol | undefined {
  return text === undefined ? undefined : parseChoice(text, PROTOCOLS);
}

export function renderWebsite(configuration: WebsiteConfiguration): string {
  return xmlDocument("WebsiteConfiguration", (xml) => {
    if (configuration.redirectAll !== undefined) {
      const { hostName, protocol } = configuration.redirectAll;
      xml.group("RedirectAllRequestsTo", (all) => {
        all.element("HostName", hostName);
        all.optional("Protocol", protocol);
      });
      return;
    }
    const { indexSuffix, errorKey, rules } = configuration;
    xml.group("IndexDocument", (index) => index.element("Suffix", indexSuffix));
    if (errorKey !== undefined)
      xml.group("ErrorDocument", (error) => error.element("Key", errorKey));
    if (rules.length > 0) {
      xml.group("RoutingRules", (list) => {
        for (const rule of rules) list.group("RoutingRule", (entry) => writeRule(entry, rule));
      });
    }
  });
}

function writeRule(xml: XmlWriter, { keyPrefix, errorCode, redirect }: RoutingRule): void {
  if (keyPrefix !== undefined || errorCode !== undefined) {
    xml.group("Condition", (condition) => {
      condition.optional("KeyPrefixEquals", keyPrefix);
      condition.optional("HttpErrorCodeReturnedEquals", errorCode);
    });
  }
  xml.group("Redirect", (target) => {
    target.optional("Protocol", redirect.protocol);
    target.optional("HostName", redirect.hostName);
    target.optional("ReplaceKeyPrefixWith", redirect.replacePrefix);
    target.optional("ReplaceKeyWith", redirect.replaceKey);
    target.optional("HttpRedirectCode", redirect.statusCode);
  });
}
