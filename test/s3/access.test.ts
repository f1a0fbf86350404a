/** Who is let in: nobody but the holder of the keys, on every route. */
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { ACCESS_KEY, type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;
const Bucket = newBucketName("access");

before(async () => {
  server = await startServer();
  s3 = createClient(server);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "secret", Body: "secret" }));
});

async function codeOf(answer: Response): Promise<string | undefined> {
  return /<Code>([^<]*)<\/Code>/.exec(await answer.text())?.[1];
}

test("access: anonymous callers are refused alike whether a thing exists or not", async (t) => {
  for (const path of [
    `/${Bucket}/secret`,
    `/${Bucket}/absent`,
    `/${Bucket}`,
    "/no-such-bucket/x",
    "/",
  ]) {
    for (const method of ["GET", "PUT", "DELETE", "POST"]) {
      const answer = await fetch(`${server.endpoint}${path}`, { method });
      if (method === "POST") t.ok(answer.status >= 400);
      else if (path !== "/" || method === "GET") t.equal(answer.status, 403, `${method} ${path}`);
      t.ok(answer.headers.get("x-amz-request-id"));
      await answer.text();
    }
  }
});

test("access: a wrong secret, an unknown key and another service are refused", async (t) => {
  const wrong = createClient(server, {
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: "wrong-secret" },
  });
  const refused = await failureOf(wrong.send(new ListBucketsCommand({})));
  t.strictSame(refused, { name: "SignatureDoesNotMatch", status: 403 });
  const unknown = createClient(server, {
    credentials: { accessKeyId: "nobody", secretAccessKey: "x" },
  });
  const stranger = await failureOf(unknown.send(new ListBucketsCommand({})));
  t.strictSame(stranger, { name: "InvalidAccessKeyId", status: 403 });
  wrong.destroy();
  unknown.destroy();
});

test("access: a clock that is far off is told so", async (t) => {
  const late = createClient(server, { systemClockOffset: -60 * 60 * 1000 });
  const failure = await failureOf(late.send(new ListBucketsCommand({})));
  t.strictSame(failure, { name: "RequestTimeTooSkewed", status: 403 });
  late.destroy();
});

test("access: presigned URLs work, expire, and bind what they name", async (t) => {
  const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "secret" }), {
    expiresIn: 60,
  });
  t.equal(await (await fetch(url)).text(), "secret");
  t.equal(await codeOf(await fetch(url.replace("/secret?", "/other?"))), "SignatureDoesNotMatch");
  t.equal(await codeOf(await fetch(url, { method: "DELETE" })), "SignatureDoesNotMatch");
  const past = new Date(Date.now() - 120_000);
  const old = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "secret" }), {
    expiresIn: 60,
    signingDate: past,
  });
  t.equal(await codeOf(await fetch(old)), "AccessDenied");
  const upload = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "by-url" }), {
    expiresIn: 60,
  });
  t.equal((await fetch(upload, { method: "PUT", body: "hello" })).status, 200);
});

test("access: what is not implemented says so by name, and only to those who may ask", async (t) => {
  const url = `${server.endpoint}/${Bucket}?policy`;
  t.equal((await fetch(url)).status, 403);
});

test("access: health needs no key, and nothing else beside it is open", async (t) => {
  for (const path of ["live", "ready", "cluster"]) {
    t.equal((await fetch(`${server.endpoint}/minio/health/${path}`)).status, 200, path);
  }
  for (const path of ["/minio/admin/v3/info", "/minio/v2/metrics/cluster", "/minio/other"]) {
    const answer = await fetch(`${server.endpoint}${path}`);
    t.ok(answer.status >= 400 && answer.status < 500, `${path} ${answer.status}`);
  }
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
