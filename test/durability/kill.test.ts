/**
 * A real process killed with SIGKILL again and again under load: everything that was acknowledged
 * before a kill is there after the restart, bit for bit, and what was not is whole or absent.
 */
import { createHash } from "node:crypto";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { type Test, test } from "tap";
import { createClient, failureOf } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const ROUNDS = 4;
const WRITERS = 8;
const KEYS = 40;
const SIZES = [0, 300, 4096, 32_768, 32_769, 200_000, 1_500_000];

/** What may legally be read for a key: the last acknowledged value, or one whose fate is unknown. */
interface Expectation {
  acknowledged: string | undefined;
  unknown: Array<string | undefined>;
}

/** The body is a function of its name, so that a torn or mixed one is recognised. */
function bodyFor(name: string): Buffer {
  const seed = createHash("sha256").update(name).digest();
  const size = SIZES[(seed[0] ?? 0) % SIZES.length] ?? 0;
  const body = Buffer.alloc(size);
  for (let offset = 0; offset < size; offset += 32) {
    seed.copy(body, offset);
    if (offset + 4 <= size) body.writeUInt32LE(offset, offset);
  }
  return body;
}

test("kill: every acknowledged object survives SIGKILL under load", {
  timeout: 240_000,
}, async (t) => {
  const expectations = new Map<string, Expectation>();
  let server = await startServer();
  const { folder } = server;
  const first = createClient(server);
  await first.send(new CreateBucketCommand({ Bucket: "durable" }));
  first.destroy();
  let acknowledged = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const s3 = createClient(server);
    const running = Array.from({ length: WRITERS }, (_, writer) =>
      write(s3, { round, writer, expectations }),
    );
    await new Promise((resolve) => setTimeout(resolve, 700 + 300 * round));
    await server.kill();
    const counts = await Promise.all(running);
    acknowledged += counts.reduce((sum, count) => sum + count, 0);
    s3.destroy();
    server = await startServer({ folder });
    await verify(t, server, expectations);
  }
  t.ok(acknowledged > 50, `${acknowledged} operations were acknowledged`);
  t.equal(await server.stop(), 0);
  server.clean();
});

interface WriterPlan {
  readonly round: number;
  readonly writer: number;
  readonly expectations: Map<string, Expectation>;
}

/** Writes and deletes keys of its own until the server dies; returns how many were acknowledged. */
async function write(s3: S3Client, { round, writer, expectations }: WriterPlan): Promise<number> {
  for (let step = 0; ; step++) {
    const Key = `w${writer}/k${step % KEYS}`;
    const expectation = expectations.get(Key) ?? { acknowledged: undefined, unknown: [] };
    expectations.set(Key, expectation);
    const remove = step % 7 === 6;
    const name = remove ? undefined : `${round}-${writer}-${step}`;
    expectation.unknown.push(name);
    try {
      if (name === undefined) await s3.send(new DeleteObjectCommand({ Bucket: "durable", Key }));
      else
        await s3.send(
          new PutObjectCommand({ Bucket: "durable", Key, Body: bodyFor(name), Metadata: { name } }),
        );
    } catch {
      return step;
    }
    expectation.acknowledged = name;
    expectation.unknown = [];
  }
}

type Assertions = Pick<Test, "equal" | "ok" | "fail">;

async function verify(
  t: Assertions,
  server: ServerProcess,
  expectations: Map<string, Expectation>,
): Promise<void> {
  const s3 = createClient(server);
  const listed = await listAll(s3);
  for (const [Key, expectation] of expectations) {
    const found = await readName(s3, Key);
    const allowed = [expectation.acknowledged, ...expectation.unknown];
    if (!allowed.includes(found)) {
      t.fail(`${Key}: found ${found}, expected one of ${allowed.join(", ")}`);
    }
    t.ok(listed.has(Key) === (found !== undefined), `${Key} is listed exactly when it exists`);
    // What was read once is settled: it may not change without a write.
    expectation.acknowledged = found;
    expectation.unknown = [];
  }
  s3.destroy();
}

/** The name of the body stored under a key, undefined when there is none; throws when torn. */
async function readName(s3: S3Client, Key: string): Promise<string | undefined> {
  try {
    const answer = await s3.send(new GetObjectCommand({ Bucket: "durable", Key }));
    const body = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    const name = answer.Metadata?.["name"] ?? "";
    if (!body.equals(bodyFor(name))) throw new Error(`${Key}: the bytes of ${name} are damaged`);
    return name;
  } catch (error) {
    const failure = await failureOf(Promise.reject(error));
    if (failure.name === "NoSuchKey") return undefined;
    throw error;
  }
}

async function listAll(s3: S3Client): Promise<Set<string>> {
  const keys = new Set<string>();
  let token: string | undefined;
  do {
    const page: {
      Contents?: Array<{ Key?: string | undefined }> | undefined;
      NextContinuationToken?: string | undefined;
    } = await s3.send(
      new ListObjectsV2Command({
        Bucket: "durable",
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    for (const entry of page.Contents ?? []) keys.add(entry.Key ?? "");
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return keys;
}
