/** The XML documents of object lock: a bucket's configuration, retention and legal hold. */
import {
  type DefaultRetention,
  LOCK_MODES,
  type LockConfiguration,
  type Retention,
} from "../../object/operations/object-lock.ts";
import { formatIsoDate, parseIsoDate } from "../dates.ts";
import { S3Error } from "../s3-error.ts";
import { xmlDocument } from "../xml.ts";
import {
  leaves,
  optionalGroup,
  parseChoice,
  parseInteger,
  parseRoot,
  requiredGroup,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";

/** A century; AWS says no more than that it is bounded. */
export const RETENTION_DAYS_MAX = 36_500;
export const RETENTION_YEARS_MAX = 100;

export function parseLockConfiguration(body: Uint8Array): LockConfiguration {
  const root = parseRoot(body, "ObjectLockConfiguration");
  const fields = leaves(root, ["ObjectLockEnabled"], ["Rule"]);
  if (fields.get("ObjectLockEnabled")?.trim() !== "Enabled") throw malformedXml();
  const rule = optionalGroup(root, "Rule");
  if (rule === undefined) return {};
  leaves(rule, [], ["DefaultRetention"]);
  return { defaultRetention: parseDefaultRetention(requiredGroup(rule, "DefaultRetention")) };
}

function parseDefaultRetention(element: XmlElement): DefaultRetention {
  const fields = leaves(element, ["Mode", "Days", "Years"]);
  const mode = parseChoice(fields.get("Mode"), LOCK_MODES);
  const days = fields.get("Days");
  const years = fields.get("Years");
  if ((days === undefined) === (years === undefined)) throw malformedXml();
  const count = parseInteger(days ?? years ?? "");
  const unit = days === undefined ? "years" : "days";
  if (count <= 0 || count > (unit === "days" ? RETENTION_DAYS_MAX : RETENTION_YEARS_MAX)) {
    throw new S3Error("InvalidRetentionPeriod", {
      message:
        count <= 0
          ? `Default retention period must be a positive integer value for '${unit === "days" ? "Days" : "Years"}'`
          : `Default retention period too large for '${unit === "days" ? "Days" : "Years"}'`,
    });
  }
  return { mode, unit, count };
}

export function renderLockConfiguration(configuration: LockConfiguration): string {
  const { defaultRetention } = configuration;
  return xmlDocument("ObjectLockConfiguration", (xml) => {
    xml.element("ObjectLockEnabled", "Enabled");
    if (defaultRetention === undefined) return;
    xml.group("Rule", (rule) => {
      rule.group("DefaultRetention", (retention) => {
        retention.element("Mode", defaultRetention.mode);
        retention.element(
          defaultRetention.unit === "days" ? "Days" : "Years",
          defaultRetention.count,
        );
      });
    });
  });
}

/** Undefined: an empty document takes the retention away. Whether the date is ahead is not judged. */
export function parseRetention(body: Uint8Array): Retention | undefined {
  const root = parseRoot(body, "Retention");
  const fields = leaves(root, ["Mode", "RetainUntilDate"]);
  if (fields.size === 0) return undefined;
  const mode = parseChoice(fields.get("Mode"), LOCK_MODES);
  const untilMs = parseIsoDate(fields.get("RetainUntilDate")?.trim() ?? "");
  if (untilMs === undefined) throw malformedXml();
  return { mode, untilMs };
}

export function renderRetention(retention: Retention): string {
  return xmlDocument("Retention", (xml) => {
    xml.element("Mode", retention.mode);
    xml.element("RetainUntilDate", formatIsoDate(retention.untilMs));
  });
}

export function parseLegalHold(body: Uint8Array): "ON" | "OFF" {
  const root = parseRoot(body, "LegalHold");
  return parseChoice(leaves(root, ["Status"]).get("Status"), ["ON", "OFF"]);
}

export function renderLegalHold(held: boolean): string {
  return xmlDocument("LegalHold", (xml) => xml.element("Status", held ? "ON" : "OFF"));
}
