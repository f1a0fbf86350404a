import { test } from "tap";
import { StoreError } from "../../../src/base/store-error.ts";
import { HttpHeaders } from "../../../src/http/headers.ts";
import { readBody } from "../../../src/http/read-body.ts";
import type { HttpBodySink, HttpRequest } from "../../../src/http/request.ts";

/** A request whose body does what the test says; the buffer of a chunk is wiped after each write. */
function requestWith(flow: (sink: HttpBodySink) => void, contentLength?: number) {
  const calls: string[] = [];
  const request: HttpRequest = {
    method: "POST",
    rawPath: "/",
    rawQuery: "",
    headers: new HttpHeaders([]),
    remoteAddress: "192.0.2.1",
    secure: false,
    id: "id",
    contentLength,
    chunked: contentLength === undefined,
    hasBody: true,
    body: {
      start(sink) {
        calls.push("start");
        flow(sink);
      },
      resume() {},
      discard() {
        calls.push("discard");
      },
    },
  };
  return { request, calls };
}

function push(sink: HttpBodySink, text: string): boolean {
  const chunk = Buffer.from(text);
  const more = sink.write(chunk);
  chunk.fill(0);
  return more;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error instanceof StoreError ? error.data : error;
  }
  return undefined;
}

test("readBody: copies what it is shown and joins it", async (t) => {
  const { request } = requestWith((sink) => {
    t.ok(push(sink, "ab"));
    t.ok(push(sink, "cd"));
    sink.end();
  });
  t.equal((await readBody(request, 4)).toString(), "abcd");
});

test("readBody: refuses a declared length over the limit without reading", async (t) => {
  const { request, calls } = requestWith(() => t.fail("read"), 5);
  t.strictSame(await failureOf(readBody(request, 4)), { code: "entity-too-large", bytesMax: 4 });
  t.strictSame(calls, ["discard"]);
});

test("readBody: refuses an undeclared length as soon as it passes the limit", async (t) => {
  const { request, calls } = requestWith((sink) => push(sink, "abcde"));
  t.strictSame(await failureOf(readBody(request, 4)), { code: "entity-too-large", bytesMax: 4 });
  t.strictSame(calls, ["start", "discard"]);
});

test("readBody: rejects with what the body failed with", async (t) => {
  const { request } = requestWith((sink) => sink.fail(new StoreError({ code: "client-gone" })));
  t.strictSame(await failureOf(readBody(request, 4)), { code: "client-gone" });
});
