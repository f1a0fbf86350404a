/** Which drives of a list of URLs are this machine's. */
import { test } from "tap";
import { readRemoteDrives } from "../../../../config/drive-list.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { findOwnNode, groupByNode } from "../../../../src/node/cluster/own-drives.ts";
import { ManualClock } from "../../../support/manual-clock.ts";

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  n1: ["10.0.0.1"],
  n2: ["10.0.0.2"],
  n3: ["10.0.0.3", "fd00::3"],
  "127.0.0.1": ["127.0.0.1"],
  "10.0.0.2": ["10.0.0.2"],
};

function find(words: readonly string[], address: { host: string; port: number }, own: string[]) {
  const drives = readRemoteDrives(words);
  if (drives === undefined) throw new Error("not URLs");
  return findOwnNode(groupByNode(drives), address, {
    resolve: async (host) => HOSTS[host] ?? Promise.reject(new Error("unknown")),
    ownAddresses: () => own,
    clock: new ManualClock(),
    log: silentLogger,
  });
}

test("groupByNode: drives keep their places in the whole list as their numbers", async (t) => {
  const drives = readRemoteDrives(["http://n{1...2}/d{1...2}"]) ?? [];
  const { nodes, paths } = groupByNode(drives);
  t.strictSame(nodes, [
    { host: "n1", port: 9000, drives: [0, 2] },
    { host: "n2", port: 9000, drives: [1, 3] },
  ]);
  t.strictSame(paths, [
    ["/d1", "/d2"],
    ["/d1", "/d2"],
  ]);
});

test("findOwnNode: the host is one of this machine's and the port the one it serves", async (t) => {
  const words = ["http://n{1...3}/d1"];
  t.match(await find(words, { host: "", port: 9000 }, ["10.0.0.2", "127.0.0.1"]), { position: 1 });
  t.match(await find(words, { host: "", port: 9000 }, ["fd00::3"]), { position: 2 });
  const ports = ["http://127.0.0.1:9001/a", "http://127.0.0.1:9002/b"];
  t.match(await find(ports, { host: "", port: 9002 }, ["127.0.0.1"]), {
    position: 1,
    paths: ["/b"],
  });
  t.match(await find(words, { host: "10.0.0.2", port: 9000 }, ["10.0.0.1", "10.0.0.2"]), {
    position: 1,
  });
});

test("findOwnNode: none and several are refused, saying what to do", async (t) => {
  const words = ["http://n{1...3}/d1"];
  await t.rejects(find(words, { host: "", port: 9000 }, ["10.9.9.9"]), /none of the drive URLs/);
  await t.rejects(find(words, { host: "", port: 9001 }, ["10.0.0.1"]), /port 9001/);
  await t.rejects(find(words, { host: "", port: 9000 }, ["10.0.0.1", "10.0.0.2"]), /--address/);
});
