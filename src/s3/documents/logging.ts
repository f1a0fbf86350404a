/**
 * The logging configuration of a bucket: where the log of its requests goes, and how the objects of
 * the log are named.
 *
 * Grants to others (TargetGrants) are read and not kept: log objects belong to the owner of the
 * target bucket, whose policy says who may read them.
 */
import { xmlDocument } from "../xml.ts";
import {
  leaves,
  optionalGroup,
  parseChoice,
  parseRoot,
  requiredGroup,
  requiredText,
} from "../xml-fields.ts";
import { malformedXml, type XmlElement } from "../xml-parse.ts";

export const LOGGING_DOCUMENT = "logging";
/** A key that begins so leaves room for the date and a name of its own. */
export const LOG_PREFIX_BYTES_MAX = 800;

const DATE_SOURCES = ["EventTime", "DeliveryTime"] as const;

/** `simple`, or by account, region, bucket and the day of the event or of the delivery. */
export type LogKeyFormat = "simple" | (typeof DATE_SOURCES)[number];

export interface LoggingTarget {
  readonly bucket: string;
  readonly prefix: string;
  readonly keyFormat: LogKeyFormat;
}

/** As it is kept with the bucket. */
export interface LoggingConfiguration extends LoggingTarget {
  readonly updatedMs: number;
}

/** Undefined switches logging off. */
export function parseLogging(body: Uint8Array): LoggingTarget | undefined {
  const root = parseRoot(body, "BucketLoggingStatus");
  leaves(root, [], ["LoggingEnabled"]);
  const enabled = optionalGroup(root, "LoggingEnabled");
  if (enabled === undefined) return undefined;
  const groups = ["TargetGrants", "TargetObjectKeyFormat"];
  const fields = leaves(enabled, ["TargetBucket", "TargetPrefix"], groups);
  optionalGroup(enabled, "TargetGrants");
  const prefix = requiredText(fields, "TargetPrefix");
  if (Buffer.byteLength(prefix) > LOG_PREFIX_BYTES_MAX) throw malformedXml();
  const format = optionalGroup(enabled, "TargetObjectKeyFormat");
  return {
    bucket: requiredText(fields, "TargetBucket").trim(),
    prefix,
    keyFormat: format === undefined ? "simple" : parseKeyFormat(format),
  };
}

function parseKeyFormat(format: XmlElement): LogKeyFormat {
  leaves(format, [], ["SimplePrefix", "PartitionedPrefix"]);
  if (format.children.length !== 1) throw malformedXml();
  const simple = optionalGroup(format, "SimplePrefix");
  if (simple !== undefined) {
    leaves(simple, []);
    return "simple";
  }
  const fields = leaves(requiredGroup(format, "PartitionedPrefix"), ["PartitionDateSource"]);
  return parseChoice(fields.get("PartitionDateSource"), DATE_SOURCES);
}

export function renderLogging(target: LoggingTarget | undefined): string {
  return xmlDocument("BucketLoggingStatus", (xml) => {
    if (target === undefined) return;
    xml.group("LoggingEnabled", (enabled) => {
      enabled.element("TargetBucket", target.bucket);
      enabled.element("TargetPrefix", target.prefix);
      enabled.group("TargetObjectKeyFormat", (format) => {
        if (target.keyFormat === "simple") return format.group("SimplePrefix", () => undefined);
        format.group("PartitionedPrefix", (partitioned) =>
          partitioned.element("PartitionDateSource", target.keyFormat),
        );
      });
    });
  });
}
