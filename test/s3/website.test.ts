/** Buckets as websites: pages, folders, errors, redirects, and what a visitor may not do. */
import { request } from "node:http";
import {
  CreateBucketCommand,
  DeleteBucketWebsiteCommand,
  PutBucketCorsCommand,
  PutBucketPolicyCommand,
  PutBucketWebsiteCommand,
  PutObjectCommand,
  type S3Client,
  type WebsiteConfiguration,
} from "@aws-sdk/client-s3";
import { test } from "tap";
import { createClient, failureOf, newBucketName } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const DOMAIN = "web.test";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** As a browser that found the bucket's host name at this server. */
function visit(
  server: ServerProcess,
  bucket: string,
  path: string,
  more: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "GET", headers = {} } = more;
    const sent = request(
      {
        host: "127.0.0.1",
        port: server.port,
        path,
        method,
        headers: { Host: `${bucket}.${DOMAIN}:${server.port}`, ...headers },
      },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8");
        answer.on("data", (text: string) => {
          body += text;
        });
        answer.on("end", () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
        );
      },
    );
    sent.on("error", reject);
    sent.end();
  });
}

async function put(client: S3Client, Bucket: string, objects: Readonly<Record<string, string>>) {
  for (const [Key, Body] of Object.entries(objects)) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: "text/html" }));
  }
}

async function allow(client: S3Client, Bucket: string, actions: readonly string[]) {
  const Statement = actions.map((action) => ({
    Effect: "Allow",
    Principal: "*",
    Action: `s3:${action}`,
    Resource: [
      `arn:aws:s3:::${Bucket}`,
      `arn:aws:s3:::${Bucket}/public/*`,
      `arn:aws:s3:::${Bucket}/*`,
    ].slice(action === "ListBucket" ? 0 : 2, action === "ListBucket" ? 1 : 3),
  }));
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
}

function configure(client: S3Client, Bucket: string, configuration: WebsiteConfiguration) {
  const WebsiteConfiguration = configuration;
  return client.send(new PutBucketWebsiteCommand({ Bucket, WebsiteConfiguration }));
}

const PAGES: WebsiteConfiguration = {
  IndexDocument: { Suffix: "index.html" },
  ErrorDocument: { Key: "oops.html" },
};

test("website: a visitor sees pages, folders, errors and redirects, and nothing else", async (t) => {
  const server = await startServer({
    drives: 1,
    environment: { RINGFORT_WEBSITE_DOMAINS: DOMAIN },
  });
  t.teardown(async () => {
    await server.stop();
    server.clean();
  });
  const client = createClient(server);
  const Bucket = newBucketName("site");
  await client.send(new CreateBucketCommand({ Bucket }));
  const large = "x".repeat(300_000);
  await put(client, Bucket, {
    "index.html": "root",
    "docs/index.html": "docs",
    "a b.html": "blank",
    "large.html": large,
  });
  const see = (path: string, more = {}) => visit(server, Bucket, path, more);

  const none = await see("/");
  t.equal(none.status, 404);
  t.match(none.body, /NoSuchWebsiteConfiguration/);
  t.equal((await visit(server, "no-such-bucket", "/")).body.includes("NoSuchBucket"), false);

  await configure(client, Bucket, PAGES);
  const closed = await see("/");
  t.equal(closed.status, 403, "a website is not public by being one");
  t.match(closed.body, /<li>Code: AccessDenied<\/li>[\s\S]*Retrieve a Custom Error Document/);
  t.match(closed.headers["content-type"], /text\/html/);

  await allow(client, Bucket, ["GetObject"]);
  t.match(await see("/"), { status: 200, body: "root" });
  t.match(await see("/docs/"), { status: 200, body: "docs" });
  t.match(await see("/a%20b.html"), { status: 200, body: "blank" });
  t.equal((await see("/large.html")).body.length, large.length);
  t.match(await see("/index.html", { headers: { Range: "bytes=1-2" } }), {
    status: 206,
    body: "oo",
  });
  t.equal((await see("/index.html", { headers: { Range: "bytes=9-" } })).status, 416);
  const etag = String((await see("/")).headers["etag"]);
  t.equal((await see("/", { headers: { "If-None-Match": etag } })).status, 304);
  const head = await see("/", { method: "HEAD" });
  t.match(head, { status: 200, body: "", headers: { "content-length": "4" } });
  t.match(await see("/docs"), { status: 302, headers: { location: "/docs/" } });
  t.equal((await see("/index.html?acl")).body, "root", "parameters count for nothing");
  t.equal((await see("/?versions&delete")).body, "root");
  t.match(await see("/absent"), { status: 403 }, "who may not list is not told");
  await allow(client, Bucket, ["GetObject", "ListBucket"]);
  t.match(await see("/absent"), { status: 404 });
  t.match((await see("/<b>")).body, /&lt;b&gt;/);
  await put(client, Bucket, { "oops.html": "sorry" });
  t.match(await see("/absent", { headers: { Range: "bytes=0-0" } }), {
    status: 404,
    body: "sorry",
  });
  t.match(await see("/absent", { method: "HEAD" }), { status: 404, body: "" });

  for (const method of ["PUT", "POST", "DELETE", "PATCH"]) {
    const refused = await see("/index.html", { method });
    t.equal(refused.status, 405, method);
    t.match(refused.headers["allow"], /GET/);
  }
  const Authorization = "AWS4-HMAC-SHA256 Credential=minioadmin/20260101/us-east-1/s3/aws4_request";
  t.equal((await see("/", { headers: { Authorization } })).status, 200, "keys are not looked at");

  await client.send(
    new PutObjectCommand({ Bucket, Key: "old", Body: "", WebsiteRedirectLocation: "/new?x=1" }),
  );
  t.match(await see("/old"), { status: 301, headers: { location: "/new?x=1" } });
  const bad = new PutObjectCommand({
    Bucket,
    Key: "bad",
    Body: "",
    WebsiteRedirectLocation: "new",
  });
  t.match(await failureOf(client.send(bad)), { name: "InvalidRedirectLocation", status: 400 });

  await configure(client, Bucket, {
    ...PAGES,
    RoutingRules: [
      {
        Condition: { KeyPrefixEquals: "wiki/" },
        Redirect: { ReplaceKeyPrefixWith: "docs/", HttpRedirectCode: "307" },
      },
      {
        Condition: { HttpErrorCodeReturnedEquals: "404", KeyPrefixEquals: "app/" },
        Redirect: { ReplaceKeyPrefixWith: "#!/" },
      },
    ],
  });
  const host = `http://${Bucket}.${DOMAIN}:${server.port}`;
  t.match(await see("/wiki/x"), { status: 307, headers: { location: `${host}/docs/x` } });
  t.match(await see("/app/1"), { status: 301, headers: { location: `${host}/#!/1` } });
  t.match(await see("/other"), { status: 404, body: "sorry" });

  await client.send(
    new PutBucketCorsCommand({
      Bucket,
      CORSConfiguration: {
        CORSRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["http://o.test"] }],
      },
    }),
  );
  const Origin = "http://o.test";
  const crossed = await see("/", { headers: { Origin } });
  t.equal(crossed.headers["access-control-allow-origin"], Origin);
  const preflight = { Origin, "Access-Control-Request-Method": "GET" };
  t.equal((await see("/", { method: "OPTIONS", headers: preflight })).status, 200);

  await configure(client, Bucket, {
    RedirectAllRequestsTo: { HostName: "else.test", Protocol: "https" },
  });
  t.match(await see("/a/b?c=d"), {
    status: 301,
    headers: { location: "https://else.test/a/b?c=d" },
  });
  await client.send(new DeleteBucketWebsiteCommand({ Bucket }));
  t.equal((await see("/")).status, 404);
  t.equal((await visit(server, "x".repeat(70), "/")).status, 400, "no name of a bucket");
});
