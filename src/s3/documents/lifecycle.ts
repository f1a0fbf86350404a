/** The lifecycle document. Rules that the executor would not follow to the letter are refused. */

import { DAY_MS } from "../../object/operations/object-lock.ts";
import type {
  LifecycleFilter,
  LifecycleRule,
  LifecycleTag,
} from "../../object/upkeep/lifecycle-rules.ts";
import { formatIsoDate, parseIsoDate } from "../dates.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import {
  groupsOf,
  leaves,
  optionalGroup,
  parseBoolean,
  parseChoice,
  parseInteger,
  parseRoot,
  requiredText,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";
import { checkTags, OBJECT_TAGS_MAX } from "./tagging.ts";

export const LIFECYCLE_RULES_MAX = 1000;
const RULE_ID_LENGTH_MAX = 255;
const NEWER_KEPT_MAX = 100;
const DATE_ONLY = /^\d{4}-\d\d-\d\d$/;

/** `mintId` names rules that come without an id. */
export function parseLifecycle(body: Uint8Array, mintId: () => string): readonly LifecycleRule[] {
  const root = parseRoot(body, "LifecycleConfiguration", "BucketLifecycleConfiguration");
  leaves(root, [], ["Rule"]);
  const rules = groupsOf(root, "Rule").map((rule) => parseRule(rule, mintId));
  if (rules.length === 0 || rules.length > LIFECYCLE_RULES_MAX) throw malformedXml();
  const ids = new Set<string>();
  for (const { id } of rules) {
    if (ids.has(id))
      throw invalidArgument(
        "Rule ID must be unique. Found same ID for more than one rule",
        "ID",
        id,
      );
    ids.add(id);
  }
  return rules;
}

const ACTIONS = [
  "Expiration",
  "NoncurrentVersionExpiration",
  "AbortIncompleteMultipartUpload",
  "DelMarkerExpiration",
];
const TRANSITIONS = ["Transition", "NoncurrentVersionTransition"];

function parseRule(element: XmlElement, mintId: () => string): LifecycleRule {
  const groups = ["Filter", ...ACTIONS, ...TRANSITIONS];
  const fields = leaves(element, ["ID", "Prefix", "Status"], groups);
  const id = fields.get("ID");
  if (id !== undefined && id.length > RULE_ID_LENGTH_MAX) {
    throw invalidArgument(
      `ID length should not exceed allowed limit of ${RULE_ID_LENGTH_MAX}`,
      "ID",
      id,
    );
  }
  const enabled = parseChoice(fields.get("Status"), ["Enabled", "Disabled"]) === "Enabled";
  for (const name of TRANSITIONS) groupsOf(element, name).forEach(refuseTransition);
  if (!element.children.some(({ name }) => ACTIONS.includes(name))) {
    throw new S3Error("InvalidRequest", {
      message: "At least one action needs to be specified in a rule.",
    });
  }
  const noncurrent = optionalGroup(element, "NoncurrentVersionExpiration");
  const abort = optionalGroup(element, "AbortIncompleteMultipartUpload");
  const marker = optionalGroup(element, "DelMarkerExpiration");
  const expiration = optionalGroup(element, "Expiration");
  const rule: LifecycleRule = {
    id: id === undefined || id === "" ? mintId() : id,
    enabled,
    ...parseRuleFilter(element, fields.get("Prefix")),
    ...(expiration === undefined ? {} : { expiration: parseExpiration(expiration) }),
    ...(noncurrent === undefined ? {} : { noncurrent: parseNoncurrent(noncurrent) }),
    ...(abort === undefined ? {} : { abortUploadsDays: daysOf(abort, "DaysAfterInitiation") }),
    ...(marker === undefined ? {} : { markerDays: daysOf(marker, "Days") }),
  };
  checkCombination(rule);
  return rule;
}

/** There are no other storage classes to move objects to. */
function refuseTransition(element: XmlElement): void {
  const fields = leaves(element, [
    "Date",
    "Days",
    "NewerNoncurrentVersions",
    "NoncurrentDays",
    "StorageClass",
  ]);
  const date = fields.get("Date");
  if (date !== undefined) parseDate(date);
  throw new S3Error("InvalidStorageClass", {
    details: [["StorageClassRequested", requiredText(fields, "StorageClass")]],
  });
}

/** What has neither tags nor a size cannot be chosen by them. */
function checkCombination({ filter, abortUploadsDays, expiration }: LifecycleRule): void {
  if (filter.tags !== undefined && abortUploadsDays !== undefined) {
    throw new S3Error("InvalidRequest", {
      message: "AbortIncompleteMultipartUpload cannot be specified with Tags.",
    });
  }
  if (filter.tags !== undefined && expiration?.loneMarkers === true) {
    throw new S3Error("InvalidRequest", {
      message: "ExpiredObjectDeleteMarker cannot be specified with Tags.",
    });
  }
}

function parseRuleFilter(
  rule: XmlElement,
  prefix: string | undefined,
): Pick<LifecycleRule, "filter" | "filterForm"> {
  const element = optionalGroup(rule, "Filter");
  if (element === undefined) {
    return prefix === undefined
      ? { filter: {}, filterForm: "none" }
      : { filter: { prefix }, filterForm: "prefix" };
  }
  if (prefix !== undefined) throw malformedXml();
  const and = optionalGroup(element, "And");
  // Several conditions without And can mean nothing but that all of them are to hold.
  if (and === undefined) return { filter: parseFilter(element), filterForm: "filter" };
  if (element.children.length > 1) throw malformedXml();
  return { filter: parseFilter(and), filterForm: "and" };
}

function parseFilter(element: XmlElement): LifecycleFilter {
  const fields = leaves(
    element,
    ["Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"],
    ["Tag"],
  );
  const tags = groupsOf(element, "Tag").map(parseTag);
  const prefix = fields.get("Prefix");
  const above = fields.get("ObjectSizeGreaterThan");
  const below = fields.get("ObjectSizeLessThan");
  const bytesAbove = above === undefined ? undefined : parseSize(above);
  const bytesBelow = below === undefined ? undefined : parseSize(below);
  if (bytesAbove !== undefined && bytesBelow !== undefined && bytesAbove >= bytesBelow) {
    throw new S3Error("InvalidRequest", {
      message: "The ObjectSizeLessThan value must be greater than the ObjectSizeGreaterThan value.",
    });
  }
  return {
    ...(prefix === undefined ? {} : { prefix }),
    ...(tags.length === 0 ? {} : { tags: checkTags(tags, OBJECT_TAGS_MAX) }),
    ...(bytesAbove === undefined ? {} : { bytesAbove }),
    ...(bytesBelow === undefined ? {} : { bytesBelow }),
  };
}

function parseTag(element: XmlElement): LifecycleTag {
  const fields = leaves(element, ["Key", "Value"]);
  return { key: requiredText(fields, "Key"), value: requiredText(fields, "Value") };
}

function parseSize(text: string): number {
  const digits = text.trim();
  if (!/^\d{1,15}$/.test(digits)) throw malformedXml();
  return Number(digits);
}

function parseExpiration(element: XmlElement): NonNullable<LifecycleRule["expiration"]> {
  const fields = leaves(element, [
    "Date",
    "Days",
    "ExpiredObjectAllVersions",
    "ExpiredObjectDeleteMarker",
  ]);
  const days = fields.get("Days");
  const date = fields.get("Date");
  const markers = fields.get("ExpiredObjectDeleteMarker");
  const given = [days, date, markers].filter((text) => text !== undefined);
  if (given.length !== 1) throw malformedXml();
  const allVersions = parseBoolean(fields.get("ExpiredObjectAllVersions"));
  if (allVersions && days === undefined) throw malformedXml();
  return {
    ...(days === undefined ? {} : { days: positiveDays(days, "Days") }),
    ...(date === undefined ? {} : { dateMs: parseDate(date) }),
    ...(markers === undefined ? {} : { loneMarkers: parseBoolean(markers) }),
    ...(allVersions ? { allVersions } : {}),
  };
}

function parseNoncurrent(element: XmlElement): NonNullable<LifecycleRule["noncurrent"]> {
  const fields = leaves(element, ["NoncurrentDays", "NewerNoncurrentVersions"]);
  const days = fields.get("NoncurrentDays");
  const newer = fields.get("NewerNoncurrentVersions");
  if (days === undefined && newer === undefined) throw malformedXml();
  const newerKept = newer === undefined ? undefined : parseInteger(newer);
  if (newerKept !== undefined && (newerKept < 1 || newerKept > NEWER_KEPT_MAX)) {
    throw invalidArgument(
      `'NewerNoncurrentVersions' must be a positive integer up to ${NEWER_KEPT_MAX}`,
      "NewerNoncurrentVersions",
      newer ?? "",
    );
  }
  return {
    ...(days === undefined ? {} : { days: positiveDays(days, "NoncurrentDays") }),
    ...(newerKept === undefined ? {} : { newerKept }),
  };
}

function daysOf(element: XmlElement, name: string): number {
  return positiveDays(requiredText(leaves(element, [name]), name), name);
}

function positiveDays(text: string, name: string): number {
  const days = parseInteger(text);
  if (days > 0) return days;
  throw invalidArgument(`'${name}' for the action must be a positive integer`, name, text);
}

/** Midnight UTC of an ISO date, with or without the time. */
function parseDate(text: string): number {
  const trimmed = text.trim();
  const dateMs = parseIsoDate(DATE_ONLY.test(trimmed) ? `${trimmed}T00:00:00Z` : trimmed);
  if (dateMs === undefined) throw malformedXml();
  if (dateMs % DAY_MS !== 0) {
    throw invalidArgument("'Date' must be at midnight GMT", "Date", trimmed);
  }
  return dateMs;
}

export function renderLifecycle(rules: readonly LifecycleRule[]): string {
  return xmlDocument("LifecycleConfiguration", (xml) => {
    for (const rule of rules) xml.group("Rule", (entry) => writeRule(entry, rule));
  });
}

function writeRule(xml: XmlWriter, rule: LifecycleRule): void {
  xml.element("ID", rule.id);
  if (rule.filterForm === "prefix") xml.element("Prefix", rule.filter.prefix ?? "");
  else if (rule.filterForm !== "none") {
    xml.group("Filter", (filter) => {
      if (rule.filterForm === "and") filter.group("And", (and) => writeFilter(and, rule.filter));
      else writeFilter(filter, rule.filter);
    });
  }
  xml.element("Status", rule.enabled ? "Enabled" : "Disabled");
  const { expiration, noncurrent, abortUploadsDays, markerDays } = rule;
  if (expiration !== undefined) {
    xml.group("Expiration", (entry) => {
      entry.optional("Days", expiration.days);
      if (expiration.dateMs !== undefined) entry.element("Date", formatIsoDate(expiration.dateMs));
      entry.optional("ExpiredObjectDeleteMarker", expiration.loneMarkers);
      entry.optional("ExpiredObjectAllVersions", expiration.allVersions);
    });
  }
  if (noncurrent !== undefined) {
    xml.group("NoncurrentVersionExpiration", (entry) => {
      entry.optional("NoncurrentDays", noncurrent.days);
      entry.optional("NewerNoncurrentVersions", noncurrent.newerKept);
    });
  }
  if (abortUploadsDays !== undefined) {
    xml.group("AbortIncompleteMultipartUpload", (entry) =>
      entry.element("DaysAfterInitiation", abortUploadsDays),
    );
  }
  if (markerDays !== undefined) {
    xml.group("DelMarkerExpiration", (entry) => entry.element("Days", markerDays));
  }
}

function writeFilter(xml: XmlWriter, filter: LifecycleFilter): void {
  xml.optional("Prefix", filter.prefix);
  for (const { key, value } of filter.tags ?? []) {
    xml.group("Tag", (tag) => {
      tag.element("Key", key);
      tag.element("Value", value);
    });
  }
  xml.optional("ObjectSizeGreaterThan", filter.bytesAbove);
  xml.optional("ObjectSizeLessThan", filter.bytesBelow);
}
