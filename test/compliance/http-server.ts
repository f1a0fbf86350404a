/** What every HTTP server behind `src/http/server.ts` must do, tried byte by byte. */
import { test } from "tap";
import type { HttpRequest, HttpResponse } from "../../src/http/request.ts";
import { type RunOptions, requestText, run, type ServerUnderTest, turns } from "./http-fixture.ts";
import { testBodies } from "./http-server-bodies.ts";
import { testLifetime } from "./http-server-lifetime.ts";
import { testResponses } from "./http-server-responses.ts";
import { testTls } from "./http-server-tls.ts";

export function testHttpServer(under: ServerUnderTest): void {
  testTargets(under);
  testHeaders(under);
  testRefusals(under);
  testPipelining(under);
  testBodies(under);
  testResponses(under);
  testLifetime(under);
  testTls(under);
}

/** Answers with what the handler was shown. */
function reflect(request: HttpRequest, response: HttpResponse): void {
  const { method, rawPath, rawQuery, contentLength, chunked, hasBody, id } = request;
  const { remoteAddress, secure } = request;
  const headers = [...request.headers.entries()];
  const seen = { method, rawPath, rawQuery, contentLength, chunked, hasBody, id };
  response.send(200, [], JSON.stringify({ ...seen, remoteAddress, secure, headers }));
}

function testTargets(under: ServerUnderTest): void {
  test(`${under.name}: the path and the query reach the handler as they were sent`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const targets: Array<[path: string, query?: string]> = [
      ["/"],
      ["/bucket/a%2Fb"],
      ["//bucket//key/"],
      ["/bucket/../secret/./x"],
      ["/bucket/a+b%20c", "list-type=2&prefix=a%2Bb+c&x"],
      ["/b/k", ""],
      ["/b/k", "a=?&b=/&versionId=%00"],
      [`/b${"/s".repeat(300)}`],
    ];
    if (under.traits.takesRawUtf8) targets.push(["/b/ключ-é-🙂", "prefix=é"]);
    for (const [path, query] of targets) {
      client.send(requestText(`GET ${query === undefined ? path : `${path}?${query}`}`));
      const seen = JSON.parse((await client.readResponse()).body.toString());
      t.equal(seen.rawPath, path);
      t.equal(seen.rawQuery, query ?? "");
    }
  });

  test(`${under.name}: the handler learns method, peer, id and what body to expect`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const ask = async (text: string) => {
      client.send(text);
      return JSON.parse((await client.readResponse()).body.toString());
    };
    t.match(await ask(requestText("DELETE /x")), {
      method: "DELETE",
      remoteAddress: "127.0.0.1",
      secure: false,
      id: "request-1",
      chunked: false,
      hasBody: false,
    });
    const sized = await ask(`${requestText("PUT /x", ["Content-Length: 3"])}abc`);
    t.match(sized, { contentLength: 3, chunked: false, hasBody: true, id: "request-2" });
    const empty = await ask(requestText("PUT /x", ["Content-Length: 0"]));
    t.match(empty, { contentLength: 0, chunked: false, hasBody: false });
    const chunked = await ask(
      `${requestText("PUT /x", ["Transfer-Encoding: chunked"])}1\r\na\r\n0\r\n\r\n`,
    );
    t.match(chunked, { chunked: true, hasBody: true });
    t.equal(chunked.contentLength, undefined);
  });
}

function testHeaders(under: ServerUnderTest): void {
  test(`${under.name}: headers keep order, repeats and UTF-8; names are lower-cased`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const lines = ["X-Amz-Meta-B:  two words\t", "x-amz-meta-a: 1", "X-AMZ-META-A: 2", "X-E:"];
    client.send(requestText("GET /", [...lines, "x-amz-meta-u: a-é🙂-z"]));
    const { headers } = JSON.parse((await client.readResponse()).body.toString());
    t.strictSame(headers, [
      ["host", "test"],
      ["x-amz-meta-b", "two words"],
      ["x-amz-meta-a", "1"],
      ["x-amz-meta-a", "2"],
      ["x-e", ""],
      ["x-amz-meta-u", "a-é🙂-z"],
    ]);
  });

  test(`${under.name}: takes as many headers as it may, and a request sent byte by byte`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const lines = Array.from({ length: 97 }, (_, index) => `x-h-${index}: ${index}`);
    client.send(requestText("GET /", lines));
    const { headers } = JSON.parse((await client.readResponse()).body.toString());
    t.equal(headers.length, 98);
    t.strictSame(headers.at(-1), ["x-h-96", "96"]);
  });

  test(`${under.name}: names of headers may have all the characters of tokens`, async (t) => {
    if (!under.traits.takesAnyHeaderName) {
      t.pass("this build never answers such a request (docs/decisions/0001)");
      return;
    }
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const names = Array.from("!#$%&'*+.^_`|~0a", (character) => `x-amz-meta-a${character}b`);
    client.send(
      requestText(
        "GET /",
        names.map((name) => `${name}: v`),
      ),
    );
    const { headers } = JSON.parse((await client.readResponse()).body.toString());
    t.strictSame(
      headers.slice(-names.length),
      names.map((name) => [name, "v"]),
    );
  });

  test(`${under.name}: a request may come in pieces of any size`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    client.socket.setNoDelay(true);
    const text = requestText("GET /slow?q", ["x-a: b"]);
    const whole = under.traits.takesSplitRequestLine ? 0 : text.indexOf("\r\n") + 2;
    for (const size of [1, 2, 3, 7]) {
      client.send(text.slice(0, whole));
      await turns(2);
      for (let offset = whole; offset < text.length; offset += size) {
        client.send(text.slice(offset, offset + size));
        await turns(2);
      }
      const seen = JSON.parse((await client.readResponse()).body.toString());
      t.match(seen, { rawPath: "/slow", rawQuery: "q" });
    }
  });
}

const NONSENSE = "nonsense\r\n\r\n";

/** Requests that no handler may see; each is answered and the connection closed. */
const REFUSED: ReadonlyArray<readonly [what: string, text: string, status: RegExp]> = [
  ["no host", "GET / HTTP/1.1\r\nX: y\r\n\r\n", /^400$/],
  ["an old version", "GET / HTTP/1.0\r\nHost: test\r\n\r\n", /^505$/],
  ["a proxy's target", requestText("GET http://test/x"), /^(400|505)$/],
  ["a path that is no UTF-8", requestText("GET /%00\u0000"), /^(400|505)$/],
  ["a length that is no number", requestText("PUT /", ["Content-Length: 3x"]), /^400$/],
  ["a signed length", requestText("PUT /", ["Content-Length: +3"]), /^400$/],
  ["two lengths", requestText("PUT /", ["Content-Length: 3", "Content-Length: 4"]), /^400$/],
  [
    "a length and chunks",
    requestText("PUT /", ["Content-Length: 3", "Transfer-Encoding: chunked"]),
    /^400$/,
  ],
  ["an unknown coding", requestText("PUT /", ["Transfer-Encoding: gzip"]), /^(400|501)$/],
  ["a long target", requestText(`GET /${"x".repeat(20_000)}`), /^414$/],
  ["large headers", requestText("GET /", [`x: ${"y".repeat(70_000)}`]), /^431$/],
];

function testRefusals(under: ServerUnderTest): void {
  const nonsense = under.traits.answersNonsense ? /^(400|505)$/ : undefined;
  for (const [what, text, status] of [
    ["bytes that are no HTTP", NONSENSE, nonsense],
    ...REFUSED,
  ] as const) {
    test(`${under.name}: refuses ${what} and closes`, async (t) => {
      const { connect } = await run(t, under, () => {
        t.fail("the handler ran");
      });
      const client = await connect();
      client.send(text);
      if (status !== undefined) t.match(String((await client.readHead()).status), status);
      await client.closed;
    });
  }

  test(`${under.name}: refuses a path whose bytes are no UTF-8`, async (t) => {
    const { connect } = await run(t, under, () => {
      t.fail("the handler ran");
    });
    const client = await connect();
    client.send(Buffer.from(requestText("GET /b/\xe9"), "latin1"));
    t.equal((await client.readHead()).status, 400);
    await client.closed;
  });

  test(`${under.name}: more headers than allowed never reach the handler`, async (t) => {
    const paths: string[] = [];
    const { connect } = await run(t, under, (request, response) => {
      paths.push(request.rawPath);
      response.send(200, []);
    });
    const client = await connect();
    const lines = Array.from({ length: 150 }, (_, index) => `x-h-${index}: ${index}`);
    client.send(requestText("GET /many", lines));
    if (under.traits.answersManyHeaders) t.equal((await client.readHead()).status, 431);
    const other = await connect();
    other.send(requestText("GET /other"));
    t.equal((await other.readResponse()).status, 200);
    t.strictSame(paths, ["/other"]);
  });

  test(`${under.name}: a lower limit of the options is kept`, async (t) => {
    const limits: RunOptions = { limits: { headersMax: 2, urlBytesMax: 4, headerBytesMax: 40 } };
    const { connect } = await run(t, under, reflect, limits);
    const statusOf = async (text: string) => {
      const client = await connect();
      client.send(text);
      return (await client.readHead()).status;
    };
    t.equal(await statusOf(requestText("GET /1?45", ["a: b"])), 200);
    t.equal(await statusOf(requestText("GET /1?456")), 414);
    t.equal(await statusOf(requestText("GET /", ["a: b", "c: d"])), 431);
    t.equal(await statusOf(requestText("GET /", [`a: ${"b".repeat(32)}`])), 431);
  });
}

function testPipelining(under: ServerUnderTest): void {
  test(`${under.name}: requests sent together are answered in order`, async (t) => {
    const { connect } = await run(t, under, reflect);
    const client = await connect();
    const texts = ["/1", "/2", "/3"].map((path) => requestText(`GET ${path}`));
    client.send(`${texts.join("")}${requestText("PUT /4", ["Content-Length: 2"])}ab`);
    for (const path of ["/1", "/2", "/3", "/4"]) {
      t.equal(JSON.parse((await client.readResponse()).body.toString()).rawPath, path);
    }
  });

  test(`${under.name}: a request behind an unanswered one is answered or refused, never mixed up`, async (t) => {
    const { connect } = await run(t, under, async (request, response) => {
      await new Promise((resolve) => setImmediate(resolve));
      reflect(request, response);
    });
    const client = await connect();
    client.send(requestText("GET /1") + requestText("GET /2"));
    if (under.traits.pipelinesUnanswered) {
      for (const path of ["/1", "/2"]) {
        t.equal(JSON.parse((await client.readResponse()).body.toString()).rawPath, path);
      }
    } else {
      t.equal((await client.readToEnd()).length, 0);
    }
  });
}
