/** Request bodies: framing, back-pressure, bodies that nobody reads, clients that vanish. */
import { type Test, test } from "tap";
import { createDeferred, type Deferred } from "../../src/base/deferred.ts";
import { readBody } from "../../src/http/read-body.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../../src/http/request.ts";
import {
  type BodyRecord,
  patternBytes,
  recordBody,
  requestText,
  run,
  type ServerUnderTest,
  sha256,
  turns,
  until,
} from "./http-fixture.ts";
import type { RawClient } from "./http-raw-client.ts";

export function testBodies(under: ServerUnderTest): void {
  testFraming(under);
  if (under.traits.heedsExpect) testExpectations(under);
  testBackPressure(under);
  testUnreadBodies(under);
  testVanishingUploads(under);
}

const answerDigest: HttpHandler = async (request, response) => {
  const body = recordBody(request);
  await body.ended.promise;
  response.send(200, [], `${body.ends.join()} ${body.bytes} ${body.digest()}`);
};

/** Sends in pieces of odd sizes, each in its own turn. */
async function sendInPieces(client: RawClient, bytes: Buffer, sizes: readonly number[]) {
  let offset = 0;
  for (let piece = 0; offset < bytes.length; piece++) {
    const size = sizes[piece % sizes.length] ?? 1;
    client.send(bytes.subarray(offset, offset + size));
    offset += size;
    await turns(1);
  }
}

function encodeChunks(bytes: Buffer, sizes: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let offset = 0;
  for (let piece = 0; offset < bytes.length; piece++) {
    const chunk = bytes.subarray(offset, offset + (sizes[piece % sizes.length] ?? 1));
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
    offset += chunk.length;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

function testFraming(under: ServerUnderTest): void {
  test(`${under.name}: bodies arrive whole, of known length and chunked`, async (t) => {
    const { connect } = await run(t, under, answerDigest);
    const client = await connect();
    client.socket.setNoDelay(true);
    for (const length of [1, 2, 1000, 300_001]) {
      const bytes = patternBytes(length);
      const wanted = `end ${length} ${sha256(bytes)}`;
      client.send(requestText("PUT /", [`Content-Length: ${length}`]));
      await sendInPieces(client, bytes, [1, 7, 4096, 70_001]);
      t.equal((await client.readResponse()).body.toString(), wanted);
      client.send(requestText("PUT /", ["Transfer-Encoding: chunked"]));
      const chunks = encodeChunks(bytes, [1, 16, 255, 4096, 70_000]);
      await sendInPieces(client, chunks, [3, 11, 5000, 65_537]);
      t.equal((await client.readResponse()).body.toString(), wanted);
    }
  });

  test(`${under.name}: empty bodies end at once, however they are declared`, async (t) => {
    const { connect } = await run(t, under, answerDigest);
    const client = await connect();
    const wanted = `end 0 ${sha256(Buffer.alloc(0))}`;
    client.send(requestText("PUT /"));
    t.equal((await client.readResponse()).body.toString(), wanted);
    client.send(requestText("PUT /", ["Content-Length: 0"]));
    t.equal((await client.readResponse()).body.toString(), wanted);
    client.send(`${requestText("PUT /", ["Transfer-Encoding: chunked"])}0\r\n\r\n`);
    t.equal((await client.readResponse()).body.toString(), wanted);
  });

  test(`${under.name}: a client that expects 100 Continue gets it before it sends`, async (t) => {
    const { connect } = await run(t, under, answerDigest);
    const client = await connect();
    client.send(requestText("PUT /", ["Content-Length: 3", "Expect: 100-continue"]));
    t.equal((await client.readHead()).status, 100);
    client.send("abc");
    t.equal((await client.readResponse()).body.toString(), `end 3 ${sha256(Buffer.from("abc"))}`);
  });

  test(`${under.name}: a body waits for a handler that starts it late`, async (t) => {
    const go = createDeferred<void>();
    const { connect } = await run(t, under, async (request, response) => {
      await go.promise;
      const body = await readBody(request, 1_000_000);
      response.send(200, [], sha256(body));
    });
    const client = await connect();
    const bytes = patternBytes(900_000);
    client.send(requestText("PUT /", [`Content-Length: ${bytes.length}`]));
    client.send(bytes);
    await turns(50);
    go.resolve();
    t.equal((await client.readResponse()).body.toString(), sha256(bytes));
  });
}

function testExpectations(under: ServerUnderTest): void {
  test(`${under.name}: who expects 100 Continue for an empty body gets it before the answer`, async (t) => {
    const { connect } = await run(t, under, (_, response) => response.send(200, [], "done"));
    const client = await connect();
    for (let round = 0; round < 2; round++) {
      client.send(requestText("PUT /", ["Content-Length: 0", "Expect: 100-continue"]));
      t.equal((await client.readHead()).status, 100);
      t.equal((await client.readResponse()).body.toString(), "done");
    }
  });

  test(`${under.name}: a refusal comes instead of 100 Continue, and ends the connection`, async (t) => {
    const { connect } = await run(t, under, async (_request, response) => response.send(403, []));
    const client = await connect();
    client.send(requestText("PUT /", ["Content-Length: 3", "Expect: 100-continue"]));
    const refusal = await client.readResponse();
    t.equal(refusal.status, 403);
    t.equal(refusal.headers.get("connection"), "close");
    await client.closed;
  });

  test(`${under.name}: expectations that S3 does not know are passed over`, async (t) => {
    const { connect } = await run(t, under, answerDigest);
    const client = await connect();
    client.send(`${requestText("PUT /", ["Content-Length: 3", "Expect: 200"])}abc`);
    t.equal((await client.readResponse()).body.toString(), `end 3 ${sha256(Buffer.from("abc"))}`);
  });
}

function testBackPressure(under: ServerUnderTest): void {
  test(`${under.name}: a sink that says stop is obeyed, the client is held back, nothing is lost`, async (t) => {
    const bytes = patternBytes(64 * 1024 * 1024);
    const stopped = createDeferred<void>();
    const go = createDeferred<void>();
    const { connect } = await run(t, under, async (request, response) => {
      const body = recordSlowly(t, request, { stopped, go });
      await body.ended.promise;
      response.send(200, [], `${body.ends.join()} ${body.bytes} ${body.digest()}`);
    });
    const client = await connect();
    client.send(requestText("PUT /", [`Content-Length: ${bytes.length}`]));
    client.send(bytes);
    await stopped.promise;
    // Many more turns than the whole body would take: what is not held back would be gone.
    await turns(600);
    t.ok(client.socket.writableLength > 0, "the client is held back");
    go.resolve();
    t.equal((await client.readResponse()).body.toString(), `end ${bytes.length} ${sha256(bytes)}`);
  });
}

/** Stops after the first chunk until `go`, later at every chunk for one turn. */
function recordSlowly(
  t: Test,
  request: HttpRequest,
  gate: { stopped: Deferred<void>; go: Deferred<void> },
): BodyRecord {
  let paused = false;
  let inner: Parameters<HttpRequest["body"]["start"]>[0] | undefined;
  const record = recordBody({
    ...request,
    body: {
      start(sink) {
        inner = sink;
      },
      resume() {},
      discard() {},
    },
  });
  const resumeLater = async () => {
    await gate.go.promise;
    await turns(1);
    paused = false;
    request.body.resume();
  };
  request.body.start({
    write(chunk) {
      if (paused) t.fail("a chunk came while the sink had said stop");
      paused = true;
      inner?.write(chunk);
      gate.stopped.resolve();
      resumeLater().catch(t.error);
      return false;
    },
    end: () => inner?.end(),
    fail: (error) => inner?.fail(error),
  });
  return record;
}

function testUnreadBodies(under: ServerUnderTest): void {
  const refuse = (_: HttpRequest, response: HttpResponse) => response.send(403, [], "no");

  test(`${under.name}: an answer without reading the body keeps the connection in step`, async (t) => {
    const { connect } = await run(t, under, refuse);
    const client = await connect();
    const bytes = patternBytes(2_000_000);
    client.send(requestText("PUT /", [`Content-Length: ${bytes.length}`]));
    client.send(bytes);
    t.equal((await client.readResponse()).status, 403);
    client.send(requestText("PUT /", ["Transfer-Encoding: chunked"]));
    client.send(encodeChunks(bytes, [100_000]));
    const second = await client.readResponse();
    t.equal(second.body.toString(), "no");
    t.not(second.headers.get("connection"), "close");
    client.send(requestText("GET /"));
    t.equal((await client.readResponse()).status, 403);
  });

  test(`${under.name}: a handler may give up in the middle of a body`, async (t) => {
    const { connect } = await run(t, under, (request, response) => {
      request.body.start({
        write() {
          if (!response.started) response.send(400, [], "enough");
          return true;
        },
        end: () => t.fail("told the end after the answer"),
        fail: () => t.fail("told a failure after the answer"),
      });
    });
    const client = await connect();
    const bytes = patternBytes(3_000_000);
    client.send(requestText("PUT /", [`Content-Length: ${bytes.length}`]));
    client.send(bytes);
    t.equal((await client.readResponse()).body.toString(), "enough");
    client.send(requestText("GET /"));
  });

  test(`${under.name}: more unread body than the limit is answered and the connection closed`, async (t) => {
    const limits = { drainBytesMax: 64 * 1024 };
    const { connect } = await run(t, under, refuse, { limits });
    const client = await connect();
    client.send(requestText("PUT /", ["Content-Length: 10000000"]));
    client.send(patternBytes(128 * 1024));
    const answer = await client.readResponse();
    t.equal(answer.body.toString(), "no");
    t.equal(answer.headers.get("connection"), "close");
    await client.closed;
  });

  test(`${under.name}: an unread body that does not come holds the answer back only so long`, async (t) => {
    const started = createDeferred<void>();
    const { connect, clock } = await run(t, under, (request, response) => {
      refuse(request, response);
      started.resolve();
    });
    const client = await connect();
    client.send(requestText("PUT /", ["Content-Length: 1000"]));
    await started.promise;
    t.equal(client.received.length, 0);
    clock.advance(20_000);
    const answer = await client.readResponse();
    t.equal(answer.status, 403);
    t.equal(answer.headers.get("connection"), "close");
    await client.closed;
  });
}

function testVanishingUploads(under: ServerUnderTest): void {
  const vanishings: Array<[how: string, vanish: (client: RawClient) => void]> = [
    ["resets", (client) => client.vanish()],
    ["closes", (client) => client.socket.destroy()],
    ["half-closes", (client) => client.socket.end()],
    ["breaks its chunks", (client) => client.send("zz\r\n")],
  ];
  for (const [how, vanish] of vanishings) {
    test(`${under.name}: an upload fails exactly once when the client ${how}`, async (t) => {
      let aborts = 0;
      const records: BodyRecord[] = [];
      const { connect, server } = await run(t, under, (request, response) => {
        response.onAbort(() => aborts++);
        records.push(recordBody(request));
      });
      const client = await connect();
      client.send(requestText("PUT /", ["Transfer-Encoding: chunked"]));
      client.send("5\r\nhello\r\n");
      await until(() => records[0]?.bytes === 5);
      vanish(client);
      await records[0]?.ended.promise;
      await turns(20);
      t.strictSame(records[0]?.ends, ["client-gone"]);
      t.equal(aborts, 1);
      await server.stop(60_000);
    });
  }

  test(`${under.name}: a client that stands still in an upload is dropped after the limit`, async (t) => {
    const records: BodyRecord[] = [];
    const { connect, clock } = await run(t, under, (request) => {
      records.push(recordBody(request));
    });
    const client = await connect();
    client.send(requestText("PUT /", ["Content-Length: 10"]));
    client.send("hello");
    await until(() => records[0]?.bytes === 5);
    clock.advance(40_000);
    client.send("w");
    await until(() => records[0]?.bytes === 6);
    clock.advance(40_000);
    await turns(20);
    t.strictSame(records[0]?.ends, [], "a byte in between sets the clock back");
    clock.advance(40_000);
    await client.closed;
    t.strictSame(records[0]?.ends, ["client-gone"]);
  });
}
