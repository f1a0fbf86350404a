/** Identities of the settings: made once, and only once. */

import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, ListBucketsCommand } from "@aws-sdk/client-s3";
import { test } from "tap";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { createClient, failureOf } from "../support/s3-client.ts";
import { startServer } from "../support/server-process.ts";

const YAML = `
identities:
  policies:
    buckets-only:
      Version: "2012-10-17"
      Statement:
        - Effect: Allow
          Action: "s3:ListAllMyBuckets"
          Resource: "*"
  users:
    - name: alice
      secret: secret-of-alice
      policies: [buckets-only]
  groups:
    - name: readers
      members: [alice]
      policies: [readonly]
  keys:
    - access-key: alices-key
      secret: secret-of-key
      user: alice
`;

test("identities of the settings are made at the first start and not again", async (t) => {
  const config = join(mkdtempSync(join(tmpdir(), "ringfort-seed-")), "ringfort.yaml");
  writeFileSync(config, YAML);
  let server = await startServer({ drives: 1, flags: ["--config", config] });
  const client = createClient(server, {
    credentials: { accessKeyId: "alices-key", secretAccessKey: "secret-of-key" },
  });
  t.strictSame((await client.send(new ListBucketsCommand({}))).Buckets ?? [], []);
  const missing = await failureOf(client.send(new GetObjectCommand({ Bucket: "none", Key: "k" })));
  t.strictSame(missing, { name: "NoSuchBucket", status: 404 });
  t.equal(codeOf(await adminOf(server).remove("remove-user", { accessKey: "alice" })), "done");
  const { folder, port } = server;
  t.notOk(server.output().includes("secret-of-"));
  t.equal(await server.stop(), 0);
  server = await startServer({ drives: 1, flags: ["--config", config], folder, port });
  const gone = await failureOf(client.send(new ListBucketsCommand({})));
  t.strictSame(gone, { name: "InvalidAccessKeyId", status: 403 }, "what was removed stays removed");
  t.match(JSON.parse((await adminOf(server).get("list-canned-policies")).text), {
    "buckets-only": {},
  });
  client.destroy();
  t.equal(await server.stop(), 0);
  server.clean();
});
