/** Notifications end to end: rules, records, a webhook that fails, a server that is killed. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  DeleteObjectTaggingCommand,
  type Event,
  GetBucketNotificationConfigurationCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { startWebhook, type TakenEvent, type Webhook } from "../support/webhook.ts";

const ARN = "arn:minio:sqs::HOOK:webhook";

function environmentOf(webhook: Webhook, more: Readonly<Record<string, string>> = {}) {
  return {
    MINIO_NOTIFY_WEBHOOK_ENABLE_HOOK: "on",
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_HOOK: webhook.url,
    MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_HOOK: "a-token",
    ...more,
  };
}

interface World {
  readonly server: ServerProcess;
  readonly client: S3Client;
  readonly webhook: Webhook;
}

async function start(
  t: { teardown(run: () => Promise<void>): void },
  more: Readonly<Record<string, string>> = {},
): Promise<World> {
  const webhook = await startWebhook();
  const server = await startServer({ drives: 1, environment: environmentOf(webhook, more) });
  t.teardown(async () => {
    await server.stop();
    server.clean();
    await webhook.close();
  });
  return { server, client: createClient(server), webhook };
}

async function newBucket(client: S3Client, events: readonly Event[], filter = {}): Promise<string> {
  const Bucket = newBucketName("events");
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      SkipDestinationValidation: true,
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn: ARN, Events: [...events], ...filter }],
      },
    }),
  );
  return Bucket;
}

function namesOf(taken: readonly TakenEvent[]): string[] {
  return taken.map(({ body }) => body.EventName ?? body.Event ?? "?");
}

test("notifications: each operation is told of in MinIO's records", async (t) => {
  const { client, webhook } = await start(t);
  const Bucket = await newBucket(client, ["s3:*" as Event]);
  const Key = "ein ordner/bild (1).jpg";
  await client.send(
    new PutObjectCommand({
      Bucket,
      Key,
      Body: "hello",
      ContentType: "image/jpeg",
      Metadata: { colour: "red" },
    }),
  );
  await webhook.until((taken) => taken.length >= 1);
  const [first] = webhook.taken;
  t.equal(first?.headers.authorization, "Bearer a-token");
  t.equal(first?.headers["content-type"], "application/json");
  t.equal(first?.body.EventName, "s3:ObjectCreated:Put");
  t.equal(first?.body.Key, `${Bucket}/${Key}`);
  const record = first?.body.Records?.[0];
  t.match(record, {
    eventVersion: "2.0",
    eventSource: "minio:s3",
    eventName: "s3:ObjectCreated:Put",
    userIdentity: { principalId: "minioadmin" },
    requestParameters: { principalId: "minioadmin", sourceIPAddress: "127.0.0.1" },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: "Config",
      bucket: { name: Bucket, arn: `arn:aws:s3:::${Bucket}` },
      object: {
        key: "ein+ordner%2Fbild+%281%29.jpg",
        size: 5,
        eTag: "5d41402abc4b2a76b9719d911017c592",
        contentType: "image/jpeg",
        userMetadata: { "X-Amz-Meta-colour": "red", "content-type": "image/jpeg" },
      },
    },
  });
  t.match(record?.eventTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  t.match(record?.s3.object.sequencer, /^[0-9A-F]{16}$/);
  t.match(record?.responseElements["x-amz-request-id"], /^[0-9A-F]{16}$/);
  t.match(record?.source.userAgent, /aws-sdk-js/);

  await client.send(new GetObjectCommand({ Bucket, Key }));
  await client.send(new HeadObjectCommand({ Bucket, Key }));
  await client.send(
    new CopyObjectCommand({
      Bucket,
      Key: "copy",
      CopySource: `${Bucket}/${encodeURIComponent(Key)}`,
    }),
  );
  await client.send(
    new PutObjectTaggingCommand({
      Bucket,
      Key: "copy",
      Tagging: { TagSet: [{ Key: "a", Value: "b" }] },
    }),
  );
  await client.send(new DeleteObjectTaggingCommand({ Bucket, Key: "copy" }));
  await client.send(new PutObjectAclCommand({ Bucket, Key: "copy", ACL: "private" }));
  const upload = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "parts" }));
  const address = { Bucket, Key: "parts", UploadId: upload.UploadId };
  const part = await client.send(
    new UploadPartCommand({ ...address, PartNumber: 1, Body: "part" }),
  );
  await client.send(
    new CompleteMultipartUploadCommand({
      ...address,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
    }),
  );
  const idle = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: "idle" }));
  await client.send(
    new AbortMultipartUploadCommand({ Bucket, Key: "idle", UploadId: idle.UploadId }),
  );
  await client.send(new DeleteObjectCommand({ Bucket, Key }));
  await client.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "absent" }] } }),
  );
  await client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
  );
  const put = await client.send(new PutObjectCommand({ Bucket, Key: "v", Body: "v" }));
  const marker = await client.send(new DeleteObjectCommand({ Bucket, Key: "v" }));
  await client.send(new DeleteObjectCommand({ Bucket, Key: "v", VersionId: put.VersionId }));
  await webhook.until((taken) => taken.length >= 14);
  const expected = [
    "s3:ObjectCreated:Put",
    "s3:ObjectAccessed:Get",
    "s3:ObjectAccessed:Head",
    "s3:ObjectCreated:Copy",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAcl:Put",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:NoOP",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRemoved:Delete",
  ];
  t.strictSame(namesOf(webhook.taken).sort(), expected.sort());
  const hidden = webhook.taken.find(
    ({ body }) => body.EventName === "s3:ObjectRemoved:DeleteMarkerCreated",
  );
  t.equal(hidden?.body.Records?.[0]?.s3.object.versionId, marker.VersionId);
});

test("notifications: filters, the test event, what is read back and what is refused", async (t) => {
  const { client, webhook } = await start(t, { MINIO_SITE_REGION: "us-east-1" });
  const Bucket = newBucketName("rules");
  await client.send(new CreateBucketCommand({ Bucket }));
  const empty = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  t.equal(empty.QueueConfigurations, undefined);
  const arn = "arn:minio:sqs:us-east-1:HOOK:webhook";
  const filterOf = (rules: ReadonlyArray<readonly ["prefix" | "suffix", string]>) => ({
    Key: { FilterRules: rules.map(([Name, Value]) => ({ Name, Value })) },
  });
  const put = (rules: object) =>
    client.send(
      new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration: rules }),
    );
  await put({
    QueueConfigurations: [
      {
        Id: "pictures",
        QueueArn: arn,
        Events: ["s3:ObjectCreated:*"],
        Filter: filterOf([
          ["prefix", "in/"],
          ["suffix", ".jpg"],
        ]),
      },
    ],
    TopicConfigurations: [{ TopicArn: arn, Events: ["s3:ObjectRemoved:Delete"] }],
  });
  await webhook.until((taken) => taken.length >= 1);
  t.equal(webhook.taken[0]?.body.Event, "s3:TestEvent");
  const read = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  t.match(read.QueueConfigurations?.[0], {
    Id: "pictures",
    QueueArn: arn,
    Events: ["s3:ObjectCreated:*"],
  });
  t.equal(read.TopicConfigurations?.length, 1);
  for (const Key of ["in/a.jpg", "in/a.png", "out/a.jpg"]) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: "x" }));
  }
  await client.send(new DeleteObjectCommand({ Bucket, Key: "out/a.jpg" }));
  await webhook.until((taken) => taken.length >= 3);
  t.strictSame(namesOf(webhook.taken), [
    "s3:TestEvent",
    "s3:ObjectCreated:Put",
    "s3:ObjectRemoved:Delete",
  ]);
  t.equal(webhook.taken[1]?.body.Key, `${Bucket}/in/a.jpg`);
  const wrong = (QueueArn: string, Events: string[] = ["s3:ObjectCreated:Put"]) =>
    failureOf(put({ QueueConfigurations: [{ QueueArn, Events }] }));
  t.equal((await wrong("arn:aws:sqs:us-east-1:1:queue")).name, "InvalidArgument");
  t.equal((await wrong("arn:minio:sqs:us-east-1:OTHER:webhook")).name, "InvalidArgument");
  t.equal((await wrong("arn:minio:sqs:eu-west-1:HOOK:webhook")).name, "InvalidArgument");
  t.equal((await wrong(arn, ["s3:ObjectCreated:Nothing"])).name, "InvalidArgument");
  await put({});
  const gone = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  t.equal(gone.QueueConfigurations, undefined);
});

test("notifications: a killed server delivers what it had answered, in the order of each key", async (t) => {
  const webhook = await startWebhook();
  webhook.answer = (response) => {
    response.statusCode = 500;
    response.end();
  };
  const environment = environmentOf(webhook);
  const first = await startServer({ drives: 1, environment });
  const client = createClient(first);
  const Bucket = await newBucket(client, ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]);
  const written: string[] = [];
  for (let round = 0; round < 5; round++) {
    const keys = ["a", "b", "c"];
    await Promise.all(
      keys.map((Key) => client.send(new PutObjectCommand({ Bucket, Key, Body: String(round) }))),
    );
    written.push(...keys.map((key) => `${key}${round}`));
  }
  await webhook.untilAsked(1);
  await first.kill();
  t.equal(webhook.taken.length, 0);
  webhook.answer = undefined;
  const second = await startServer({ drives: 1, folder: first.folder, environment });
  t.teardown(async () => {
    await second.stop();
    second.clean();
    await webhook.close();
  });
  await webhook.until((taken) => taken.length >= written.length);
  const sequencers = new Map<string, string[]>();
  for (const { body } of webhook.taken) {
    const key = body.Key ?? "";
    const sequencer = body.Records?.[0]?.s3.object.sequencer ?? "";
    sequencers.set(key, [...(sequencers.get(key) ?? []), sequencer]);
  }
  t.equal(sequencers.size, 3);
  for (const list of sequencers.values()) t.strictSame(list, [...list].sort());
});
