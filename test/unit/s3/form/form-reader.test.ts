import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../../src/base/store-error.ts";
import type { HttpBody, HttpBodySink } from "../../../../src/http/request.ts";
import {
  FORM_FIELDS_BYTES_MAX,
  FORM_FIELDS_MAX,
  type Form,
  parseBoundary,
  readForm,
} from "../../../../src/s3/form/form-reader.ts";
import { S3Error } from "../../../../src/s3/s3-error.ts";

/** A body that brings the chunks it is given, and stops while it is told to. */
class ChunkBody implements HttpBody {
  readonly #chunks: Buffer[];
  readonly #ending: "end" | "fail";
  #sink: HttpBodySink | undefined;

  constructor(chunks: readonly Buffer[], ending: "end" | "fail" = "end") {
    this.#chunks = [...chunks];
    this.#ending = ending;
  }

  start(sink: HttpBodySink): void {
    this.#sink = sink;
    this.resume();
  }

  resume(): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
      if (!sink.write(chunk) && this.#chunks.length > 0) return;
    }
    this.#sink = undefined;
    if (this.#ending === "end") sink.end();
    else sink.fail(new StoreError({ code: "client-gone" }));
  }

  discard(): void {
    this.#sink = undefined;
  }
}

function field(name: string, value: string): string {
  return `--XX\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

function formBytes(fields: ReadonlyArray<readonly [string, string]>, file: Buffer): Buffer {
  const head = fields.map(([name, value]) => field(name, value)).join("");
  const start =
    '--XX\r\nContent-Disposition: form-data; name="file"; filename="dir\\\\a \\"b\\".txt"\r\nContent-Type: text/plain\r\n\r\n';
  return Buffer.concat([Buffer.from(head + start), file, Buffer.from("\r\n--XX--\r\n")]);
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const chunks: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    chunks.push(bytes.subarray(from, place));
    from = place;
  }
  return chunks.filter((chunk) => chunk.length > 0);
}

/** The file's bytes; pauses the source after every chunk. */
function readFile(form: Form): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    form.file.start({
      write(chunk) {
        chunks.push(Buffer.from(chunk));
        queueMicrotask(() => form.file.resume());
        return false;
      },
      endSegment: () => undefined,
      end: () => resolve(Buffer.concat(chunks)),
      fail: reject,
    });
  });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "resolved";
  } catch (error) {
    if (error instanceof S3Error || error instanceof StoreError) return error.code;
    throw error;
  }
}

test("readForm: fields and file come out however the bytes are cut", async (t) => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array));
  const nearly = fc
    .constantFrom("", "\r\n--X", "\r\n--XY", "\r\n", "--XX", "\r\n--")
    .map(Buffer.from);
  const file = fc.array(fc.oneof(bytes, nearly), { maxLength: 4 }).map((all) => Buffer.concat(all));
  const value = fc.string({ unit: fc.constantFrom(..."ab \r\n-ä"), maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(file, value, fc.array(fc.nat(), { maxLength: 8 }), async (body, text, at) => {
      fc.pre(!body.includes("\r\n--XX") && !`${text}\r\n`.includes("\r\n--XX"));
      const whole = formBytes([["Key", text]], body);
      const form = await readForm(new ChunkBody(cut(whole, at)), "XX");
      if (form.fields.get("key") !== text) return false;
      if (form.fileName !== 'dir\\a "b".txt') return false;
      return (await readFile(form)).equals(body);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test("readForm: what comes after the file is ignored", async (t) => {
  const form = Buffer.concat([
    Buffer.from(field("key", "a")),
    Buffer.from('--XX\r\nContent-Disposition: form-data; name="file"\r\n\r\nbody\r\n'),
    Buffer.from(field("key", "b")),
    Buffer.from("--XX--\r\n"),
  ]);
  const read = await readForm(new ChunkBody([form]), "XX");
  t.equal(read.fields.get("key"), "a");
  t.equal((await readFile(read)).toString(), "body");
});

test("readForm: a file that is cut off fails, whoever looks first", async (t) => {
  const whole = formBytes([], Buffer.from("some content"));
  const cutOff = whole.subarray(0, whole.length - 12);
  const late = await readForm(new ChunkBody([cutOff]), "XX");
  t.equal(await codeOf(readFile(late)), "incomplete-body");
  const gone = await readForm(new ChunkBody(cut(cutOff, [80]), "fail"), "XX");
  t.equal(await codeOf(readFile(gone)), "client-gone");
});

test("readForm: refuses forms without a file, without names, without an end, too large ones", async (t) => {
  const read = (text: string) => codeOf(readForm(new ChunkBody([Buffer.from(text)]), "XX"));
  t.equal(await read(`${field("key", "a")}--XX--\r\n`), "InvalidArgument");
  t.equal(
    await read("--XX\r\nContent-Type: text/plain\r\n\r\nx\r\n--XX--"),
    "MalformedPOSTRequest",
  );
  t.equal(await read(field("key", "a")), "MalformedPOSTRequest");
  t.equal(await read("nothing of the kind"), "MalformedPOSTRequest");
  const large = field("key", "a".repeat(FORM_FIELDS_BYTES_MAX));
  t.equal(await read(large), "MaxPostPreDataLengthExceededError");
  const many = Array.from({ length: FORM_FIELDS_MAX + 1 }, (_, at) => field(`f${at}`, "")).join("");
  t.equal(await read(`${many}--XX--\r\n`), "MaxPostPreDataLengthExceededError");
});

test("parseBoundary: quoted or not, and undefined where there is none", async (t) => {
  t.equal(parseBoundary("multipart/form-data; boundary=abc"), "abc");
  t.equal(parseBoundary('multipart/form-data; charset=utf-8; boundary="a b"'), "a b");
  t.equal(parseBoundary("multipart/mixed; boundary=abc"), undefined);
  t.equal(parseBoundary("multipart/form-data"), undefined);
  t.equal(parseBoundary(`multipart/form-data; boundary=${"b".repeat(71)}`), undefined);
  t.equal(parseBoundary(undefined), undefined);
});
