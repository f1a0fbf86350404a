/** Notification documents: what is read, what is written back, and everything that is refused. */
import fc from "fast-check";
import { test } from "tap";
import type { EventName } from "../../../../src/events/event-names.ts";
import {
  eventFilter,
  matchesFilter,
  type NotificationRule,
  overlap,
} from "../../../../src/events/notification-rules.ts";
import {
  NOTIFICATION_RULES_MAX,
  parseNotification,
  renderNotification,
} from "../../../../src/s3/documents/notification.ts";
import { refusal } from "../refusal.ts";

const ARN = "arn:minio:sqs::A:webhook";

function parse(inner: string) {
  let minted = 0;
  const body = Buffer.from(`<NotificationConfiguration>${inner}</NotificationConfiguration>`);
  return parseNotification(body, {
    knowsTarget: (arn) => arn === ARN,
    mintId: () => {
      minted += 1;
      return `minted-${minted}`;
    },
  });
}

function queue(inner: string, arn = ARN): string {
  return `<QueueConfiguration><Queue>${arn}</Queue>${inner}</QueueConfiguration>`;
}

function filter(...rules: ReadonlyArray<readonly [name: string, value: string]>): string {
  const list = rules.map(
    ([name, value]) => `<FilterRule><Name>${name}</Name><Value>${value}</Value></FilterRule>`,
  );
  return `<Filter><S3Key>${list.join("")}</S3Key></Filter>`;
}

const PUT = "<Event>s3:ObjectCreated:Put</Event>";
const DELETE = "<Event>s3:ObjectRemoved:Delete</Event>";

test("parseNotification: the three kinds, ids that are missing, filters in any case", async (t) => {
  const configuration = parse(
    queue(`<Id>one</Id>${PUT}${filter(["Prefix", "in/"], ["suffix", ".jpg"])}`) +
      `<TopicConfiguration><Topic>${ARN}</Topic>${DELETE}</TopicConfiguration>` +
      `<CloudFunctionConfiguration><CloudFunction>${ARN}</CloudFunction><Event>s3:ObjectTagging:*</Event></CloudFunctionConfiguration>`,
  );
  t.strictSame(configuration.rules, [
    {
      id: "one",
      kind: "Queue",
      arn: ARN,
      events: ["s3:ObjectCreated:Put"],
      prefix: "in/",
      suffix: ".jpg",
    },
    { id: "minted-1", kind: "Topic", arn: ARN, events: ["s3:ObjectRemoved:Delete"] },
    { id: "minted-2", kind: "CloudFunction", arn: ARN, events: ["s3:ObjectTagging:*"] },
  ]);
  const again = renderNotification(configuration);
  t.strictSame(
    parseNotification(Buffer.from(again), { knowsTarget: () => true, mintId: () => "x" }),
    configuration,
  );
  t.strictSame(parse("").rules, []);
});

test("parseNotification: refuses what it cannot keep", async (t) => {
  const refused: ReadonlyArray<readonly [inner: string, code: string]> = [
    [queue(PUT, "arn:aws:sqs:us-east-1:1:q"), "InvalidArgument"],
    [queue(PUT, "http://169.254.169.254/"), "InvalidArgument"],
    [queue(""), "MalformedXML"],
    [queue("<Event>s3:ObjectCreated:Nothing</Event>"), "InvalidArgument"],
    [queue("<Event>s3:TestEvent</Event>"), "InvalidArgument"],
    [queue(PUT + PUT), "InvalidArgument"],
    [queue(PUT + filter(["middle", "x"])), "InvalidArgument"],
    [queue(PUT + filter(["prefix", "a"], ["Prefix", "b"])), "InvalidArgument"],
    [queue(PUT + filter(["prefix", "é".repeat(513)])), "InvalidArgument"],
    [queue(`<Id>${"i".repeat(256)}</Id>${PUT}`), "InvalidArgument"],
    [queue(`<Id>a</Id>${PUT}`) + queue(`<Id>a</Id>${DELETE}`), "InvalidArgument"],
    [queue(PUT) + queue("<Event>s3:ObjectCreated:*</Event>"), "InvalidArgument"],
    [queue(PUT) + queue(PUT + filter(["suffix", ".jpg"])), "InvalidArgument"],
    [queue(`<Topic>${ARN}</Topic>${PUT}`), "MalformedXML"],
    [`<QueueConfiguration>${PUT}</QueueConfiguration>`, "MalformedXML"],
    [queue(`${PUT}<Filter><S3Tag/></Filter>`), "MalformedXML"],
    ["<EventBridgeConfiguration/>", "UnsupportedNotification"],
    ["<Other/>", "MalformedXML"],
  ];
  for (const [inner, code] of refused)
    t.equal(refusal(() => parse(inner)).code, code, inner.slice(0, 120));
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => queue(PUT + filter(["prefix", `${index}/`]))).join(
      "",
    );
  t.equal(parse(many(NOTIFICATION_RULES_MAX)).rules.length, NOTIFICATION_RULES_MAX);
  t.equal(refusal(() => parse(many(NOTIFICATION_RULES_MAX + 1))).code, "InvalidRequest");
});

test("parseNotification: prefixes apart, or suffixes apart, do not overlap", async (t) => {
  t.equal(
    parse(queue(PUT + filter(["prefix", "a/"])) + queue(PUT + filter(["prefix", "b/"]))).rules
      .length,
    2,
  );
  t.equal(
    parse(queue(PUT + filter(["suffix", ".a"])) + queue(PUT + filter(["suffix", ".b"]))).rules
      .length,
    2,
  );
});

/** Tries every short key, which is what "could both hear of one event" means. */
function overlapSlowly(
  one: NotificationRule,
  other: NotificationRule,
  keys: readonly string[],
): boolean {
  const [first, second] = [eventFilter(one.events, one), eventFilter(other.events, other)];
  const names: readonly EventName[] = [
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Copy",
    "s3:ObjectRemoved:Delete",
  ];
  return names.some((name) =>
    keys.some(
      (key) =>
        matchesFilter(first, [name], key) !== undefined &&
        matchesFilter(second, [name], key) !== undefined,
    ),
  );
}

test("overlap: agrees with trying all keys", async (t) => {
  const letters = ["a", "b"];
  let keys = [""];
  const all = [...keys];
  for (let length = 1; length <= 6; length++) {
    keys = keys.flatMap((key) => letters.map((letter) => key + letter));
    all.push(...keys);
  }
  const part = fc.stringMatching(/^[ab]{0,2}$/);
  const rule = fc.record({
    id: fc.constant("id"),
    kind: fc.constant("Queue" as const),
    arn: fc.constant(ARN),
    events: fc.subarray(["s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete"], {
      minLength: 1,
    }),
    prefix: part,
    suffix: part,
  });
  fc.assert(
    fc.property(rule, rule, (one, other) => {
      t.equal(overlap(one, other), overlapSlowly(one, other, all), JSON.stringify([one, other]));
    }),
    { seed: 20261122, numRuns: 300 },
  );
});
