import { test } from "tap";
import { newBucketId } from "../../../../src/base/ids.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { StoreError } from "../../../../src/base/store-error.ts";
import type { Bucket, PutObjectInput } from "../../../../src/object/contract/object-store.ts";
import type { LogDestination } from "../../../../src/s3/access-log/log-chunk.ts";
import { LOG_MEMORY_BYTES_MAX, LogSpool } from "../../../../src/s3/access-log/log-spool.ts";
import { MemoryRecords } from "../../../support/iam/memory-records.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

const INTERVAL_MS = 60_000;
const OWNER = "a".repeat(64);
const random = new SeededRandom(1);

/** A target bucket that lets the log of bucket "source" in. */
function targetBucket(): Bucket {
  const statement = {
    Effect: "Allow",
    Principal: { Service: "logging.s3.amazonaws.com" },
    Action: "s3:PutObject",
    Resource: "arn:aws:s3:::logs/*",
    Condition: { ArnLike: { "aws:SourceArn": "arn:aws:s3:::source" } },
  };
  const policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  const id = newBucketId(random);
  return { name: "logs", id, createdMs: 0, versioning: "unversioned", documents: { policy } };
}

function world(nodeId = "n1", records = new MemoryRecords(), clock = new ManualClock()) {
  const objects = new Map<string, string>();
  const state = { failing: false, gone: false };
  const spool = new LogSpool(
    { nodeId, intervalMs: INTERVAL_MS },
    {
      records,
      clock,
      random,
      log: silentLogger,
      store: {
        async bucket() {
          if (state.gone) throw new StoreError({ code: "no-such-bucket" });
          return targetBucket();
        },
        async putObject({ key, source }: PutObjectInput) {
          if (state.failing) throw new StoreError({ code: "no-quorum", needed: 2, got: 1 });
          const chunks: Buffer[] = [];
          source.start({
            write: (chunk) => chunks.push(Buffer.from(chunk)) > 0,
            endSegment() {},
            end: () => void objects.set(key, Buffer.concat(chunks).toString()),
            fail() {},
          });
          return { etag: "", versionId: undefined, bytes: 0, mtimeMs: 0 };
        },
      },
    },
  );
  return { spool, records, clock, objects, state };
}

const SIMPLE: LogDestination = { bucket: "logs", prefix: "p/", partition: "", day: undefined };

function line(text: string, bucket = "source") {
  return { source: { bucket, accountId: "1".repeat(12), canonicalId: OWNER }, text };
}

test("LogSpool: makes one object of an interval's lines and leaves nothing behind", async (t) => {
  const { spool, records, clock, objects } = world();
  spool.add(SIMPLE, line("one\n"));
  await spool.work();
  t.equal(records.map.size, 1, "staged");
  spool.add(SIMPLE, line("two\n"));
  clock.advance(INTERVAL_MS - 1);
  await spool.work();
  t.equal(objects.size, 0, "the interval is not over");
  clock.advance(1);
  await spool.work();
  t.strictSame([...objects.values()], ["one\ntwo\n"]);
  t.match([...objects.keys()][0], /^p\/2023-11-14-22-14-20-[0-9A-F]{16}$/);
  t.equal(records.map.size, 0);
});

test("LogSpool: delivers after a restart what the process before has staged", async (t) => {
  const before = world();
  before.spool.add(SIMPLE, line("one\n"));
  await before.spool.stop();
  const after = world("n1", before.records, before.clock);
  await after.spool.work();
  t.strictSame([...after.objects.values()], ["one\n"]);
  t.equal(before.records.map.size, 0);
});

test("LogSpool: another node delivers only what has been waiting for long", async (t) => {
  const gone = world("gone");
  gone.spool.add(SIMPLE, line("one\n"));
  await gone.spool.stop();
  const other = world("other", gone.records, gone.clock);
  await other.spool.work();
  t.equal(other.objects.size, 0);
  gone.clock.advance(INTERVAL_MS + 70 * 60_000);
  await other.spool.work();
  t.strictSame([...other.objects.values()], ["one\n"]);
});

test("LogSpool: tries again under the same key, and gives up where nobody wants it", async (t) => {
  const { spool, records, clock, objects, state } = world();
  spool.add(SIMPLE, line("one\n"));
  clock.advance(INTERVAL_MS);
  state.failing = true;
  await spool.work();
  t.equal(records.map.size, 1);
  state.failing = false;
  await spool.work();
  t.equal(objects.size, 1);
  t.equal(records.map.size, 0);
  spool.add(SIMPLE, line("two\n"));
  clock.advance(INTERVAL_MS);
  state.gone = true;
  await spool.work();
  t.equal(objects.size, 1);
  t.equal(records.map.size, 0, "no log for a bucket that is gone");
});

test("LogSpool: leaves out lines of buckets whose log the target does not take", async (t) => {
  const { spool, clock, objects } = world();
  spool.add(SIMPLE, line("mine\n"));
  spool.add(SIMPLE, line("stranger\n", "other"));
  clock.advance(INTERVAL_MS);
  await spool.work();
  t.strictSame([...objects.values()], ["mine\n"]);
});

test("LogSpool: names partitioned keys by account, region, bucket and day", async (t) => {
  const { spool, clock, objects } = world();
  const partition = "111111111111/us-east-1/source/";
  spool.add({ ...SIMPLE, partition }, line("a\n"));
  spool.add({ ...SIMPLE, partition, day: "2023-11-13" }, line("b\n"));
  clock.advance(INTERVAL_MS);
  await spool.work();
  const [delivery, event] = [...objects.keys()];
  t.match(
    delivery,
    /^p\/111111111111\/us-east-1\/source\/2023\/11\/14\/2023-11-14-22-14-20-\w{16}$/,
  );
  t.match(event, /^p\/111111111111\/us-east-1\/source\/2023\/11\/13\/2023-11-13-00-00-00-\w{16}$/);
});

test("LogSpool: keeps no more in memory than its limit when records cannot be written", async (t) => {
  const { spool, records, clock, objects } = world();
  const writing = records.update.bind(records);
  records.update = () => Promise.reject(new StoreError({ code: "no-quorum", needed: 2, got: 1 }));
  const text = `${"x".repeat(1024 * 1024 - 1)}\n`;
  for (let count = 0; count < 20; count++) spool.add(SIMPLE, line(text));
  await spool.work();
  records.update = writing;
  clock.advance(INTERVAL_MS);
  await spool.work();
  const bytes = [...objects.values()].reduce((sum, body) => sum + body.length, 0);
  t.equal(bytes, LOG_MEMORY_BYTES_MAX);
});
