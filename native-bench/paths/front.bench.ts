/**
 * What the HTTP interface costs: the library bare, doing the least that can be called an answer,
 * against our servers behind `HttpRequest` and `HttpResponse`, with the same load.
 */
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { silentLogger } from "../../src/base/log.ts";
import { HTTP_LIMITS } from "../../src/http/limits.ts";
import { createNetServer } from "../../src/http/net-server.ts";
import { createNodeServer } from "../../src/http/node-server.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../../src/http/request.ts";
import type { HttpServer } from "../../src/http/server.ts";
import { createUwsServer } from "../../src/http/uws-server.ts";
import type { Bench, BenchCase, BenchGroup, BenchSize } from "../harness.ts";
import type { LoadOrder } from "./front-load.ts";

type Library = typeof import("uWebSockets.js");
type App = ReturnType<Library["App"]>;

const SMALL_BYTES = 4096;
const UPLOAD_BYTES = 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const ANSWER_HEADERS = [
  ["Server", "Ringfort"],
  ["ETag", '"9bb58f26192e4ba00f01e2e7b136bbd8"'],
  ["Last-Modified", "Sun, 22 Nov 2026 16:00:00 GMT"],
  ["Content-Type", "application/octet-stream"],
  ["x-amz-request-id", "186A1C2B3D4E5F60"],
] as const;

const REQUEST_HEADERS = [
  "Host: localhost:9000",
  "User-Agent: aws-sdk-js/3.1169.0 os/linux lang/js md/nodejs#20.20.2 api/s3#3.1169.0",
  "x-amz-date: 20261122T160000Z",
  "x-amz-content-sha256: UNSIGNED-PAYLOAD",
  "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024",
  "amz-sdk-request: attempt=1; max=3",
  "Connection: keep-alive",
].join("\r\n");

interface Sizes {
  readonly connections: number;
  readonly batches: number;
  readonly uploads: number;
  readonly downloadChunks: number;
}

const SIZES: Readonly<Record<BenchSize, Sizes>> = {
  tiny: { connections: 2, batches: 1, uploads: 1, downloadChunks: 2 },
  full: { connections: 16, batches: 10, uploads: 8, downloadChunks: 64 },
};

const small = Buffer.alloc(SMALL_BYTES, "s");
const chunk = new Uint8Array(new SharedArrayBuffer(CHUNK_BYTES)).fill(99);
const stops: Array<() => void | Promise<void>> = [];

export const bench: Bench = {
  name: "front",
  async prepare(size) {
    const sizes = SIZES[size];
    const worker = new Worker(new URL("./front-load.js", import.meta.url));
    stops.push(async () => {
      await worker.terminate();
    });
    const load = (order: LoadOrder) =>
      new Promise<void>((resolve, reject) => {
        worker.once("error", reject);
        worker.once("message", () => {
          worker.off("error", reject);
          resolve();
        });
        worker.postMessage(order);
      });
    const ports: Array<readonly [name: string, port: number]> = [
      ["uWebSockets.js bare", startBare(sizes)],
      ["createUwsServer", await startOurs(createUwsServer, sizes)],
      ["createNetServer", await startOurs(createNetServer, sizes)],
      ["createNodeServer", await startOurs(createNodeServer, sizes)],
    ];
    return groups(sizes).map(({ work, order, ...group }) => ({
      ...group,
      cases: ports.map(
        ([name, port], index): BenchCase => ({
          name,
          work,
          yardstick: index === 0,
          run: () => load({ ...order, name: group.name, port }),
        }),
      ),
    }));
  },
  async close() {
    for (const stop of stops.splice(0).reverse()) await stop();
  },
};

interface Plan extends Pick<BenchGroup, "name" | "unit"> {
  readonly work: number;
  readonly order: Omit<LoadOrder, "port" | "name">;
}

function groups(sizes: Sizes): Plan[] {
  const { connections, batches, uploads, downloadChunks } = sizes;
  const requestsInBatch = 32;
  const upload = requestBytes("PUT /sink", Buffer.alloc(UPLOAD_BYTES, "u"));
  return [
    {
      name: "GET 4 KiB, answered at once",
      unit: "op/s",
      work: connections * batches * requestsInBatch,
      order: { request: requestBytes("GET /small"), connections, batches, requestsInBatch },
    },
    {
      name: "PUT 1 MiB into a sink",
      unit: "MB/s",
      work: uploads * UPLOAD_BYTES * 2,
      order: { request: upload, connections: 2, batches: uploads, requestsInBatch: 1 },
    },
    {
      name: "GET in chunks of 1 MiB from shared memory",
      unit: "MB/s",
      work: downloadChunks * CHUNK_BYTES,
      order: {
        request: requestBytes("GET /large"),
        connections: 1,
        batches: 1,
        requestsInBatch: 1,
      },
    },
  ];
}

function requestBytes(line: string, body?: Buffer): Buffer {
  const length = body === undefined ? "" : `\r\nContent-Length: ${body.length}`;
  const head = Buffer.from(`${line} HTTP/1.1\r\n${REQUEST_HEADERS}${length}\r\n\r\n`);
  return body === undefined ? head : Buffer.concat([head, body]);
}

/** The library with nothing around it. */
function startBare(sizes: Sizes): number {
  const uws = createRequire(import.meta.url)("uWebSockets.js") as Library;
  const app = uws.App();
  app.get("/small", (res) => {
    // Corked for every request: a batch of answers overflows the library's own cork.
    res.cork(() => {
      res.writeStatus("200 OK");
      for (const [name, value] of ANSWER_HEADERS) res.writeHeader(name, value);
      res.end(small);
    });
  });
  app.put("/sink", (res) => {
    let bytes = 0;
    res.onAborted(() => {});
    res.onData((part, isLast) => {
      bytes += part.byteLength;
      if (isLast) res.end(String(bytes));
    });
  });
  app.get("/large", (res) => sendBare(res, sizes.downloadChunks * CHUNK_BYTES));
  return listenBare(uws, app);
}

function sendBare(res: import("uWebSockets.js").HttpResponse, total: number): void {
  res.onAborted(() => {});
  const send = (): boolean => {
    for (;;) {
      const inChunk = res.getWriteOffset() % CHUNK_BYTES;
      const [ok, done] = res.tryEnd(chunk.subarray(inChunk), total);
      if (done || !ok) return ok;
    }
  };
  res.onWritable(send);
  send();
}

function listenBare(uws: Library, app: App): number {
  let port = 0;
  app.listen("127.0.0.1", 0, (socket) => {
    if (socket === false) throw new Error("the bare server cannot listen");
    port = uws.us_socket_local_port(socket);
  });
  stops.push(() => {
    app.close();
  });
  return port;
}

async function startOurs(create: typeof createUwsServer, sizes: Sizes): Promise<number> {
  let requests = 0;
  const server: HttpServer = create(
    { listen: [{ host: "127.0.0.1", port: 0 }], limits: HTTP_LIMITS },
    {
      handler: handlerOf(sizes),
      requestId: () => `186A1C2B3D${++requests}`,
      clock: { nowMs: () => 0, monotonicMs: () => 0, after: () => ({ cancel() {} }) },
      log: silentLogger,
    },
  );
  await server.start();
  stops.push(() => server.stop(0));
  return server.addresses[0]?.port ?? 0;
}

function handlerOf(sizes: Sizes): HttpHandler {
  return (request, response) => {
    if (request.rawPath === "/small") {
      response.send(200, ANSWER_HEADERS, small);
      return undefined;
    }
    if (request.rawPath === "/sink") return answerSink(request, response);
    return sendLarge(response, sizes.downloadChunks);
  };
}

function answerSink(request: HttpRequest, response: HttpResponse): void {
  let bytes = 0;
  request.body.start({
    write(part) {
      bytes += part.byteLength;
      return true;
    },
    end: () => response.send(200, [], String(bytes)),
    fail: () => {},
  });
}

async function sendLarge(response: HttpResponse, chunks: number): Promise<void> {
  response.begin(200, [], chunks * CHUNK_BYTES);
  for (let sent = 0; sent < chunks && !response.aborted; sent++) {
    const taken = response.write(chunk);
    if (taken !== undefined) await taken;
  }
  response.end();
}
