import { test } from "tap";
import {
  LOG_PREFIX_BYTES_MAX,
  parseLogging,
  renderLogging,
} from "../../../../src/s3/documents/logging.ts";
import { refusal } from "../refusal.ts";

function parse(inner: string) {
  return parseLogging(Buffer.from(`<BucketLoggingStatus>${inner}</BucketLoggingStatus>`));
}

function enabled(more: string): string {
  return `<LoggingEnabled><TargetBucket>logs</TargetBucket>${more}</LoggingEnabled>`;
}

const PREFIX = "<TargetPrefix>p/</TargetPrefix>";

test("parseLogging: what is rendered is parsed back", async (t) => {
  for (const keyFormat of ["simple", "EventTime", "DeliveryTime"] as const) {
    const target = { bucket: "logs", prefix: "p/", keyFormat };
    t.strictSame(parseLogging(Buffer.from(renderLogging(target))), target);
  }
  t.equal(parseLogging(Buffer.from(renderLogging(undefined))), undefined);
});

test("parseLogging: grants are read and not kept, the format of keys is the simple one", async (t) => {
  const grants = "<TargetGrants><Grant><Permission>READ</Permission></Grant></TargetGrants>";
  t.strictSame(parse(enabled(PREFIX + grants)), {
    bucket: "logs",
    prefix: "p/",
    keyFormat: "simple",
  });
});

test("parseLogging: refuses what it does not understand", async (t) => {
  const format = (inner: string) => `<TargetObjectKeyFormat>${inner}</TargetObjectKeyFormat>`;
  const by = (source: string) =>
    `<PartitionedPrefix><PartitionDateSource>${source}</PartitionDateSource></PartitionedPrefix>`;
  for (const inner of [
    "<Other/>",
    enabled(""),
    enabled(`${PREFIX}<LoggingType>Journal</LoggingType>`),
    enabled(PREFIX + format("")),
    enabled(PREFIX + format(by("Sometime"))),
    enabled(PREFIX + format(`<SimplePrefix/>${by("EventTime")}`)),
    enabled(`<TargetPrefix>${"p".repeat(LOG_PREFIX_BYTES_MAX + 1)}</TargetPrefix>`),
  ]) {
    t.equal(refusal(() => parse(inner)).code, "MalformedXML", inner);
  }
});
