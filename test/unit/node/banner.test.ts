/** What is printed at the start. */
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "tap";
import { bannerLines, endpointUrls } from "../../../src/node/banner.ts";

const FACTS = {
  version: "1.2.3",
  endpoints: ["http://10.0.0.5:9000", "http://127.0.0.1:9000"],
  rootUser: "admin",
  defaultPassword: undefined,
  drives: ["/mnt/d1", "/mnt/d2", "/mnt/d3", "/mnt/d4"],
  parity: 2,
  region: undefined,
};

test("bannerLines: endpoints, user, drives and commands to paste", async (t) => {
  const text = bannerLines(FACTS).join("\n");
  t.match(text, "Serving   http://10.0.0.5:9000  http://127.0.0.1:9000");
  t.match(text, "4 (/mnt/d1 … /mnt/d4), data survives the loss of 2");
  t.match(text, "RootUser  admin\n");
  t.match(text, "aws --endpoint-url http://10.0.0.5:9000 s3 mb s3://first");
  t.match(text, "mc alias set ringfort http://10.0.0.5:9000 admin PASSWORD");
  t.match(text, "AWS_REGION=us-east-1");
});

test("bannerLines: shows the password only when it is the default, says what one drive means", async (t) => {
  const text = bannerLines({
    ...FACTS,
    defaultPassword: "minioadmin",
    drives: ["/data"],
    parity: 0,
    region: "eu-1",
  }).join("\n");
  t.match(text, "RootPass  minioadmin (the default: set RINGFORT_ROOT_PASSWORD)");
  t.match(text, "1 (/data), no redundancy");
  t.match(text, "AWS_REGION=eu-1");
  t.match(text, "9000 admin minioadmin");
});

test("bannerLines: quotes what a shell would read otherwise", async (t) => {
  const text = bannerLines({ ...FACTS, rootUser: "a$b'c" }).join("\n");
  t.match(text, `AWS_ACCESS_KEY_ID='a$b'\\''c' `);
  t.match(text, `9000 'a$b'\\''c' PASSWORD`);
});

function info(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, internal, mac: "00:00:00:00:00:00", netmask: "", cidr: null };
  return address.includes(":")
    ? { ...common, family: "IPv6", scopeid: 0 }
    : { ...common, family: "IPv4" };
}

const INTERFACES = {
  lo: [info("127.0.0.1", true), info("::1", true)],
  eth0: [info("fd00::5"), info("10.0.0.5"), info("fe80::1"), info("169.254.1.1")],
  gone: undefined,
};

test("endpointUrls: every interface: reachable first, loopback last, link-local left out", async (t) => {
  t.strictSame(endpointUrls({ scheme: "http", host: "", port: 9000 }, INTERFACES), [
    "http://10.0.0.5:9000",
    "http://[fd00::5]:9000",
    "http://127.0.0.1:9000",
    "http://[::1]:9000",
  ]);
  t.strictSame(endpointUrls({ scheme: "https", host: "0.0.0.0", port: 1 }, INTERFACES), [
    "https://10.0.0.5:1",
    "https://127.0.0.1:1",
  ]);
});

test("endpointUrls: a named host is itself; without any interface the loopback", async (t) => {
  t.strictSame(endpointUrls({ scheme: "https", host: "::1", port: 9 }, INTERFACES), [
    "https://[::1]:9",
  ]);
  t.strictSame(endpointUrls({ scheme: "http", host: "s3.test", port: 9 }, {}), [
    "http://s3.test:9",
  ]);
  t.strictSame(endpointUrls({ scheme: "http", host: "", port: 9 }, {}), ["http://127.0.0.1:9"]);
});
