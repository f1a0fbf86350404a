import { createHash } from "node:crypto";
import { test } from "tap";
import { ByteBudget } from "../../../src/base/byte-budget.ts";
import { HttpHeaders } from "../../../src/http/headers.ts";
import type { HttpBodySink, HttpRequest } from "../../../src/http/request.ts";
import type { Identity } from "../../../src/s3/accounts.ts";
import type { AuthResult } from "../../../src/s3/auth/auth-result.ts";
import { toS3Error } from "../../../src/s3/s3-error.ts";
import { type BodyContext, readVerifiedBody } from "../../../src/s3/verified-body.ts";

const OPTIONS = { digestRequired: false };
const BYTES_MAX = 1000;

/** A request whose body the test sends bit by bit. */
class SlowRequest {
  readonly context: BodyContext;
  #sink: HttpBodySink | undefined;

  constructor(documents: ByteBudget, headers: Readonly<Record<string, string>> = {}) {
    const request: Partial<HttpRequest> = {
      headers: new HttpHeaders(Object.entries(headers).flat()),
      rawQuery: "",
      contentLength: undefined,
      chunked: true,
      hasBody: true,
      body: {
        start: (sink) => {
          this.#sink = sink;
        },
        resume() {},
        discard() {},
      },
    };
    const auth: Partial<AuthResult<Identity>> = {
      kind: "signed",
      via: "header",
      signatureVersion: 4,
      accessKey: "k",
      payload: { kind: "unsigned" },
    };
    this.context = {
      // Reading a body takes no more of a request than this.
      request: request as HttpRequest,
      auth: auth as AuthResult<Identity>,
      digester: {
        digest: (content) => ({
          md5: createHash("md5").update(content).digest(),
          checksums: {},
        }),
      },
      documents,
    };
  }

  send(bytes: number): void {
    this.#sink?.write(Buffer.alloc(bytes, 120));
  }

  end(): void {
    this.#sink?.end();
  }
}

async function codeOf(reading: Promise<unknown>): Promise<string> {
  try {
    await reading;
    return "ok";
  } catch (error) {
    const { status, code } = toS3Error(error);
    return `${status} ${code}`;
  }
}

test("readVerifiedBody: bodies of all requests share a budget, counted as they arrive", async (t) => {
  const documents = new ByteBudget(1500);
  const [first, second, third] = [1, 2, 3].map(() => new SlowRequest(documents));
  if (first === undefined || second === undefined || third === undefined) throw new Error("three");
  const reading = [first, second].map(({ context }) =>
    readVerifiedBody(context, BYTES_MAX, OPTIONS),
  );
  t.equal(documents.held, 0, "a client that sends nothing holds nothing");
  first.send(900);
  second.send(500);
  t.equal(documents.held, 1400);
  second.send(200);
  second.send(1);
  t.equal(await codeOf(reading[1] ?? Promise.resolve()), "503 SlowDown");
  t.equal(documents.held, 900, "what was refused holds nothing");
  second.send(50);
  second.end();
  t.equal(documents.held, 900, "not even what still comes");

  const later = readVerifiedBody(third.context, BYTES_MAX, OPTIONS);
  third.send(600);
  third.end();
  t.equal((await later).length, 600);
  first.send(100);
  first.end();
  t.equal((await reading[0])?.length, 1000);
  t.equal(documents.held, 0);
});

test("readVerifiedBody: whatever is wrong with a body, its share comes back", async (t) => {
  const documents = new ByteBudget(10_000);
  const large = new SlowRequest(documents);
  const reading = codeOf(readVerifiedBody(large.context, BYTES_MAX, OPTIONS));
  large.send(900);
  large.send(200);
  t.equal(await reading, "400 EntityTooLarge");
  const wrong = new SlowRequest(documents, {
    "content-md5": createHash("md5").update("another").digest("base64"),
  });
  const checking = codeOf(readVerifiedBody(wrong.context, BYTES_MAX, OPTIONS));
  wrong.send(10);
  wrong.end();
  t.equal(await checking, "400 BadDigest");
  const undigested = new SlowRequest(documents);
  t.equal(
    await codeOf(readVerifiedBody(undigested.context, BYTES_MAX, { digestRequired: true })),
    "400 InvalidRequest",
  );
  t.equal(documents.held, 0);
});
