/** Versioning through the AWS SDK, in its three states, as AWS documents it. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

let server: ServerProcess;
let s3: S3Client;

before(async () => {
  server = await startServer();
  s3 = createClient(server);
});

async function newBucket(status?: "Enabled" | "Suspended"): Promise<string> {
  const Bucket = newBucketName("versions");
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (status !== undefined) await setVersioning(Bucket, status);
  return Bucket;
}

function setVersioning(Bucket: string, Status: "Enabled" | "Suspended") {
  return s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
}

async function put(Bucket: string, Key: string, Body: string): Promise<string | undefined> {
  return (await s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
}

async function read(Bucket: string, Key: string, VersionId?: string): Promise<string | undefined> {
  const version = VersionId === undefined ? {} : { VersionId };
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...version }));
  return answer.Body?.transformToString();
}

test("versioning: a bucket tells its state", async (t) => {
  const Bucket = await newBucket();
  t.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, undefined);
  await setVersioning(Bucket, "Enabled");
  t.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, "Enabled");
  await setVersioning(Bucket, "Suspended");
  t.equal((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status, "Suspended");
});

test("versioning: every write and delete keeps what was there", async (t) => {
  const Bucket = await newBucket("Enabled");
  const first = await put(Bucket, "k", "one");
  const second = await put(Bucket, "k", "two");
  t.ok(first && second && first !== second);
  t.equal(await read(Bucket, "k"), "two");
  t.equal(await read(Bucket, "k", first), "one");
  const marker = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
  t.equal(marker.DeleteMarker, true);
  t.strictSame(await failureOf(read(Bucket, "k")), { name: "NoSuchKey", status: 404 });
  const byId = failureOf(read(Bucket, "k", marker.VersionId));
  t.strictSame(await byId, { name: "MethodNotAllowed", status: 405 });
  t.equal((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);
  const listed = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  t.strictSame(
    listed.Versions?.map((entry) => [entry.VersionId, entry.IsLatest]),
    [
      [second, false],
      [first, false],
    ],
  );
  t.strictSame(
    listed.DeleteMarkers?.map((entry) => [entry.VersionId, entry.IsLatest]),
    [[marker.VersionId, true]],
  );
  const undo = new DeleteObjectCommand({ Bucket, Key: "k", VersionId: marker.VersionId ?? "" });
  t.equal((await s3.send(undo)).DeleteMarker, true);
  t.equal(await read(Bucket, "k"), "two");
  await s3.send(new DeleteObjectCommand({ Bucket, Key: "k", VersionId: second ?? "" }));
  t.equal(await read(Bucket, "k"), "one");
  t.equal((await failureOf(read(Bucket, "k", second))).name, "NoSuchVersion");
});

test("versioning: suspended writes replace the null version only", async (t) => {
  const Bucket = await newBucket();
  t.equal(await put(Bucket, "k", "before"), undefined);
  await setVersioning(Bucket, "Enabled");
  const kept = await put(Bucket, "k", "kept");
  t.equal(await read(Bucket, "k", "null"), "before");
  await setVersioning(Bucket, "Suspended");
  await put(Bucket, "k", "null two");
  t.equal(await read(Bucket, "k"), "null two");
  t.equal(await read(Bucket, "k", "null"), "null two");
  t.equal(await read(Bucket, "k", kept), "kept");
  const marker = await s3.send(new DeleteObjectCommand({ Bucket, Key: "k" }));
  t.equal(marker.DeleteMarker, true);
  t.equal(marker.VersionId, "null");
  t.equal((await failureOf(read(Bucket, "k"))).name, "NoSuchKey");
  const listed = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  t.strictSame(
    listed.Versions?.map((entry) => entry.VersionId),
    [kept],
  );
  t.strictSame(
    listed.DeleteMarkers?.map((entry) => entry.VersionId),
    ["null"],
  );
});

test("versioning: version listings page through keys and versions", async (t) => {
  const Bucket = await newBucket("Enabled");
  const expected: string[] = [];
  for (const key of ["a", "a/b", "b"]) {
    const ids: string[] = [];
    for (let index = 0; index < 5; index++) ids.unshift((await put(Bucket, key, `${index}`)) ?? "");
    expected.push(...ids.map((id) => `${key} ${id}`));
  }
  for (const MaxKeys of [1, 2, 3, 4, 7, 1000]) {
    const seen: string[] = [];
    let markers: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
    while (markers !== undefined) {
      const page: Awaited<ReturnType<typeof listVersions>> = await listVersions(
        Bucket,
        MaxKeys,
        markers,
      );
      for (const entry of page.Versions ?? []) seen.push(`${entry.Key} ${entry.VersionId}`);
      markers =
        page.IsTruncated === true
          ? {
              ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
              ...(page.NextVersionIdMarker === undefined
                ? {}
                : { VersionIdMarker: page.NextVersionIdMarker }),
            }
          : undefined;
    }
    t.strictSame(seen, expected, `pages of ${MaxKeys}`);
  }
});

function listVersions(
  Bucket: string,
  MaxKeys: number,
  markers: { KeyMarker?: string; VersionIdMarker?: string },
) {
  return s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys, ...markers }));
}

test("versioning: HEAD tells the version, and a bad id is refused", async (t) => {
  const Bucket = await newBucket("Enabled");
  const id = await put(Bucket, "k", "x");
  t.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "k" }))).VersionId, id);
  const bad = await failureOf(read(Bucket, "k", "not-a-version"));
  t.match(bad, { name: /InvalidArgument|NoSuchVersion/ });
});

// A test of its own, because hooks of the root run only once nothing keeps the process alive.
test("the server stops in good order", async (t) => {
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
