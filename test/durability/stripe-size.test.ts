/** The stripe size may be lowered and raised at will: what is stored can always be read. */
import { randomBytes } from "node:crypto";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { test } from "tap";
import { createClient } from "../support/s3-client.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";

const BODY_BYTES = 6_000_000;

async function put(server: ServerProcess, key: string): Promise<Buffer> {
  const s3 = createClient(server);
  const body = randomBytes(BODY_BYTES);
  await s3.send(new PutObjectCommand({ Bucket: "stripes", Key: key, Body: body }));
  s3.destroy();
  return body;
}

async function get(server: ServerProcess, key: string): Promise<Buffer> {
  const s3 = createClient(server);
  const answer = await s3.send(new GetObjectCommand({ Bucket: "stripes", Key: key }));
  const body = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
  s3.destroy();
  return body;
}

test("stripe-data-bytes: data written with other stripes than today's is readable", {
  timeout: 400_000,
}, async (t) => {
  const start = (stripes: string, folder?: string, memory = "128MiB") =>
    startServer({
      ...(folder === undefined ? {} : { folder }),
      environment: { RINGFORT_STRIPE_DATA_BYTES: stripes, RINGFORT_MEMORY: memory },
    });
  let server = await start("4MiB");
  const { folder } = server;
  t.teardown(() => server.clean());
  const s3 = createClient(server);
  await s3.send(new CreateBucketCommand({ Bucket: "stripes" }));
  s3.destroy();
  const stored = new Map([["large stripes", await put(server, "large stripes")]]);
  t.equal(await server.stop(), 0);

  for (const stripes of ["64KiB", "2MiB"]) {
    server = await start(stripes, folder);
    stored.set(stripes, await put(server, stripes));
    for (const [key, body] of stored) t.ok(body.equals(await get(server, key)), key);
    t.equal(await server.stop(), 0);
  }

  await t.rejects(start("64KiB", folder, "64MiB"), {
    message: /written with stripe-data-bytes 4MiB, and memory \(64MiB\).*set memory to 128MiB/,
  });
});
