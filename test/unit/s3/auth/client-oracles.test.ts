/**
 * Requests made by the AWS SDK and the MinIO client, caught before they leave: whatever they sign,
 * stream and presign must be accepted, and what they sent must come out of the decoder.
 */
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { Client } from "minio";
import { test } from "tap";
import { HttpHeaders } from "../../../../src/http/headers.ts";
import type { HttpBodySink } from "../../../../src/http/request.ts";
import { Authenticator } from "../../../../src/s3/auth/authenticate.ts";
import {
  createPayloadSource,
  type PayloadRequest,
} from "../../../../src/s3/auth/payload-source.ts";
import type { SignedRequest } from "../../../../src/s3/auth/signed-request.ts";
import { parseCompleteUpload, parseDeleteObjects } from "../../../../src/s3/xml-requests.ts";
import { RecordingSink } from "./chunked-bodies.ts";
import { EXAMPLE } from "./signed-requests.ts";

/** The clients sign with the real time. */
const authenticator = new Authenticator<string>(
  { region: "eu-west-1" },
  {
    clock: { nowMs: () => Date.now() },
    credentials: { lookup: (key) => (key === EXAMPLE.accessKey ? EXAMPLE : undefined) },
  },
);

interface Caught extends SignedRequest, PayloadRequest {
  readonly headers: HttpHeaders;
  readonly content: Buffer;
}

function caught(
  line: { readonly method: string; readonly path: string },
  headers: Readonly<Record<string, string>>,
  content: Buffer,
): Caught {
  const mark = line.path.indexOf("?");
  const flat = Object.entries(headers).flatMap(([name, value]) => [name.toLowerCase(), value]);
  return {
    method: line.method,
    rawPath: mark < 0 ? line.path : line.path.slice(0, mark),
    rawQuery: mark < 0 ? "" : line.path.slice(mark + 1),
    headers: new HttpHeaders(flat),
    contentLength: content.length,
    chunked: false,
    content,
    body: {
      start(sink: HttpBodySink) {
        for (let offset = 0; offset < content.length; offset += 1000) {
          sink.write(content.subarray(offset, offset + 1000));
        }
        sink.end();
      },
      resume() {},
      discard() {},
    },
  };
}

async function collect(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body);
  const pieces: Buffer[] = [];
  for await (const piece of Readable.from(body as Readable)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

const HOST = "storage.example.com:9000";

class Stop extends Error {}

/** What the SDK would have sent. */
async function catchSdk(send: (client: S3Client) => Promise<unknown>): Promise<Caught> {
  let found: Caught | undefined;
  const client = new S3Client({
    region: "eu-west-1",
    endpoint: `http://${HOST}`,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: EXAMPLE.accessKey, secretAccessKey: EXAMPLE.secretKey },
    requestHandler: {
      async handle(request: {
        method: string;
        path: string;
        query: Record<string, string | string[] | null>;
        headers: Record<string, string>;
        body: unknown;
      }) {
        const query = Object.entries(request.query).flatMap(([name, value]) =>
          [value].flat().map((one) => {
            const key = encodeURIComponent(name);
            return one === null ? key : `${key}=${encodeURIComponent(one)}`;
          }),
        );
        const path = query.length === 0 ? request.path : `${request.path}?${query.join("&")}`;
        const content = await collect(request.body);
        found = caught({ method: request.method, path }, request.headers, content);
        throw new Stop("caught");
      },
      metadata: { handlerProtocol: "http/1.1" },
      updateHttpClientConfig() {},
      httpHandlerConfigs: () => ({}),
    },
  });
  try {
    await send(client);
  } catch (error) {
    if (found === undefined) throw error;
  }
  client.destroy();
  if (found === undefined) throw new Error("the SDK sent nothing");
  return found;
}

function receive(request: Caught): RecordingSink {
  const source = createPayloadSource(request, authenticator.authenticate(request));
  const sink = new RecordingSink();
  source.start(sink);
  return sink;
}

const KEYS = ["plain", "a b/c+d", "ü/日本/😀", "!*'()&=@:,$~-_.", "..//./x/", "100%25"];

for (const key of KEYS) {
  test(`AWS SDK: GetObject of ${key} is signed`, async (t) => {
    const request = await catchSdk((client) =>
      client.send(
        new GetObjectCommand({
          Bucket: "bucket",
          Key: key,
          VersionId: "a+b c",
          Range: "bytes=0-9",
        }),
      ),
    );
    t.match(authenticator.authenticate(request), { kind: "signed", via: "header" });
  });

  test(`AWS SDK: a presigned GetObject of ${key} is signed`, async (t) => {
    const client = new S3Client({
      region: "eu-west-1",
      endpoint: `http://${HOST}`,
      forcePathStyle: true,
      credentials: {
        accessKeyId: EXAMPLE.accessKey,
        secretAccessKey: EXAMPLE.secretKey,
      },
    });
    const command = new GetObjectCommand({
      Bucket: "bucket",
      Key: key,
      ResponseContentDisposition: 'attachment; filename="ü +.txt"',
    });
    // Not by way of URL, which would resolve dots in the path.
    const text = await getSignedUrl(client, command, { expiresIn: 60 });
    const path = text.slice(text.indexOf(HOST) + HOST.length);
    const request = caught({ method: "GET", path }, { host: HOST }, Buffer.alloc(0));
    t.match(authenticator.authenticate(request), { kind: "signed", via: "query" });
    client.destroy();
  });
}

test("AWS SDK: PutObject of a buffer promises a digest and a checksum", async (t) => {
  const content = Buffer.from("hello, storage");
  const request = await catchSdk((client) =>
    client.send(
      new PutObjectCommand({
        Bucket: "bucket",
        Key: "k",
        Body: content,
        ContentType: "text/plain",
        Metadata: { name: "Grüße  mit   Abstand", other: "x" },
        IfNoneMatch: "*",
      }),
    ),
  );
  const source = createPayloadSource(request, authenticator.authenticate(request));
  t.match(source.expectations, { checksum: { algorithm: "crc32" } });
  const sink = new RecordingSink();
  source.start(sink);
  t.ok(sink.data.equals(content));
});

test("AWS SDK: PutObject of a stream comes in chunks with a trailer", async (t) => {
  const content = Buffer.alloc(150_000, "stream ");
  for (const algorithm of ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"] as const) {
    const request = await catchSdk((client) =>
      client.send(
        new PutObjectCommand({
          Bucket: "bucket",
          Key: "k",
          Body: Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]),
          ContentLength: content.length,
          ChecksumAlgorithm: algorithm,
        }),
      ),
    ).catch((error: unknown) => error);
    if (request instanceof Error) {
      // Some algorithms need packages that are not installed here.
      t.match(request.message, /CRC|crc/);
      continue;
    }
    const auth = authenticator.authenticate(request as Caught);
    t.match(auth.payload, { kind: "chunked-unsigned" }, algorithm);
    const sink = receive(request as Caught);
    t.ok(sink.data.equals(content), algorithm);
    const name = algorithm.toLowerCase();
    t.match(sink.outcome, { kind: "ended", trailing: { checksum: { algorithm: name } } });
  }
});

test("AWS SDK: documents and lists", async (t) => {
  const deletion = await catchSdk((client) =>
    client.send(
      new DeleteObjectsCommand({
        Bucket: "bucket",
        Delete: { Objects: KEYS.map((Key) => ({ Key, VersionId: "v" })), Quiet: true },
      }),
    ),
  );
  const sink = receive(deletion);
  t.strictSame(parseDeleteObjects(sink.data), {
    entries: KEYS.map((key) => ({ key, versionId: "v" })),
    quiet: true,
  });
  const completion = await catchSdk((client) =>
    client.send(
      new CompleteMultipartUploadCommand({
        Bucket: "bucket",
        Key: "k",
        UploadId: "u+/=",
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: '"a"', ChecksumCRC32: "AAAAAQ==" }] },
      }),
    ),
  );
  t.match(await parseCompleteUpload(receive(completion).data), [{ number: 1, etag: "a" }]);
  const list = await catchSdk((client) =>
    client.send(
      new ListObjectsV2Command({
        Bucket: "bucket",
        Prefix: "a b/ü+",
        Delimiter: "/",
        ContinuationToken: "t+/=",
        MaxKeys: 7,
      }),
    ),
  );
  t.equal(authenticator.authenticate(list).kind, "signed");
  const copy = await catchSdk((client) =>
    client.send(
      new CopyObjectCommand({ Bucket: "bucket", Key: "k", CopySource: "bucket/a%20b?versionId=v" }),
    ),
  );
  t.equal(authenticator.authenticate(copy).kind, "signed");
});

test("AWS SDK: a presigned PutObject promises the checksum in its URL", async (t) => {
  const client = new S3Client({
    region: "eu-west-1",
    endpoint: `http://${HOST}`,
    forcePathStyle: true,
    credentials: { accessKeyId: EXAMPLE.accessKey, secretAccessKey: EXAMPLE.secretKey },
  });
  const command = new PutObjectCommand({
    Bucket: "bucket",
    Key: "k",
    ChecksumSHA256: Buffer.alloc(32, 1).toString("base64"),
    Metadata: { a: "b" },
  });
  const url = new URL(await getSignedUrl(client, command, { expiresIn: 60 }));
  const path = url.href.slice(url.origin.length);
  const request = caught({ method: "PUT", path }, { host: url.host }, Buffer.from("x"));
  const source = createPayloadSource(request, authenticator.authenticate(request));
  t.match(source.expectations, { checksum: { algorithm: "sha256" } });
  const changed = caught({ method: "GET", path }, { host: url.host }, Buffer.from("x"));
  t.throws(() => authenticator.authenticate(changed), { code: "SignatureDoesNotMatch" });
  client.destroy();
});

/** What the MinIO client would have sent. */
async function catchMinio(send: (client: Client) => Promise<unknown>): Promise<Caught> {
  let found: Promise<Caught> | undefined;
  const { Writable } = await import("node:stream");
  const transport = {
    request(options: { method: string; path: string; headers: Record<string, string> }) {
      const pieces: Buffer[] = [];
      const writable = new Writable({
        write(piece: Buffer, _encoding, done) {
          pieces.push(Buffer.from(piece));
          done();
        },
        final(done) {
          done();
          found = Promise.resolve(caught(options, options.headers, Buffer.concat(pieces)));
          writable.emit("error", new Stop("caught"));
        },
      });
      return writable;
    },
  };
  const client = new Client({
    endPoint: "storage.example.com",
    port: 9000,
    useSSL: false,
    region: "eu-west-1",
    accessKey: EXAMPLE.accessKey,
    secretKey: EXAMPLE.secretKey,
    // The option asks for a module like node:http; this is the part of it that the client uses.
    transport: transport as never,
  });
  try {
    await send(client);
  } catch (error) {
    if (found === undefined) throw error;
  }
  if (found === undefined) throw new Error("the MinIO client sent nothing");
  return found;
}

test("MinIO client: its requests are signed", async (t) => {
  for (const key of KEYS) {
    const request = await catchMinio((client) => client.statObject("bucket", key));
    t.match(authenticator.authenticate(request), { kind: "signed", via: "header" }, key);
  }
  const content = Buffer.from("hello, storage");
  const put = await catchMinio((client) =>
    client.putObject("bucket", "k", content, content.length, { "X-Amz-Meta-A": "b" }),
  );
  const source = createPayloadSource(put, authenticator.authenticate(put));
  const sink = new RecordingSink();
  source.start(sink);
  t.ok(sink.data.equals(content));
});

test("MinIO client: its presigned URLs are signed", async (t) => {
  const client = new Client({
    endPoint: "storage.example.com",
    port: 9000,
    useSSL: false,
    region: "eu-west-1",
    accessKey: EXAMPLE.accessKey,
    secretKey: EXAMPLE.secretKey,
  });
  for (const key of KEYS) {
    const text = await client.presignedUrl("GET", "bucket", key, 60, {
      "response-content-type": "text/plain; charset=ü",
    });
    const path = text.slice(text.indexOf(HOST) + HOST.length);
    const request = caught({ method: "GET", path }, { host: HOST }, Buffer.alloc(0));
    t.match(authenticator.authenticate(request), { kind: "signed", via: "query" }, key);
  }
});
