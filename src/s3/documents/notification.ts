/**
 * The notification configuration of a bucket. AWS's document, with MinIO's ARNs: a target is named by
 * its id among those of the settings, so no document can make the server connect anywhere else.
 * Queues, topics and functions are read and written back as what they are; to the server each is a
 * target.
 */
import { namesOfEvent } from "../../events/event-names.ts";
import {
  type NotificationConfiguration,
  type NotificationRule,
  NotificationRules,
  overlap,
  RULE_KINDS,
  type RuleKind,
} from "../../events/notification-rules.ts";
import type { Bucket } from "../../object/contract/object-store.ts";
import { invalidArgument, S3Error } from "../s3-error.ts";
import { type XmlWriter, xmlDocument } from "../xml.ts";
import {
  groupsOf,
  leaves,
  optionalGroup,
  parseRoot,
  requiredText,
  textsOf,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";
import { readDocument } from "./document.ts";

export const NOTIFICATION_DOCUMENT = "notification";
export const NOTIFICATION_RULES_MAX = 100;
const RULE_ID_LENGTH_MAX = 255;
const FILTER_BYTES_MAX = 1024;

interface ParseModules {
  knowsTarget(arn: string): boolean;
  /** An id for a rule that came without. */
  mintId(): string;
}

export function parseNotification(
  body: Uint8Array,
  modules: ParseModules,
): NotificationConfiguration {
  const root = parseRoot(body, "NotificationConfiguration");
  const names = RULE_KINDS.map((kind) => `${kind}Configuration`);
  leaves(root, [], [...names, "EventBridgeConfiguration"]);
  if (groupsOf(root, "EventBridgeConfiguration").length > 0) {
    throw new S3Error("UnsupportedNotification");
  }
  const rules = RULE_KINDS.flatMap((kind) =>
    groupsOf(root, `${kind}Configuration`).map((element) => parseRule(kind, element, modules)),
  );
  if (rules.length > NOTIFICATION_RULES_MAX) {
    throw new S3Error("InvalidRequest", {
      message: `A bucket has at most ${NOTIFICATION_RULES_MAX} notification configurations.`,
    });
  }
  checkIds(rules);
  checkOverlap(rules);
  return { rules };
}

function parseRule(
  kind: RuleKind,
  element: XmlElement,
  { knowsTarget, mintId }: ParseModules,
): NotificationRule {
  const fields = leaves(element, ["Id", kind], ["Event", "Filter"]);
  const arn = requiredText(fields, kind).trim();
  if (!knowsTarget(arn)) {
    throw invalidArgument(
      "A specified destination ARN does not exist or is not well-formed. Verify the destination ARN.",
      kind,
      arn,
    );
  }
  const id = fields.get("Id")?.trim() ?? "";
  if (id.length > RULE_ID_LENGTH_MAX) throw invalidArgument("The ID is too long", "Id", id);
  const filter = optionalGroup(element, "Filter");
  return {
    id: id === "" ? mintId() : id,
    kind,
    arn,
    events: parseEvents(textsOf(element, "Event")),
    ...(filter === undefined ? {} : parseFilter(filter)),
  };
}

function parseEvents(texts: readonly string[]): readonly string[] {
  if (texts.length === 0) throw malformedXml();
  const events = texts.map((text) => text.trim());
  for (const event of events) {
    if (namesOfEvent(event) === undefined) {
      throw invalidArgument("The event is not supported for notifications", "Event", event);
    }
  }
  if (new Set(events).size < events.length) {
    throw new S3Error("InvalidArgument", { message: "An event is named more than once." });
  }
  return events;
}

function parseFilter(filter: XmlElement): { readonly prefix?: string; readonly suffix?: string } {
  leaves(filter, [], ["S3Key"]);
  const keyFilter = optionalGroup(filter, "S3Key");
  if (keyFilter === undefined) return {};
  leaves(keyFilter, [], ["FilterRule"]);
  const found: { prefix?: string; suffix?: string } = {};
  for (const rule of groupsOf(keyFilter, "FilterRule")) {
    const fields = leaves(rule, ["Name", "Value"]);
    const text = requiredText(fields, "Name");
    const name = text.trim().toLowerCase();
    if (name !== "prefix" && name !== "suffix") {
      throw invalidArgument(
        "filter rule name must be either prefix or suffix",
        "FilterRule.Name",
        text,
      );
    }
    if (found[name] !== undefined) {
      throw new S3Error("InvalidArgument", {
        message: `Cannot specify more than one ${name} rule in a filter.`,
        details: [["ArgumentName", "FilterRule.Name"]],
      });
    }
    found[name] = checkedValue(fields.get("Value") ?? "");
  }
  return found;
}

function checkedValue(value: string): string {
  if (Buffer.byteLength(value) <= FILTER_BYTES_MAX) return value;
  throw invalidArgument(
    "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
    "FilterRule.Value",
    `${value.slice(0, 64)}…`,
  );
}

function checkIds(rules: readonly NotificationRule[]): void {
  if (new Set(rules.map(({ id }) => id)).size === rules.length) return;
  throw new S3Error("InvalidArgument", { message: "Same ID used for multiple configurations." });
}

function checkOverlap(rules: readonly NotificationRule[]): void {
  for (const [index, one] of rules.entries()) {
    for (const other of rules.slice(index + 1)) {
      if (!overlap(one, other)) continue;
      throw new S3Error("InvalidArgument", {
        message:
          "Configurations overlap. Configurations on the same bucket cannot share a common event " +
          "type for overlapping prefixes and suffixes.",
      });
    }
  }
}

export function renderNotification({ rules }: NotificationConfiguration): string {
  return xmlDocument("NotificationConfiguration", (xml) => {
    for (const rule of rules) {
      xml.group(`${rule.kind}Configuration`, (group) => writeRule(group, rule));
    }
  });
}

function writeRule(xml: XmlWriter, rule: NotificationRule): void {
  xml.element("Id", rule.id);
  xml.element(rule.kind, rule.arn);
  for (const event of rule.events) xml.element("Event", event);
  if (rule.prefix === undefined && rule.suffix === undefined) return;
  xml.group("Filter", (filter) =>
    filter.group("S3Key", (key) => {
      writeFilter(key, "prefix", rule.prefix);
      writeFilter(key, "suffix", rule.suffix);
    }),
  );
}

function writeFilter(xml: XmlWriter, name: string, value: string | undefined): void {
  if (value === undefined) return;
  xml.group("FilterRule", (rule) => {
    rule.element("Name", name);
    rule.element("Value", value);
  });
}

const COMPILED = new WeakMap<Bucket, NotificationRules>();

/** The rules of a bucket, made ready once for each state of it; undefined when it has none. */
export function notificationRulesOf(bucket: Bucket): NotificationRules | undefined {
  if (bucket.documents[NOTIFICATION_DOCUMENT] === undefined) return undefined;
  const known = COMPILED.get(bucket);
  if (known !== undefined) return known;
  const configuration = readDocument<NotificationConfiguration>(bucket, NOTIFICATION_DOCUMENT);
  const rules = new NotificationRules(configuration ?? { rules: [] });
  COMPILED.set(bucket, rules);
  return rules;
}
