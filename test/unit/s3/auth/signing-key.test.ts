import { createHmac } from "node:crypto";
import fc from "fast-check";
import { test } from "tap";
import { canonicalPath, canonicalQuery } from "../../../../src/s3/auth/canonical-request.ts";
import { parseCredential } from "../../../../src/s3/auth/credential-scope.ts";
import {
  deriveSigningKey,
  SigningKey,
  SigningKeyCache,
} from "../../../../src/s3/auth/signing-key.ts";
import { EXAMPLE } from "./signed-requests.ts";

function scopeOf(day: number) {
  const scope = parseCredential(`k/${20_000_000 + day}/r/s3/aws4_request`);
  if (scope === undefined) throw new Error("not a credential");
  return scope;
}

test("deriveSigningKey: the example of AWS's documentation", async (t) => {
  const key = deriveSigningKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {
    date: "20120215",
    region: "us-east-1",
    service: "iam",
  });
  t.equal(key.toString("hex"), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d");
});

test("SigningKey: signs as createHmac does, however long the text", async (t) => {
  const key = fc.uint8Array({ maxLength: 64 });
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.nat({ max: 5000 }).map((length) => "ü".repeat(length)),
  );
  fc.assert(
    fc.property(key, text, (bytes, message) => {
      const expected = createHmac("sha256", bytes).update(message, "utf8").digest("hex");
      t.equal(new SigningKey(Buffer.from(bytes)).sign(message), expected);
    }),
  );
});

test("SigningKeyCache: is bounded, keeps what is used, and is never wrong", async (t) => {
  const cache = new SigningKeyCache(8);
  const first = cache.get(EXAMPLE, scopeOf(0));
  for (let day = 1; day <= 100; day++) {
    const key = deriveSigningKey(EXAMPLE.secretKey, scopeOf(day));
    t.equal(cache.get(EXAMPLE, scopeOf(day)).sign("text"), new SigningKey(key).sign("text"));
    t.equal(cache.get(EXAMPLE, scopeOf(0)), first, "still the same key");
    t.ok(cache.size <= 8);
  }
});

test("SigningKeyCache: scopes and keys that read alike do not share", async (t) => {
  const cache = new SigningKeyCache();
  const left = parseCredential("a/b/20130524/r/s3/aws4_request");
  const right = parseCredential("a/b/20130524/r/s4/aws4_request");
  if (left === undefined || right === undefined) throw new Error("not a credential");
  t.not(cache.get(EXAMPLE, left).sign("x"), cache.get(EXAMPLE, right).sign("x"));
  const other = { ...EXAMPLE, secretKey: "other" };
  t.not(cache.get(EXAMPLE, left).sign("x"), cache.get(other, left).sign("x"));
});

test("parseCredential: reads from the right", async (t) => {
  t.match(parseCredential("a/b/c/20130524/r/s3/aws4_request"), {
    accessKey: "a/b/c",
    date: "20130524",
    region: "r",
    service: "s3",
    terminal: "aws4_request",
    scope: "20130524/r/s3/aws4_request",
  });
  for (const text of ["", "/", "a/b/c/d", "///"]) t.equal(parseCredential(text), undefined, text);
});

/** The specification, step by step and without haste. */
function encodeSlowly(text: string, keepSlash: boolean): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[A-Za-z0-9\-._~]/.test(character) || (keepSlash && character === "/")) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** Encodes some characters, in one or the other case, and leaves others. */
function encodeSomehow(text: string, choices: readonly number[]): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte, index) => {
      const hex = byte.toString(16).padStart(2, "0");
      const choice = choices[index % choices.length] ?? 0;
      const bare = /[A-Za-z0-9\-._~/!*'()]/.test(String.fromCharCode(byte));
      if (bare && choice % 3 === 0) return String.fromCharCode(byte);
      return `%${choice % 2 === 0 ? hex : hex.toUpperCase()}`;
    })
    .join("");
}

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const choices = fc.array(fc.nat(), { minLength: 1, maxLength: 5 });

test("canonicalPath: however a path is escaped, it reads the same", async (t) => {
  fc.assert(
    fc.property(text, choices, (path, how) => {
      t.equal(canonicalPath(`/${encodeSomehow(path, how)}`), `/${encodeSlowly(path, true)}`);
    }),
  );
});

test("canonicalQuery: however a query is escaped and ordered, it reads the same", async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 6 }), choices, (pairs, how) => {
      const named = pairs.filter(([name]) => name !== "");
      const raw = named
        .map(([name, value]) => `${encodeSomehow(name, how)}=${encodeSomehow(value, how)}`)
        .join("&");
      const slow = named
        .map(([name, value]) => [encodeSlowly(name, false), encodeSlowly(value, false)] as const)
        .sort(
          ([a, x], [b, y]) => Buffer.compare(Buffer.from(a), Buffer.from(b)) || (x < y ? -1 : 1),
        )
        .map(([name, value]) => `${name}=${value}`)
        .join("&");
      t.equal(canonicalQuery(raw), slow);
    }),
  );
  t.equal(canonicalQuery("b=1&a=2&X-Amz-Signature=x", "X-Amz-Signature"), "a=2&b=1");
});
