import { test } from "tap";
import {
  parseCopyConditions,
  parseDeleteConditions,
  parseReadConditions,
  parseWriteConditions,
} from "../../../src/s3/conditions.ts";
import { refusal } from "./refusal.ts";

const DATE = "Wed, 21 Oct 2015 07:28:00 GMT";
const DATE_MS = Date.UTC(2015, 9, 21, 7, 28);

function headers(fields: Record<string, string>) {
  return { get: (name: string) => fields[name] };
}

test("parseReadConditions: lists, stars, weak and unquoted tags", async (t) => {
  t.strictSame(parseReadConditions(headers({})), {});
  t.strictSame(
    parseReadConditions(
      headers({
        "if-match": '"a", b ,W/"c"',
        "if-none-match": '*, W/"d"',
        "if-modified-since": DATE,
        "if-unmodified-since": DATE,
      }),
    ),
    {
      ifMatch: ["a", "b"],
      ifNoneMatch: ["*", "d"],
      ifModifiedSinceMs: DATE_MS,
      ifUnmodifiedSinceMs: DATE_MS,
    },
  );
});

test("parseReadConditions: an If-Match that names nothing matches nothing", async (t) => {
  for (const value of ["", ",", 'W/"a"', '""']) {
    t.strictSame(parseReadConditions(headers({ "if-match": value })), { ifMatch: [] }, value);
  }
});

test("parseReadConditions: a date that is none is no condition", async (t) => {
  for (const value of ["", "yesterday", "2015-10-21T07:28:00Z", "Wed, 41 Oct 2015 07:28:00 GMT"]) {
    const read = { "if-modified-since": value, "if-unmodified-since": value };
    t.strictSame(parseReadConditions(headers(read)), {}, value);
  }
});

test("parseCopyConditions: reads the source's headers only", async (t) => {
  t.strictSame(
    parseCopyConditions(
      headers({
        "if-match": "x",
        "x-amz-copy-source-if-match": '"a"',
        "x-amz-copy-source-if-none-match": '"b"',
        "x-amz-copy-source-if-modified-since": DATE,
        "x-amz-copy-source-if-unmodified-since": DATE,
      }),
    ),
    {
      ifMatch: ["a"],
      ifNoneMatch: ["b"],
      ifModifiedSinceMs: DATE_MS,
      ifUnmodifiedSinceMs: DATE_MS,
    },
  );
});

test("parseWriteConditions: dates do not count, and an empty condition is refused", async (t) => {
  t.strictSame(parseWriteConditions(headers({ "if-modified-since": DATE })), {});
  t.strictSame(parseWriteConditions(headers({ "if-none-match": "*" })), { ifNoneMatch: ["*"] });
  t.strictSame(parseWriteConditions(headers({ "if-match": '"a"' })), { ifMatch: ["a"] });
  for (const name of ["if-match", "if-none-match"]) {
    for (const value of ["", " ", ",", '""']) {
      t.match(
        refusal(() => parseWriteConditions(headers({ [name]: value }))),
        { code: "InvalidArgument" },
        `${name}: ${value}`,
      );
    }
  }
});

test("parseDeleteConditions: one tag, a moment, a size", async (t) => {
  t.strictSame(parseDeleteConditions(headers({})), {});
  t.strictSame(
    parseDeleteConditions(
      headers({
        "if-match": '"a"',
        "x-amz-if-match-last-modified-time": DATE,
        "x-amz-if-match-size": "12",
      }),
    ),
    { ifMatch: "a", ifMatchLastModifiedMs: DATE_MS, ifMatchBytes: 12 },
  );
  t.strictSame(
    parseDeleteConditions(headers({ "x-amz-if-match-last-modified-time": "2015-10-21T07:28:00Z" })),
    { ifMatchLastModifiedMs: DATE_MS },
  );
  for (const bad of [
    { "if-match": "" },
    { "if-match": '"a","b"' },
    { "x-amz-if-match-size": "-1" },
    { "x-amz-if-match-size": "1e3" },
    { "x-amz-if-match-size": "9999999999999999" },
    { "x-amz-if-match-last-modified-time": "soon" },
  ]) {
    const fields: Record<string, string> = { ...bad };
    t.match(
      refusal(() => parseDeleteConditions(headers(fields))),
      { code: "InvalidArgument" },
      JSON.stringify(bad),
    );
  }
});
