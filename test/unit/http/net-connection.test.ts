/** What our own HTTP server does that the suite for all servers does not ask. */
import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import { CHUNK_OVERHEAD_BYTES_MAX } from "../../../src/http/body-decoder.ts";
import { createNetServer } from "../../../src/http/net-server.ts";
import { readBody } from "../../../src/http/read-body.ts";
import type { HttpHandler } from "../../../src/http/request.ts";
import {
  patternBytes,
  requestText,
  run,
  type ServerUnderTest,
  turns,
  until,
} from "../../compliance/http-fixture.ts";

const under: ServerUnderTest = {
  name: "createNetServer",
  create: createNetServer,
  traits: {
    pipelinesUnanswered: true,
    takesRawUtf8: true,
    takesSplitRequestLine: true,
    takesAnyHeaderName: true,
    answersNonsense: true,
    heedsExpect: true,
    answersManyHeaders: true,
  },
};

const answerPath: HttpHandler = (request, response) => response.send(200, [], request.rawPath);
const answerLength: HttpHandler = async (request, response) => {
  const body = await readBody(request, 1_000_000);
  response.send(200, [], String(body.length));
};

test("NetConnection: an idle connection is closed after the limit, not before", async (t) => {
  const { connect, clock } = await run(t, under, answerPath);
  const [client, fresh] = [await connect(), await connect()];
  client.send(requestText("GET /1"));
  t.equal((await client.readResponse()).body.toString(), "/1");
  clock.advance(8_000);
  client.send(requestText("GET /2"));
  t.equal((await client.readResponse()).body.toString(), "/2");
  clock.advance(12_000);
  await fresh.closed;
  client.send(requestText("GET /3"));
  t.equal((await client.readResponse()).body.toString(), "/3", "each answer sets the clock back");
  clock.advance(20_000);
  await client.closed;
});

test("NetConnection: a head that does not come whole in time is answered 408", async (t) => {
  const { connect, clock } = await run(t, under, () => void t.fail("the handler ran"));
  const client = await connect();
  client.send("GET / HTTP/1.1\r\nHost: te");
  await turns(20);
  for (let step = 0; step < 4; step++) {
    client.send("s");
    await turns(20);
    clock.advance(4_000);
  }
  t.equal((await client.readHead()).status, 408, "dribbling does not help");
  await client.closed;
});

test("NetConnection: an endless head is refused before it ends", async (t) => {
  const { connect } = await run(t, under, () => void t.fail("the handler ran"));
  for (const [start, status] of [
    [`GET /${"x".repeat(120_000)}`, 414],
    [`GET / HTTP/1.1\r\nx: ${"y".repeat(120_000)}`, 431],
    ["GET / HTTP/1.1\nHost: test\n", 400],
  ] as const) {
    const client = await connect();
    client.send(start);
    t.equal((await client.readHead()).status, status);
    await client.closed;
  }
});

test("NetConnection: extensions and trailers of a body are read over up to a limit", async (t) => {
  const { connect } = await run(t, under, answerLength);
  const head = requestText("PUT /", ["Transfer-Encoding: chunked"]);
  const most = "x".repeat(CHUNK_OVERHEAD_BYTES_MAX - 10);
  const client = await connect();
  client.send(`${head}1;${most}\r\na\r\n0\r\n\r\n${head}1\r\na\r\n0\r\nt:${most}\r\n\r\n`);
  t.equal((await client.readResponse()).body.toString(), "1");
  t.equal((await client.readResponse()).body.toString(), "1");
  const extended = `1;${"x".repeat(1000)}\r\na\r\n`.repeat(CHUNK_OVERHEAD_BYTES_MAX / 1000 + 1);
  client.send(head + extended);
  t.equal((await client.readHead()).status, 400);
  await client.closed;
});

test("NetConnection: who expects 100 Continue and is refused need not send the body", async (t) => {
  const { connect } = await run(t, under, (_, response) => response.send(403, [], "no"));
  const client = await connect();
  client.send(requestText("PUT /", ["Content-Length: 1000", "Expect: 100-Continue"]));
  const answer = await client.readResponse();
  t.equal(answer.status, 403);
  t.equal(answer.headers.get("connection"), "close");
  await client.closed;
});

test("NetConnection: a client that has said all still gets its answers", async (t) => {
  const go = createDeferred<void>();
  const { connect } = await run(t, under, async (request, response) => {
    await go.promise;
    response.send(200, [], request.rawPath);
  });
  const client = await connect();
  client.socket.allowHalfOpen = true;
  client.socket.end(requestText("GET /1") + requestText("GET /2"));
  await turns(20);
  go.resolve();
  t.equal((await client.readResponse()).body.toString(), "/1");
  t.equal((await client.readResponse()).body.toString(), "/2");
});

test("NetConnection: a client that asks to close is told so and closed upon", async (t) => {
  const { connect } = await run(t, under, answerPath);
  for (const wish of ["close", "keep-alive, Close"]) {
    const client = await connect();
    client.send(requestText("GET /1", [`Connection: ${wish}`]) + requestText("GET /2"));
    const answer = await client.readResponse();
    t.equal(answer.headers.get("connection"), "close");
    t.equal((await client.readToEnd()).length, 0);
  }
});

test("NetConnection: requests behind one that is not answered stay in the kernel", async (t) => {
  const go = createDeferred<void>();
  let served = 0;
  const { connect } = await run(t, under, async (_, response) => {
    served++;
    if (served === 1) await go.promise;
    response.send(200, []);
  });
  const client = await connect();
  const requests = requestText("GET /", [`x-a: ${"y".repeat(60_000)}`]).repeat(300);
  client.send(requests);
  await turns(300);
  t.ok(client.socket.writableLength > requests.length / 4, "the client is held back");
  t.equal(served, 1);
  go.resolve();
  for (let answers = 0; answers < 300; answers++) {
    t.equal((await client.readResponse()).status, 200);
  }
});

test("NetConnection: answers that a client does not read hold its next requests back", async (t) => {
  let served = 0;
  const { connect } = await run(t, under, (_, response) => {
    served++;
    response.send(200, [], patternBytes(1_000_000));
  });
  const client = await connect();
  client.socket.pause();
  client.send(requestText("GET /").repeat(1_000));
  await turns(300);
  t.ok(served < 50, `${served} answers in memory`);
  client.vanish();
});

test("NetConnection: a slow reader is no still one", async (t) => {
  const ended = createDeferred<boolean>();
  const { connect, clock } = await run(t, under, async (_, response) => {
    response.begin(200, [], 40_000_000);
    for (let sent = 0; sent < 40; sent++) await response.write(patternBytes(1_000_000));
    response.end();
    ended.resolve(response.aborted);
  });
  const client = await connect();
  client.send(requestText("GET /"));
  await client.readHead();
  for (let read = 0; read < 38; read++) {
    await client.readBytes(1_000_000);
    client.socket.pause();
    clock.advance(4_000);
    await turns(2);
    client.socket.resume();
  }
  await client.readBytes(2_000_000);
  t.equal(await ended.promise, false);
});

test("NetConnection: an upload behind another request waits for nobody but it", async (t) => {
  const { connect } = await run(t, under, async (request, response) => {
    await turns(1);
    await answerLength(request, response);
  });
  const client = await connect();
  const body = patternBytes(700_000);
  const upload = Buffer.concat([
    Buffer.from(requestText("GET /") + requestText("PUT /", [`Content-Length: ${body.length}`])),
    body,
    Buffer.from(requestText("GET /")),
  ]);
  client.send(upload);
  const lengths: string[] = [];
  for (let answers = 0; answers < 3; answers++) {
    lengths.push((await client.readResponse()).body.toString());
  }
  t.strictSame(lengths, ["0", "700000", "0"]);
  await until(() => client.received.length === 0);
});
