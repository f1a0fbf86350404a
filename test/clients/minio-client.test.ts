/** MinIO's own JavaScript client against a real process. */
import { randomBytes } from "node:crypto";
import { Client, CopyConditions } from "minio";
import { before, test } from "tap";
import {
  ACCESS_KEY,
  SECRET_KEY,
  type ServerProcess,
  startServer,
} from "../support/server-process.ts";

let server: ServerProcess;
let client: Client;

before(async () => {
  server = await startServer();
  client = new Client({
    endPoint: "127.0.0.1",
    port: server.port,
    useSSL: false,
    accessKey: ACCESS_KEY,
    secretKey: SECRET_KEY,
  });
});

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("minio client: buckets", async (t) => {
  await client.makeBucket("minio-js");
  t.equal(await client.bucketExists("minio-js"), true);
  t.equal(await client.bucketExists("minio-none"), false);
  const names = (await client.listBuckets()).map((bucket) => bucket.name);
  t.ok(names.includes("minio-js"));
});

test("minio client: objects of several sizes, streamed and whole", async (t) => {
  for (const size of [0, 1, 5000, 1_500_000, 70_000_000]) {
    const body = randomBytes(size);
    await client.putObject("minio-js", `size/${size}`, body, size, { "X-Amz-Meta-Kind": "test" });
    const stat = await client.statObject("minio-js", `size/${size}`);
    t.equal(stat.size, size);
    t.equal(stat.metaData["kind"], "test");
    const back = await bytesOf(await client.getObject("minio-js", `size/${size}`));
    t.ok(back.equals(body), `${size} bytes`);
  }
  const part = await client.getPartialObject("minio-js", "size/1500000", 1_048_570, 20);
  t.equal((await bytesOf(part)).length, 20);
});

test("minio client: listings, copies, presigned URLs, removals", async (t) => {
  for (const key of ["l/a", "l/b/c", "l/b/d"]) await client.putObject("minio-js", key, key);
  const names: string[] = [];
  for await (const entry of client.listObjectsV2("minio-js", "l/", false)) {
    names.push(entry.name ?? entry.prefix);
  }
  t.strictSame(names.sort(), ["l/a", "l/b/"]);
  await client.copyObject("minio-js", "copied", "/minio-js/l/a", new CopyConditions());
  t.equal((await bytesOf(await client.getObject("minio-js", "copied"))).toString(), "l/a");
  const url = await client.presignedGetObject("minio-js", "copied", 60);
  t.equal(await (await fetch(url)).text(), "l/a");
  const all: string[] = [];
  for await (const entry of client.listObjectsV2("minio-js", "", true)) all.push(entry.name);
  await client.removeObjects("minio-js", all);
  await client.removeBucket("minio-js");
  t.equal(await client.bucketExists("minio-js"), false);
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("minio client: a listing with metadata, which is MinIO's own", async (t) => {
  await client.makeBucket("minio-metadata");
  const metadata = { "Content-Type": "text/plain", "X-Amz-Meta-Team": "blue" };
  await client.putObject("minio-metadata", "a", "hello", 5, metadata);
  const items: unknown[] = [];
  for await (const item of client.extensions.listObjectsV2WithMetadata("minio-metadata")) {
    items.push(item);
  }
  t.match(items, [
    { name: "a", metadata: { "content-type": "text/plain", "X-Amz-Meta-Team": "blue" } },
  ]);
});

test("the server stops in good order", async (t) => {
  t.equal(await server.stop(), 0);
  server.clean();
});
