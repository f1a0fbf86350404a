/**
 * Two of four drives go away under load: reads and writes go on, nothing acknowledged is lost, and
 * once the drives are back, empty, the healer makes them whole again. A drive that is pulled and
 * plugged in again heals without a restart.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import { createClient } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const SIZES = [100, 5000, 40_000, 300_000, 2_500_000];
const INLINE_BYTES_MAX = 32 * 1024;

test("drives: two of four removed under load, then back empty and healed", {
  timeout: 400_000,
}, async (t) => {
  let server = await startServer();
  const { folder, drives } = server;
  let s3 = createClient(server, { maxAttempts: 5 });
  await s3.send(new CreateBucketCommand({ Bucket: "drives" }));
  const stored = new Map<string, string>();
  sharded = 0;
  await putSome(s3, stored, "before", 20);

  const load = putSome(s3, stored, "during", 30);
  for (const drive of drives.slice(2)) rmSync(drive, { recursive: true, force: true });
  await load;
  await putSome(s3, stored, "after", 20);
  await verifyAll(t, s3, stored);

  s3.destroy();
  t.equal(await server.stop(), 0);
  // A folder that is not there may be a mount that failed: only an empty one is taken for a new drive.
  for (const drive of drives.slice(2)) mkdirSync(drive);
  server = await startServer({ folder });
  s3 = createClient(server, { maxAttempts: 5 });
  await verifyAll(t, s3, stored);
  await putSome(s3, stored, "again", 10);
  await waitForHealing(server, drives.slice(2), sharded);
  s3.destroy();
  t.equal(await server.stop(), 0);

  // The other two now hold everything that is needed.
  for (const drive of drives.slice(0, 2)) rmSync(drive, { recursive: true, force: true });
  server = await startServer({ folder });
  s3 = createClient(server, { maxAttempts: 5 });
  await verifyAll(t, s3, stored);
  s3.destroy();
  await server.stop();
  server.clean();
});

test("drives: one pulled and plugged in again under load, twice, without a restart", {
  timeout: 400_000,
}, async (t) => {
  const server = await startServer();
  const { drives } = server;
  const s3 = createClient(server, { maxAttempts: 5 });
  await s3.send(new CreateBucketCommand({ Bucket: "drives" }));
  const stored = new Map<string, string>();
  sharded = 0;
  await putSome(s3, stored, "before", 20);
  const [first = "", second = "", third = "", pulled = ""] = drives;
  for (const turn of ["once", "again"]) {
    const load = putSome(s3, stored, turn, 40);
    renameSync(pulled, `${pulled}-pulled`);
    await waitForOutput(server, turn === "once" ? 1 : 2, /"drive changed its state"/g);
    await load;
    const more = putSome(s3, stored, `${turn} more`, 20);
    renameSync(`${pulled}-pulled`, pulled);
    await waitForOutput(server, turn === "once" ? 1 : 2, /"a drive is a member again"/g);
    await more;
  }
  await waitForShards(server, [pulled], sharded);
  await verifyAll(t, s3, stored);
  t.notMatch(server.output(), /"level":"fatal"/);

  // Now the node lives on it and one other.
  for (const drive of [first, second]) rmSync(drive, { recursive: true, force: true });
  await putSome(s3, stored, "at last", 10);
  await verifyAll(t, s3, stored);
  t.ok(existsSync(third));
  s3.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});

let sharded = 0;

async function putSome(s3: S3Client, stored: Map<string, string>, prefix: string, count: number) {
  for (let index = 0; index < count; index++) {
    const Key = `${prefix}/${index}`;
    const Body = randomBytes(SIZES[index % SIZES.length] ?? 0);
    await s3.send(new PutObjectCommand({ Bucket: "drives", Key, Body }));
    stored.set(Key, createHash("md5").update(Body).digest("hex"));
    if (Body.length > INLINE_BYTES_MAX) sharded++;
  }
}

type Assertions = Pick<Test, "equal" | "ok" | "fail">;

async function verifyAll(t: Assertions, s3: S3Client, stored: Map<string, string>): Promise<void> {
  for (const [Key, md5] of stored) {
    const answer = await s3.send(new GetObjectCommand({ Bucket: "drives", Key }));
    const body = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    t.equal(createHash("md5").update(body).digest("hex"), md5, Key);
  }
}

/** Shard files of a drive folder. */
function shardCount(drive: string): number {
  const data = join(drive, "data");
  if (!existsSync(data)) return 0;
  return readdirSync(data).reduce((sum, folder) => sum + readdirSync(join(data, folder)).length, 0);
}

/** Both emptied drives hold their share of everything, also of what was written without them. */
async function waitForHealing(
  server: ServerProcess,
  drives: readonly string[],
  sharded: number,
): Promise<void> {
  await waitForOutput(server, drives.length, /"drive resynchronised"/g);
  await waitForShards(server, drives, sharded);
}

async function waitForOutput(server: ServerProcess, times: number, line: RegExp): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    if ((server.output().match(line) ?? []).length >= times) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never said ${line} ${times} times:\n${server.output().slice(-4000)}`);
}

async function waitForShards(
  server: ServerProcess,
  drives: readonly string[],
  sharded: number,
): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    if (drives.every((drive) => shardCount(drive) === sharded)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const counts = drives.map(shardCount).join(", ");
  throw new Error(`healed to ${counts} of ${sharded} shards:\n${server.output().slice(-4000)}`);
}
