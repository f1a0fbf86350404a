/** The log: form, levels, children, and that no secret gets through. */
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { test } from "tap";
import { StoreError } from "../../../src/base/store-error.ts";
import { createLogger, type LogOptions } from "../../../src/node/log-pino.ts";
import { redactFields, redactText } from "../../../src/node/redact.ts";
import { runProgram } from "./program-support.ts";

function recorder(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const target = { write: (line: string) => void lines.push(line) };
  const root = createLogger(
    { level: "debug", format: "json", anonymous: false, ...options },
    target,
  );
  return { ...root, lines, records: () => lines.map((line) => JSON.parse(line)) };
}

test("createLogger: one JSON object a line with level, time, message and fields", async (t) => {
  const { log, fatal, lines, records } = recorder();
  log.debug("a");
  log.info("b", { count: 1, nothing: undefined });
  log.warn("c");
  log.error("d", { error: new StoreError({ code: "no-quorum", needed: 3, got: 2 }) });
  fatal("e");
  t.ok(lines.every((line) => line.endsWith("}\n")));
  const [, info, , error] = records();
  t.strictSame(
    records().map(({ level }) => level),
    ["debug", "info", "warn", "error", "fatal"],
  );
  t.match(info, { message: "b", count: 1, time: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/ });
  t.match(error.error, {
    name: "StoreError",
    data: { code: "no-quorum", needed: 3 },
    stack: /StoreError/,
  });
});

test("createLogger: leaves out what is below the level", async (t) => {
  const { log, records } = recorder({ level: "warn" });
  log.debug("a");
  log.info("b");
  log.warn("c");
  t.strictSame(
    records().map(({ message }) => message),
    ["c"],
  );
});

test("createLogger: a child carries its fields, a grandchild both", async (t) => {
  const { log, records } = recorder();
  const request = log.child({ requestId: "17A", password: "hunter2" });
  request.info("one");
  request.child({ part: 2 }).info("two");
  t.match(records()[0], { requestId: "17A", password: "(hidden)" });
  t.match(records()[1], { requestId: "17A", part: 2, message: "two" });
});

test("createLogger: pretty lines are for people and hold the same", async (t) => {
  const { log, lines } = recorder({ format: "pretty" });
  log.warn("careful", { bucket: "b", secretKey: "hunter2" });
  t.match(lines.join(""), /WARN.*careful.*"bucket":"b"/s);
  t.notMatch(lines.join(""), /hunter2/);
});

test("createLogger: the last words before an exit are written, in order", async (t) => {
  const script = fileURLToPath(new URL("./last-words.js", import.meta.url));
  for (let round = 0; round < 5; round++) {
    const { code, stdout } = await runProgram([], { script });
    t.equal(code, 1);
    const messages = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).message);
    t.strictSame(messages, ["first", ...Array(50).fill("more"), "last"]);
  }
});

test("redactFields: hides fields by name, at any depth", async (t) => {
  const names = [
    "password",
    "rootPassword",
    "passwd",
    "secretKey",
    "secret_key",
    "SecretAccessKey",
    "sessionToken",
    "x-amz-security-token",
    "authorization",
    "Authorization",
    "cookie",
    "Set-Cookie",
    "credentials",
    "signature",
    "signingKey",
    "privateKey",
    "private_key",
    "apiKey",
    "api-key",
    "x-amz-server-side-encryption-customer-key",
  ];
  for (const name of names) {
    for (const value of ["hunter2", ["hunter2"], { inner: "hunter2" }, 7]) {
      const text = JSON.stringify(
        redactFields({ a: [{ b: { [name]: value } }] }, { anonymous: false }),
      );
      t.equal(text, `{"a":[{"b":{"${name}":"(hidden)"}}]}`, name);
    }
  }
  const plain = { key: "photo.jpg", bucket: "b", partNumber: 3, accessKey: "AKIA", path: "/x" };
  t.strictSame(redactFields(plain, { anonymous: false }), plain);
});

test("redactText: hides signatures and credentials inside texts", async (t) => {
  const cases = [
    "AWS4-HMAC-SHA256 Credential=AK/20260101/r/s3/aws4_request, SignedHeaders=host, Signature=hunter2",
    "GET /b/k?X-Amz-Signature=hunter2&X-Amz-Date=1",
    "GET /b/k?x-amz-security-token=hunter2",
    "https://user:hunter2@example.test/path",
    "authorization: Bearer hunter2hunter2",
    "authorization: Basic hunter2hunter2=",
    "authorization: AWS AKIA:hunter2hunter2",
  ];
  for (const text of cases) {
    t.notMatch(redactText(text), /hunter2/, text);
    const { log, lines } = recorder();
    log.info(text, { text, list: [text], error: new Error(text, { cause: new Error(text) }) });
    t.notMatch(lines.join(""), /hunter2/, text);
  }
  t.equal(redactText("plain text, nothing=to hide"), "plain text, nothing=to hide");
});

test("redactFields: anonymous hides names of buckets, objects and clients", async (t) => {
  const fields = {
    bucket: "b",
    key: "k",
    clientAddress: "10.0.0.1",
    status: 200,
    error: { path: "/b/k" },
  };
  t.strictSame(redactFields(fields, { anonymous: true }), {
    bucket: "(hidden)",
    key: "(hidden)",
    clientAddress: "(hidden)",
    status: 200,
    error: { path: "(hidden)" },
  });
});

test("redactFields: is bounded and takes whatever it is given", async (t) => {
  const loop: Record<string, unknown> = { size: 10n, bytes: Buffer.alloc(9), set: new Set([1]) };
  loop["self"] = loop;
  const text = JSON.stringify(redactFields(loop, { anonymous: false }));
  t.match(text, /"size":"10","bytes":"\(9 bytes\)","set":\[1\]/);
  t.match(text, /too deep/);
  t.ok(
    JSON.stringify(redactFields({ long: "x".repeat(1e6) }, { anonymous: false })).length < 20_000,
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.anything()), (fields) => {
      JSON.stringify(redactFields(fields, { anonymous: true }));
    }),
  );
});
