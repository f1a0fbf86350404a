/** The hub: who hears of what, targets that are unknown, queues of nodes that are gone, listeners. */
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import { EventHub, LISTENERS_MAX } from "../../../src/events/event-hub.ts";
import type { EventName } from "../../../src/events/event-names.ts";
import { EventQueue } from "../../../src/events/event-queue.ts";
import type { Happening } from "../../../src/events/happening.ts";
import { eventFilter, NotificationRules } from "../../../src/events/notification-rules.ts";
import { MemoryRecords } from "../../support/iam/memory-records.ts";
import { ManualClock } from "../../support/manual-clock.ts";

interface World {
  readonly hub: EventHub;
  readonly sent: string[];
  until(count: number): Promise<void>;
}

function newHub(
  records: MemoryRecords,
  more: {
    readonly node?: string;
    readonly members?: readonly string[];
    readonly region?: string;
  } = {},
): World {
  const sent: string[] = [];
  let wake: () => void = () => {};
  const target = {
    async send(body: string): Promise<void> {
      sent.push(body);
      wake();
    },
  };
  const { node = "n1", members, region } = more;
  const hub = new EventHub(
    { region, deploymentId: "d", node, targets: [{ id: "A", queueLimit: 100, target }] },
    {
      records,
      clock: new ManualClock(),
      log: silentLogger,
      formatTime: String,
      ...(members && { members: () => members }),
    },
  );
  return {
    hub,
    sent,
    async until(count) {
      while (sent.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

function happening(names: readonly EventName[], key = "key"): Happening {
  const origin = {
    principal: "p",
    region: "",
    sourceAddress: "",
    userAgent: "",
    requestId: "",
    hostId: "",
    endpoint: "",
  };
  return { names, bucket: "b", bucketOwner: "o", key, object: {}, origin };
}

function rulesOf(arn: string, ...events: readonly string[]): NotificationRules {
  return new NotificationRules({ rules: [{ id: "r", kind: "Queue", arn, events }] });
}

const ARN = "arn:minio:sqs::A:webhook";

test("EventHub: a rule hears under the name that it used, and only of what it named", async (t) => {
  const world = newHub(new MemoryRecords());
  await world.hub.start();
  const names = ["s3:ObjectTagging:Put", "s3:ObjectCreated:PutTagging"] as const;
  await world.hub.publish(happening(names), rulesOf(ARN, "s3:ObjectCreated:*"));
  await world.hub.publish(happening(names), rulesOf(ARN, "s3:ObjectTagging:*"));
  t.equal(world.hub.publish(happening(names), rulesOf(ARN, "s3:ObjectRemoved:*")), undefined);
  t.equal(world.hub.publish(happening(names), undefined), undefined);
  await world.until(2);
  t.strictSame(
    world.sent.map((line) => JSON.parse(line).EventName),
    ["s3:ObjectCreated:PutTagging", "s3:ObjectTagging:Put"],
  );
  await world.hub.stop();
});

test("EventHub: knows the targets of the settings, in its region, and no others", async (t) => {
  const { hub } = newHub(new MemoryRecords());
  t.equal(hub.knowsTarget(ARN), true);
  t.equal(hub.knowsTarget("arn:minio:sqs:any:A:webhook"), true, "without a region any will do");
  for (const arn of [
    "arn:minio:sqs::B:webhook",
    "arn:minio:sqs::A:kafka",
    "arn:aws:sqs::A:webhook",
    "",
    "A",
    "http://a/",
  ]) {
    t.equal(hub.knowsTarget(arn), false, arn);
    const told = hub.publish(happening(["s3:ObjectCreated:Put"]), rulesOf(arn, "s3:*"));
    t.equal(told, undefined, "a target that is gone does not hold up writes");
  }
  const { hub: regional } = newHub(new MemoryRecords(), { region: "eu-1" });
  t.equal(regional.knowsTarget("arn:minio:sqs:eu-1:A:webhook"), true);
  t.equal(regional.knowsTarget("arn:minio:sqs:us-1:A:webhook"), false);
});

test("EventHub: the first of the nodes that are left delivers for those that were removed", async (t) => {
  const records = new MemoryRecords();
  const modules = { records, clock: new ManualClock(), log: silentLogger };
  for (const node of ["gone", "n2"]) {
    const queue = new EventQueue({ target: "A", node, limit: 10 }, modules);
    await queue.load();
    await queue.add(JSON.stringify({ Key: node }));
  }
  const second = newHub(records, { node: "n3", members: ["n1", "n2", "n3"] });
  await second.hub.start();
  const first = newHub(records, { members: ["n2", "n1", "n3"] });
  await first.hub.start();
  await first.until(1);
  await Promise.all([first.hub.stop(), second.hub.stop()]);
  t.strictSame(first.sent, ['{"Key":"gone"}']);
  t.strictSame(second.sent, []);
  t.equal((await records.list("events/A/n2/")).length, 1, "what a member has is its own");
});

test("EventHub: listeners by bucket, prefix and suffix, so many and no more, ended by a stop", async (t) => {
  const { hub } = newHub(new MemoryRecords());
  const heard: string[] = [];
  let ended = 0;
  const listener = (bucket: string | undefined, prefix: string) => ({
    filter: eventFilter(["s3:ObjectCreated:*"], { prefix, suffix: ".jpg" }),
    bucket,
    hear: () => heard.push(`${bucket} ${prefix}`),
    end: () => {
      ended += 1;
    },
  });
  const changes: boolean[] = [];
  hub.onListeners((some) => changes.push(some));
  const stops = [listener("b", ""), listener("other", ""), listener(undefined, "in/")].map((each) =>
    hub.listen(each),
  );
  void hub.publish(happening(["s3:ObjectCreated:Put"], "in/a.jpg"), undefined);
  t.strictSame(heard, ["b ", "undefined in/"]);
  void hub.publish(happening(["s3:ObjectCreated:Put"], "in/a.png"), undefined);
  void hub.publish(happening(["s3:ObjectRemoved:Delete"], "in/a.jpg"), undefined);
  t.equal(heard.length, 2);
  for (const stop of stops) stop?.();
  t.equal(hub.hasListeners, false);
  t.strictSame(changes, [true, false]);
  for (let count = 0; count < LISTENERS_MAX; count++) t.ok(hub.listen(listener("b", "")));
  t.equal(hub.listen(listener("b", "")), undefined);
  await hub.stop();
  t.equal(ended, LISTENERS_MAX);
});
