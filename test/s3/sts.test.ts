/** Temporary credentials, used by the AWS SDK. */
import { createHash, createHmac } from "node:crypto";
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { before, test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import {
  ACCESS_KEY,
  SECRET_KEY,
  type ServerProcess,
  startServer,
} from "../support/server-process.ts";

let server: ServerProcess;
let root: S3Client;

before(async () => {
  server = await startServer();
  root = createClient(server);
});

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A form, signed for the service as its clients sign: the digest of the body is in no header. */
function signedPost(body: string, secretKey: string): Promise<Response> {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const { host } = new URL(server.endpoint);
  const type = "application/x-www-form-urlencoded";
  const names = "content-type;host;x-amz-date";
  const headers = `content-type:${type}\nhost:${host}\nx-amz-date:${timestamp}\n`;
  const canonical = ["POST", "/", "", headers, names, sha256(body)].join("\n");
  const words = [timestamp.slice(0, 8), "us-east-1", "sts", "aws4_request"];
  const scope = words.join("/");
  const text = ["AWS4-HMAC-SHA256", timestamp, scope, sha256(canonical)].join("\n");
  const key = words.reduce<string | Buffer>((last, word) => hmac(last, word), `AWS4${secretKey}`);
  const signature = hmac(key, text).toString("hex");
  const authorization = `AWS4-HMAC-SHA256 Credential=${ACCESS_KEY}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const sent = { "content-type": type, "x-amz-date": timestamp, authorization };
  return fetch(`${server.endpoint}/`, { method: "POST", headers: sent, body });
}

async function assume({ policy, secretKey = SECRET_KEY }: Wish = {}) {
  const form = new URLSearchParams({ Action: "AssumeRole", Version: "2011-06-15" });
  form.set("DurationSeconds", "900");
  if (policy !== undefined) form.set("Policy", policy);
  const text = await (await signedPost(form.toString(), secretKey)).text();
  const field = (name: string): string => {
    const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    if (found === undefined) throw new Error(text);
    return found;
  };
  return {
    accessKeyId: field("AccessKeyId"),
    secretAccessKey: field("SecretAccessKey"),
    sessionToken: field("SessionToken"),
  };
}

interface Wish {
  readonly policy?: string;
  readonly secretKey?: string;
}

function clientOf(credentials: Awaited<ReturnType<typeof assume>>): S3Client {
  const { endpoint } = server;
  return new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
}

function post(body: string): Promise<Response> {
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return fetch(`${server.endpoint}/`, { method: "POST", headers, body });
}

test("AssumeRole: the session may what its maker may, as far as its policy goes", async (t) => {
  const Bucket = newBucketName("sts");
  await root.send(new CreateBucketCommand({ Bucket }));
  const whole = clientOf(await assume());
  await whole.send(new PutObjectCommand({ Bucket, Key: "a", Body: "x" }));
  const Statement = [
    { Effect: "Allow", Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` },
  ];
  const policy = JSON.stringify({ Version: "2012-10-17", Statement });
  const narrow = clientOf(await assume({ policy }));
  const read = await narrow.send(new GetObjectCommand({ Bucket, Key: "a" }));
  t.equal(await read.Body?.transformToString(), "x");
  const denied = await failureOf(
    narrow.send(new PutObjectCommand({ Bucket, Key: "b", Body: "x" })),
  );
  t.equal(denied.name, "AccessDenied");
});

test("AssumeRole: a token belongs to its key", async (t) => {
  const [one, other] = [await assume(), await assume()];
  const Bucket = newBucketName("sts");
  const create = (credentials: typeof one) =>
    failureOf(clientOf(credentials).send(new CreateBucketCommand({ Bucket })));
  t.equal((await create({ ...one, sessionToken: other.sessionToken })).name, "InvalidAccessKeyId");
  t.equal((await create({ ...one, sessionToken: "nonsense" })).name, "InvalidAccessKeyId");
  await t.rejects(assume({ secretKey: "wrong-secret" }));
  await t.rejects(assume({ policy: '{"Statement":[]}' }));
});

test("AssumeRole: refuses what is unsigned, unknown or not implemented", async (t) => {
  const version = "Version=2011-06-15";
  for (const [body, status, code] of [
    [`Action=AssumeRole&${version}`, 403, "AccessDenied"],
    [`Action=AssumeRoleWithWebIdentity&${version}&WebIdentityToken=x`, 501, "NotImplemented"],
    [`Action=Nothing&${version}`, 400, "InvalidAction"],
    ["Action=AssumeRole", 400, "MissingParameter"],
  ] as const) {
    const answer = await post(body);
    t.equal(answer.status, status, body);
    t.match(await answer.text(), `<Code>${code}</Code>`);
  }
});

test("the server stops in good order", async (t) => {
  root.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
