import { test } from "tap";
import { createDeferred } from "../../../src/base/deferred.ts";
import type { HttpRequest, HttpResponse } from "../../../src/http/request.ts";
import { createFront } from "../../../src/node/front.ts";
import { sendBusy } from "../../../src/s3/respond.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function exchange(method = "GET") {
  const answers: Answer[] = [];
  const request: Partial<HttpRequest> = { method, rawPath: "/bucket/key", id: "request-1" };
  const response: Partial<HttpResponse> = {
    started: false,
    send: (status, headers, body = "") => {
      answers.push({ status, headers: Object.fromEntries(headers), body: body.toString() });
    },
  };
  // The front looks at no more of them.
  return { answers, request: request as HttpRequest, response: response as HttpResponse };
}

test("createFront: more requests than may be served are answered as S3 does, and then no more", async (t) => {
  const work = createDeferred<void>();
  const served: string[] = [];
  const handler = createFront(
    { requestsMax: 1 },
    {
      s3: async (request) => {
        served.push(request.method);
        await work.promise;
      },
      peerCard: undefined,
      sts: () => {
        throw new Error("no form to the root");
      },
      iam: () => {
        throw new Error("no form to the root");
      },
      admin: () => {
        throw new Error("none of its paths");
      },
      refuse: (request, response) => sendBusy(request, response, "host"),
      health: () => {
        throw new Error("nobody asks");
      },
    },
  );
  const first = exchange("PUT");
  const serving = handler(first.request, first.response);
  const second = exchange();
  await handler(second.request, second.response);
  t.match(second.answers, [
    {
      status: 503,
      headers: { "Retry-After": /\d+/, "x-amz-request-id": "request-1" },
      body: /<Code>SlowDown<\/Code>.*<Resource>\/bucket\/key<\/Resource>/s,
    },
  ]);
  const third = exchange("HEAD");
  await handler(third.request, third.response);
  t.match(third.answers, [
    { status: 503, headers: { "x-minio-error-code": "SlowDown" }, body: "" },
  ]);
  work.resolve();
  await serving;
  await handler(exchange("DELETE").request, first.response);
  t.same(served, ["PUT", "DELETE"]);
});
