/** Streams of events: MinIO's own client, what a listener may hear, and the end of a stream. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { Client } from "minio";
import { test } from "tap";
import { createClient, newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, SECRET_KEY, startServer } from "../support/server-process.ts";

interface Listened {
  readonly eventName: string;
  readonly s3: {
    readonly bucket: { readonly name: string };
    readonly object: { readonly key: string };
  };
}

/** Lines of a stream, as they come. */
async function* linesOf(answer: Response): AsyncGenerator<{ Records: readonly Listened[] | null }> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

test("listen: MinIO's client, anonymous listeners by policy, all buckets, and the end", async (t) => {
  const server = await startServer({ drives: 1 });
  t.teardown(async () => {
    await server.stop();
    server.clean();
  });
  const client = createClient(server);
  const Bucket = newBucketName("listen");
  await client.send(new CreateBucketCommand({ Bucket }));
  const minio = new Client({
    endPoint: "127.0.0.1",
    port: server.port,
    useSSL: false,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
    region: "us-east-1",
  });

  const poller = minio.listenBucketNotification(Bucket, "in/", ".jpg", [
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
  ]);
  const heard: Listened[] = [];
  const three = new Promise<void>((resolve, reject) => {
    poller.on("notification", (record) => {
      // The client's type says nothing of what a record is.
      heard.push(record as Listened);
      if (heard.length === 3) resolve();
    });
    poller.on("error", reject);
  });

  const url = `${server.endpoint}/${Bucket}?events=s3:ObjectCreated:*&ping=1`;
  t.equal((await fetch(url)).status, 403, "nobody listens without leave");
  const statement = {
    Effect: "Allow",
    Principal: "*",
    Action: "s3:ListenBucketNotification",
    Resource: `arn:aws:s3:::${Bucket}`,
  };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  t.equal((await fetch(`${server.endpoint}/?events=s3:BucketCreated:*`)).status, 403);
  for (const wrong of [
    "events=s3:Nothing",
    "events=s3:ObjectCreated:*&ping=x",
    "events=s3:ObjectCreated:*&prefix=a&prefix=b",
  ]) {
    t.equal((await fetch(`${server.endpoint}/${Bucket}?${wrong}`)).status, 400, wrong);
  }
  const answer = await fetch(url);
  t.equal(answer.status, 200);
  const lines = linesOf(answer);
  const ping = await lines.next();
  t.equal(ping.value?.Records, null, "a sign of life");

  // The other stream is there when its first event comes; until then nobody knows.
  let probing = true;
  const probe = (async () => {
    while (probing && heard.length === 0) {
      await client.send(new PutObjectCommand({ Bucket, Key: "in/a.jpg", Body: "a" }));
    }
    await client.send(new PutObjectCommand({ Bucket, Key: "in/a.png", Body: "a" }));
    await client.send(new PutObjectCommand({ Bucket, Key: "out/a.jpg", Body: "a" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "in/a.jpg" }));
    await client.send(new DeleteObjectCommand({ Bucket, Key: "in/a.jpg" }));
  })();
  await three;
  probing = false;
  await probe;
  poller.stop();
  t.ok(heard.every(({ s3 }) => s3.object.key === "in%2Fa.jpg"));

  const names: string[] = [];
  for await (const line of lines) {
    names.push(...(line.Records ?? []).map(({ eventName }) => eventName));
    if (names.length >= 2) break;
  }
  t.ok(names.every((name) => name === "s3:ObjectCreated:Put"));

  const open = await fetch(url);
  const stopped = server.stop();
  for await (const line of linesOf(open)) t.ok("Records" in line);
  t.equal(await stopped, 0, "a stop does not wait for streams");
});
