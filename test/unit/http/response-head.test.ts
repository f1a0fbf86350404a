import fc from "fast-check";
import { test } from "tap";
import {
  checkHeader,
  isBodyless,
  serializeHead,
  statusText,
} from "../../../src/http/response-head.ts";

test("serializeHead: whatever it accepts stays on its own line", async (t) => {
  let accepted = 0;
  const character = fc.constantFrom("a", "Z", "-", ":", " ", "\r", "\n", "\0", "\t", "é", "\x7f");
  const text = fc.array(character, { maxLength: 4 }).map((parts) => parts.join(""));
  const name = fc.oneof(fc.constant("x-amz-meta-a"), text);
  const value = fc.oneof(fc.constant("1, 2"), text);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 2 }), (headers) => {
      let head: string;
      try {
        head = serializeHead(200, headers);
      } catch {
        return true;
      }
      accepted += headers.length;
      const lines = headers.map((header) => header.join(": "));
      return head.split(/\r\n|\r|\n|\0/).join("|") === ["200 OK", ...lines].join("|");
    }),
    { numRuns: 2_000 },
  );
  t.ok(accepted > 50, "the property met headers that pass");
});

test("checkHeader: keeps for the server what the server sets", async (t) => {
  for (const name of ["Content-Length", "DATE", "connection", "Transfer-Encoding", "Keep-Alive"]) {
    t.throws(() => checkHeader(name, "1"), /the server sets it/);
  }
  checkHeader("x-amz-meta-date", "1");
});

test("statusText and isBodyless: know the statuses S3 uses", async (t) => {
  t.equal(statusText(206), "206 Partial Content");
  t.equal(statusText(299), "299 ");
  t.ok(isBodyless(204));
  t.ok(isBodyless(304));
  t.notOk(isBodyless(200));
});
