import { test } from "tap";
import { HttpHeaders } from "../../../src/http/headers.ts";

const headers = new HttpHeaders([
  "host",
  "a",
  "x-amz-meta-k",
  "1",
  "etag",
  "",
  "x-amz-meta-k",
  "2",
]);

test("HttpHeaders.get: joins repeats in order and tells empty from absent", async (t) => {
  t.equal(headers.get("x-amz-meta-k"), "1,2");
  t.equal(headers.get("host"), "a");
  t.equal(headers.get("etag"), "");
  t.equal(headers.get("a"), undefined, "a value is never taken for a name");
  t.ok(headers.has("etag"));
  t.notOk(headers.has("range"));
});

test("HttpHeaders.all and entries: keep every value in wire order", async (t) => {
  t.strictSame(headers.all("x-amz-meta-k"), ["1", "2"]);
  t.strictSame(headers.all("range"), []);
  t.equal(headers.count, 4);
  t.strictSame(
    [...headers.entries()],
    [
      ["host", "a"],
      ["x-amz-meta-k", "1"],
      ["etag", ""],
      ["x-amz-meta-k", "2"],
    ],
  );
});
