/**
 * The ceiling of a small-object path on this machine, as a program: uWebSockets.js, hashing of the
 * kind Signature V4 needs, SHA-256 and MD5 of the body, and four LMDB environments that are each
 * flushed before the answer. No S3, no records, no quorum, no threads of ours: nothing that does
 * the real work can be faster by much.
 *
 * Usage: node ceiling-server.js FOLDER; prints `listening PORT`.
 */

import uws from "uWebSockets.js";
import { createHash, createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";

const folder = process.argv[2] ?? "ceiling";
const DRIVES = 4;

const environments = Array.from({ length: DRIVES }, (_, index) => {
  const path = join(folder, `drive${index + 1}`);
  mkdirSync(path, { recursive: true });
  return open<Buffer, string>({
    path: join(path, "index.mdb"),
    encoding: "binary",
    overlappingSync: false,
    compression: false,
    mapSize: 64 * 2 ** 30,
  });
});

/** What verifying a Signature V4 header costs at least: one digest and one HMAC over headers. */
function hashHeaders(request: uws.HttpRequest): void {
  let canonical = `${request.getMethod()}\n${request.getUrl()}\n${request.getQuery()}\n`;
  request.forEach((name, value) => {
    canonical += `${name}:${value}\n`;
  });
  const digest = createHash("sha256").update(canonical).digest("hex");
  createHmac("sha256", "signing key").update(digest).digest("hex");
}

const app = uws.App();

app.put("/*", (response, request) => {
  hashHeaders(request);
  const key = request.getUrl();
  let aborted = false;
  let body = Buffer.alloc(0);
  response.onAborted(() => {
    aborted = true;
  });
  response.onData((chunk, isLast) => {
    body =
      body.length === 0 ? Buffer.from(chunk.slice(0)) : Buffer.concat([body, Buffer.from(chunk)]);
    if (!isLast) return;
    const etag = createHash("md5").update(body).digest("hex");
    createHash("sha256").update(body).digest("hex");
    void Promise.all(environments.map((environment) => environment.put(key, body))).then(() => {
      if (aborted) return;
      response.cork(() => response.writeHeader("ETag", etag).end());
    });
  });
});

app.get("/*", (response, request) => {
  hashHeaders(request);
  const value = environments[0]?.get(request.getUrl());
  if (value === undefined) response.writeStatus("404 Not Found").end();
  else response.writeHeader("ETag", "x").end(value);
});

app.listen("127.0.0.1", 0, (socket) => {
  if (socket === false) throw new Error("cannot listen");
  process.stdout.write(`listening ${uws.us_socket_local_port(socket)}\n`);
});
