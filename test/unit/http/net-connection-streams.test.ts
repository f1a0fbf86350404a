/** The reader of requests against its slow twin, over real sockets. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { connect } from "node:net";
import fc from "fast-check";
import { test } from "tap";

import { createNetServer } from "../../../src/http/net-server.ts";
import { readBody } from "../../../src/http/read-body.ts";
import type { HttpHandler } from "../../../src/http/request.ts";
import { run, type ServerUnderTest, turns } from "../../compliance/http-fixture.ts";
import { type BookRequest, readByTheBook } from "./http-by-the-book.ts";

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

/** Answers with what it was shown, body included. */
const reflect: HttpHandler = async (request, response) => {
  const { method, rawPath: path, rawQuery: query } = request;
  const body = (await readBody(request, 1_000_000)).toString("latin1");
  const headers = request.headers.entries();
  response.send(200, [], JSON.stringify({ method, path, query, headers, body }));
};

/** A handler whose body never comes whole hears that its client is gone; that is no failure. */
const reflectWhole: HttpHandler = (request, response) =>
  reflect(request, response)?.catch(() => {});

/** Sends pieces, each in a turn of its own, says that it is done, and reads all there is. */
function converse(port: number, pieces: readonly Buffer[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve(received));
    socket.on("connect", async () => {
      for (const piece of pieces) {
        if (!socket.writable) return;
        socket.write(piece);
        if (pieces.length > 1) await turns(2);
      }
      socket.end();
    });
  });
}

interface Answers {
  readonly reflected: readonly BookRequest[];
  readonly refusals: readonly number[];
}

/** One answer after the other; interim ones are passed over. */
function readAnswers(text: string): Answers {
  const [reflected, refusals]: [BookRequest[], number[]] = [[], []];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n") + 4;
    ok(end >= 4, "an answer is whole");
    const head = rest.slice(0, end);
    const status = Number(head.slice(9, 12));
    const length = status === 100 ? 0 : Number(/content-length: (\d+)/i.exec(head)?.[1]);
    const body = rest.slice(end, end + length);
    equalLength(body, length);
    rest = rest.slice(end + length);
    if (status === 200) reflected.push(JSON.parse(Buffer.from(body, "latin1").toString("utf8")));
    else if (status !== 100) refusals.push(status);
  }
  return { reflected, refusals };
}

function equalLength(body: string, length: number): void {
  deepStrictEqual(body.length, length);
}

function seldom<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: value },
  );
}

const field = fc.constantFrom(
  "X-A: b",
  "x-amz-meta-file_name:v",
  "X-U: \u00c3\u00a9 \u00c3\u00a9\t",
  "Connection: keep-alive",
  "Connection: Keep-Alive, Close",
  "x-e:",
  "Cookie: a=b; c:d",
);
const rareField = fc.constantFrom(
  "Content-Length: 3",
  "Content-Length: 0",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: xchunked",
  " folded",
  "Host: other",
  "x a: b",
  "x-a : b",
  "no colon",
);
const usualTarget = fc.constantFrom(
  "/",
  "/b/k?x=1&y=?",
  "/a%20b",
  "/\u00c3\u00a9?\u00c3\u00a9",
  "/b//k",
);
const target = fc
  .tuple(usualTarget, seldom(fc.constantFrom("*", "/\xe9", "http://h/", "/a b", "/a\tb")))
  .map(([usual, rare]) => rare ?? usual);

function requestOf(parts: {
  method: string;
  target: string;
  fields: string[];
  body: string | undefined;
  chunkSizes: number[] | undefined;
  lead: string;
}): string {
  const { method, body, chunkSizes } = parts;
  const lines = [`${method} ${parts.target} HTTP/1.1`, "Host: h", ...parts.fields];
  if (body === undefined) return `${parts.lead}${[...lines, "", ""].join("\r\n")}`;
  if (chunkSizes === undefined) lines.push(`Content-Length: ${body.length}`);
  else lines.push("Transfer-Encoding: chunked");
  const coded = chunkSizes === undefined ? body : chunked(body, chunkSizes);
  return `${parts.lead}${[...lines, "", ""].join("\r\n")}${coded}`;
}

function chunked(body: string, sizes: readonly number[]): string {
  let [coded, at] = ["", 0];
  for (let index = 0; at < body.length; index++) {
    const piece = body.slice(at, at + (sizes[index % sizes.length] ?? 1));
    const extension = index % 3 === 1 ? ";a=b" : "";
    coded += `${piece.length.toString(16)}${extension}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${coded}0\r\n${sizes.length > 2 ? "x-trailer: t\r\n" : ""}\r\n`;
}

const request = fc
  .record({
    method: fc.constantFrom("GET", "PUT", "DELETE", "m-search"),
    target,
    fields: fc
      .tuple(fc.array(field, { maxLength: 4 }), seldom(rareField))
      .map(([fields, rare]) => (rare === undefined ? fields : [...fields, rare])),
    body: fc.option(fc.string({ unit: "binary-ascii", maxLength: 40 }), { nil: undefined }),
    chunkSizes: fc.option(
      fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1, maxLength: 4 }),
      {
        nil: undefined,
      },
    ),
    lead: seldom(fc.constantFrom("\r\n", "\r\n\r\n", "\n")).map((lead) => lead ?? ""),
  })
  .map(requestOf);

const INTERESTING = [
  "\r",
  "\n",
  "\r\n",
  " ",
  "\t",
  ":",
  ";",
  "0",
  "5",
  "f",
  "\0",
  "\x7f",
  "\xe9",
  "?",
  "/",
  "HTTP/1.0",
];
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("insert", "replace", "delete", "cut"),
  text: fc.constantFrom(...INTERESTING),
});

const stream = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 4 }), fc.array(mutation, { maxLength: 1 }))
  .map(([requests, mutations]) => {
    let text = requests.join("");
    for (const { at, kind, text: piece } of mutations) {
      const from = at % (text.length + 1);
      if (kind === "cut") text = text.slice(0, from);
      else
        text =
          text.slice(0, from) +
          (kind === "delete" ? "" : piece) +
          text.slice(kind === "insert" ? from : from + 1);
    }
    return text;
  });

function cut(text: string, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, text.length]) {
    if (place > from) pieces.push(Buffer.from(text.slice(from, place), "latin1"));
    from = place;
  }
  return pieces;
}

test("NetConnection: any stream, cut anywhere, is read as its slow twin reads it", async (t) => {
  const { port } = await run(t, under, reflectWhole);
  const seen = { nothing: 0, part: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(stream, fc.array(fc.nat(), { maxLength: 5 }), async (text, cuts) => {
      const wanted = readByTheBook(text);
      seen[wanted.end]++;
      const answers = readAnswers(await converse(port, cut(text, cuts)));
      deepStrictEqual(answers.reflected, wanted.requests);
      deepStrictEqual(answers.refusals.length, wanted.end === "refused" ? 1 : 0);
    }),
    { seed: 20261123, numRuns: 800 },
  );
  t.ok(
    Math.min(seen.nothing, seen.part, seen.refused) > 20,
    `all ends were met: ${JSON.stringify(seen)}`,
  );
});
