import { test } from "tap";
import {
  formatListenAddress,
  listenError,
  parseListenAddress,
} from "../../../src/http/listen-address.ts";

test("parseListenAddress: reads what operators write", async (t) => {
  t.strictSame(parseListenAddress(":9000"), { host: undefined, port: 9000 });
  t.strictSame(parseListenAddress("127.0.0.1:9000"), { host: "127.0.0.1", port: 9000 });
  t.strictSame(parseListenAddress("[::]:9000"), { host: "::", port: 9000 });
  t.strictSame(parseListenAddress("[fe80::1%eth0]:0"), { host: "fe80::1%eth0", port: 0 });
  t.strictSame(parseListenAddress("store-1.example.com:443"), {
    host: "store-1.example.com",
    port: 443,
  });
});

test("parseListenAddress: refuses the rest and shows how it is written", async (t) => {
  for (const text of [
    "",
    "9000",
    "host",
    "host:",
    ":65536",
    "::1:9000",
    "[::1]",
    "a b:1x",
    ":-1",
  ]) {
    t.throws(() => parseListenAddress(text), /write \\":9000\\"/);
  }
});

test("formatListenAddress: is the inverse of parsing", async (t) => {
  for (const text of [":9000", "127.0.0.1:9000", "[::1]:9000"]) {
    t.equal(formatListenAddress(parseListenAddress(text)), text);
  }
});

test("listenError: says what to do about the errors that operators meet", async (t) => {
  const address = { host: undefined, port: 80 };
  t.match(listenError(address, "EACCES").message, /ports below 1024/);
  t.match(listenError(address, "EMFILE").message, /EMFILE/);
  t.match(listenError(address, undefined).message, /the system refused/);
});
