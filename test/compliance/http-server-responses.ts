/** Answers: lengths, chunks, HEAD, back-pressure from shared memory, aborts, handlers that fail. */
import { createHash } from "node:crypto";
import { test } from "tap";
import { createDeferred } from "../../src/base/deferred.ts";
import type { HttpHandler, HttpResponse } from "../../src/http/request.ts";
import {
  patternBytes,
  requestText,
  run,
  type ServerUnderTest,
  sha256,
  turns,
  until,
} from "./http-fixture.ts";

export function testResponses(under: ServerUnderTest): void {
  testShapes(under);
  testHeaderRules(under);
  testDownloads(under);
  testVanishingDownloads(under);
  testFailures(under);
}

function testShapes(under: ServerUnderTest): void {
  test(`${under.name}: answers of every shape keep one connection in step`, async (t) => {
    const shapes: Record<string, (response: HttpResponse) => void | Promise<void>> = {
      "/text": (response) => response.send(200, [["X-A", "b"]], "é!"),
      "/bytes": (response) => response.send(206, [], Buffer.from([0, 255])),
      "/empty": (response) => response.send(200, []),
      "/204": (response) => response.send(204, []),
      "/304": (response) => response.send(304, [["ETag", '"x"']]),
      "/zero": (response) => {
        response.begin(200, [], 0);
        response.end();
      },
      "/chunked": async (response) => {
        response.begin(200, [], undefined);
        await response.write(Buffer.from("ab"));
        await response.write(Buffer.alloc(0));
        await response.write(Buffer.from("c"));
        response.end();
      },
      "/chunked-empty": (response) => {
        response.begin(200, [], undefined);
        response.end();
      },
      "/known": async (response) => {
        response.begin(200, [["X-A", "b"]], 3);
        await response.write(Buffer.from("ab"));
        await response.write(Buffer.alloc(0));
        await response.write(Buffer.from("c"));
        response.end();
      },
    };
    const { connect } = await run(t, under, (request, response) =>
      shapes[request.rawPath]?.(response),
    );
    const client = await connect();
    const get = async (path: string) => {
      client.send(requestText(`GET ${path}`));
      return client.readResponse();
    };
    const text = await get("/text");
    t.equal(text.body.toString(), "é!");
    t.equal(text.headers.get("x-a"), "b");
    t.equal(text.headers.get("content-length"), "3");
    t.match(text.headers.get("date"), /GMT$/);
    t.notOk(text.headers.has("uwebsockets"));
    t.strictSame((await get("/bytes")).body, Buffer.from([0, 255]));
    t.equal((await get("/empty")).headers.get("content-length"), "0");
    for (const path of ["/204", "/304"]) {
      const bodyless = await get(path);
      t.equal(String(bodyless.status), path.slice(1));
      t.notOk(bodyless.headers.has("content-length"));
      t.notOk(bodyless.headers.has("transfer-encoding"));
    }
    t.equal((await get("/zero")).headers.get("content-length"), "0");
    t.equal((await get("/chunked")).body.toString(), "abc");
    t.equal((await get("/chunked-empty")).body.length, 0);
    const known = await get("/known");
    t.equal(known.body.toString(), "abc");
    t.equal(known.headers.get("x-a"), "b");
  });

  test(`${under.name}: HEAD declares the length and sends no body`, async (t) => {
    const { connect } = await run(t, under, (request, response) => {
      if (request.rawPath === "/send") {
        response.send(200, [], "12345");
        return;
      }
      response.begin(200, [["ETag", '"x"']], 5_000_000_000_000);
      t.equal(response.write(Buffer.from("ignored")), undefined);
      response.end();
    });
    const client = await connect();
    client.send(requestText("HEAD /begin"));
    t.equal((await client.readHead()).headers.get("content-length"), "5000000000000");
    client.send(requestText("HEAD /send"));
    t.equal((await client.readHead()).headers.get("content-length"), "5");
    client.send(requestText("GET /send"));
    t.equal((await client.readResponse()).body.toString(), "12345");
  });
}

function testHeaderRules(under: ServerUnderTest): void {
  test(`${under.name}: header injection is refused before a byte is sent`, async (t) => {
    const bad: Array<readonly [string, string]> = [
      ["x-amz-meta-a", "1\r\nSet-Cookie: x"],
      ["x-amz-meta-a", "1\nb"],
      ["x-amz-meta-a", "\0"],
      ["x-a: b\r\nx", "1"],
      ["", "1"],
      ["Content-Length", "5"],
      ["transfer-encoding", "chunked"],
      ["Connection", "upgrade"],
    ];
    const { connect, logged } = await run(t, under, (request, response) => {
      const header = bad[Number(request.rawQuery)];
      if (header !== undefined) response.send(200, [["X-Ok", "yes"], header], "body");
    });
    const client = await connect();
    for (const index of bad.keys()) {
      client.send(requestText(`GET /?${index}`));
      const answer = await client.readResponse();
      t.equal(answer.status, 500);
      t.notOk(answer.headers.has("set-cookie"));
    }
    t.equal(logged.length, bad.length);
  });

  test(`${under.name}: header values may hold tabs and UTF-8`, async (t) => {
    const { connect } = await run(t, under, (_, response) => {
      response.send(200, [["x-amz-meta-u", "a\té🙂"]]);
    });
    const client = await connect();
    client.send(requestText("GET /"));
    const value = (await client.readResponse()).headers.get("x-amz-meta-u") ?? "";
    t.equal(Buffer.from(value, "latin1").toString(), "a\té🙂");
  });
}

const REGION_BYTES = 1024 * 1024;
const REGIONS = 24;

/** Sends from one region of shared memory, filled anew as soon as a write lets it go. */
function sendFromSharedMemory(declared: boolean, blocked: { count: number }): HttpHandler {
  const region = new Uint8Array(new SharedArrayBuffer(2 * REGION_BYTES), 4096, REGION_BYTES);
  const source = patternBytes(REGION_BYTES);
  return async (_, response) => {
    response.begin(200, [], declared ? REGION_BYTES * REGIONS : undefined);
    for (let round = 0; round < REGIONS; round++) {
      region.set(source);
      region.fill(round, 0, 64);
      const taken = response.write(region);
      if (taken === undefined) continue;
      blocked.count++;
      await taken;
    }
    response.end();
  };
}

function expectedDownload(): string {
  const hash = createHash("sha256");
  const source = patternBytes(REGION_BYTES);
  for (let round = 0; round < REGIONS; round++) {
    source.fill(round, 0, 64);
    hash.update(source);
  }
  return hash.digest("hex");
}

function testDownloads(under: ServerUnderTest): void {
  for (const declared of [true, false]) {
    const framing = declared ? "of known length" : "chunked";
    test(`${under.name}: a slow reader gets every byte of a download ${framing}`, async (t) => {
      const blocked = { count: 0 };
      const { connect } = await run(t, under, sendFromSharedMemory(declared, blocked));
      const client = await connect();
      client.socket.pause();
      client.send(requestText("GET /"));
      await until(() => blocked.count > 0);
      await turns(100);
      client.socket.resume();
      const answer = await client.readResponse();
      t.equal(answer.body.length, REGION_BYTES * REGIONS);
      t.equal(sha256(answer.body), expectedDownload());
      client.send(requestText("GET /"));
      t.equal(sha256((await client.readResponse()).body), expectedDownload());
    });
  }
}

function testVanishingDownloads(under: ServerUnderTest): void {
  test(`${under.name}: a download ends exactly once when the client vanishes`, async (t) => {
    let aborts = 0;
    const ended = createDeferred<boolean>();
    const blocked = createDeferred<void>();
    const { connect, server } = await run(t, under, async (_, response) => {
      response.onAbort(() => aborts++);
      const chunk = patternBytes(1_000_000);
      response.begin(200, [], 1_000_000_000);
      while (!response.aborted) {
        const taken = response.write(chunk);
        if (taken === undefined) continue;
        blocked.resolve();
        await taken;
      }
      await response.write(chunk);
      response.end();
      response.abort();
      response.onAbort(() => ended.resolve(response.aborted));
    });
    const client = await connect();
    client.socket.pause();
    client.send(requestText("GET /"));
    await blocked.promise;
    client.vanish();
    t.equal(await ended.promise, true);
    await turns(20);
    t.equal(aborts, 1);
    await server.stop(60_000);
  });

  test(`${under.name}: a client that does not read is dropped after the limit`, async (t) => {
    let ended = false;
    const blocked = createDeferred<void>();
    const { connect, clock } = await run(t, under, async (_, response) => {
      const chunk = patternBytes(1_000_000);
      response.begin(200, [], 1_000_000_000);
      while (!response.aborted) {
        const taken = response.write(chunk);
        if (taken !== undefined) blocked.resolve();
        await taken;
      }
      ended = true;
    });
    const client = await connect();
    client.socket.pause();
    client.send(requestText("GET /"));
    await blocked.promise;
    // The first looks may still find room in the kernel's buffers, which counts as progress.
    for (let look = 0; look < 50 && !ended; look++) {
      clock.advance(4_000);
      await turns(3);
    }
    t.ok(ended, "the handler was let go");
  });
}

function testFailures(under: ServerUnderTest): void {
  test(`${under.name}: an aborted answer cannot be taken for a whole one`, async (t) => {
    let aborts = 0;
    const { connect } = await run(t, under, async (request, response) => {
      response.onAbort(() => aborts++);
      response.begin(200, [], request.rawPath === "/known" ? 1000 : undefined);
      await response.write(Buffer.from("part"));
      await turns(2);
      response.abort();
      t.ok(response.aborted);
    });
    const known = await connect();
    known.send(requestText("GET /known"));
    const cut = (await known.readToEnd()).toString();
    t.match(cut, /content-length: 1000/i);
    t.ok(cut.endsWith("\r\n\r\npart"));
    const chunked = await connect();
    chunked.send(requestText("GET /chunked"));
    t.notOk((await chunked.readToEnd()).toString().includes("\r\n0\r\n"));
    t.equal(aborts, 0, "the own abort is not told");
  });

  test(`${under.name}: a failing handler is logged and answered, or aborts what it began`, async (t) => {
    const { connect, logged } = await run(t, under, (request, response) => {
      if (request.rawPath === "/late") return Promise.reject(new Error("late"));
      if (request.rawPath === "/begun") {
        response.begin(200, [], 100);
        t.equal(response.write(Buffer.from("part")), undefined);
      }
      throw new Error("early");
    });
    const client = await connect();
    client.send(requestText("GET /late"));
    t.equal((await client.readResponse()).status, 500);
    client.send(requestText("GET /early"));
    t.equal((await client.readResponse()).status, 500);
    client.send(requestText("GET /begun"));
    await client.closed;
    t.match(logged, [/"request-1","error":"late"/, /"request-2","error":"early"/, /request-3/]);
  });

  test(`${under.name}: an answer shorter than declared is cut, a longer one is not sent`, async (t) => {
    const { connect, logged } = await run(t, under, async (request, response) => {
      response.begin(200, [], 5);
      await response.write(Buffer.from(request.rawPath === "/short" ? "1234" : "12"));
      if (request.rawPath === "/long") await response.write(Buffer.from("3456"));
      response.end();
    });
    for (const path of ["/short", "/long"]) {
      const client = await connect();
      client.send(requestText(`GET ${path}`));
      await client.closed;
    }
    t.equal(logged.length, 2);
  });
}
