import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type Test, test } from "tap";
import { newDriveId } from "../../../src/base/ids.ts";
import { createNodeDisk } from "../../../src/store/disk-node.ts";
import { beginFormatting } from "../../../src/store/drive-formatting.ts";
import { StoreThread, startStoreThread } from "../../../src/store/store-thread.ts";
import type { ThreadPort } from "../../../src/store/thread-messages.ts";
import { ballot, objectKey, realRandom, settle } from "./collaborators.ts";

const options = {
  reserve: { reserveBytesMin: 1024, reserveShare: 0.001, reserveShareMax: 0.01 },
  openFilesMax: 4,
};
const proposal = { value: Buffer.alloc(100, 1), rows: [] };

async function formatDrive(t: Test) {
  const path = mkdtempSync(join(tmpdir(), "ringfort-thread-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const id = newDriveId(realRandom);
  const drives = [{ index: 0, id, createdMs: 1 }];
  const identity = { cluster: "c", node: "n", drive: id, index: 0 } as const;
  const format = { ...identity, createdMs: 1, stripeDataBytesMax: 0, drives } as const;
  await beginFormatting(createNodeDisk(), {
    path,
    format: { ...format, state: "formatting" },
    toFormat: true,
    outdated: false,
    needsResync: false,
    replaces: undefined,
  });
  return { path, id, create: true, needsResync: false };
}

function toPort(port: MessagePort): ThreadPort {
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (callback) => void port.on("message", callback),
  };
}

test("StoreThread: requests of one turn travel in one transferred frame", async (t) => {
  const { port1, port2 } = new MessageChannel();
  t.teardown(() => port1.close());
  const sent: ArrayBuffer[] = [];
  const port = toPort(port1);
  const thread = new StoreThread({
    port: {
      ...port,
      postMessage: (message, transfer) => {
        port.postMessage(message, transfer);
        sent.push(...transfer);
      },
    },
    afterTurn: (callback) => void setImmediate(callback),
    terminate: async () => {},
  });
  port2.on("message", (message) => {
    if (message instanceof ArrayBuffer) return;
    const opened = { incarnation: 0, needsResync: false, report: {} };
    port2.postMessage({ kind: "opened", slot: message.slot, opened });
  });
  const id = newDriveId(realRandom);
  const { link } = await thread.open({ path: "/x", id, create: false, needsResync: false });
  for (let index = 0; index < 100; index++) void link.call("read", { key: objectKey("a") });
  await settle();
  t.equal(sent.length, 1);
  t.equal(sent[0]?.byteLength, 0, "the sender's copy is gone");
});

test("StoreThread: a thread that dies answers unknown, and its drives are faulty", async (t) => {
  const memory = new SharedArrayBuffer(65_536);
  const thread = startStoreThread({ memory, options });
  const { link } = await thread.open(await formatDrive(t));
  const states: string[] = [];
  link.onReport((report) => states.push(report.state));
  t.match(await link.call("prepare", { key: objectKey("a"), ballot: ballot(1) }), { ok: true });
  const waiting = link.call("accept", { key: objectKey("a"), ballot: ballot(1), proposal });
  await thread.terminate();
  t.match(await waiting, { ok: false, reason: "unavailable", applied: "unknown" });
  t.same(states, ["faulty"]);
  const later = await link.call("read", { key: objectKey("a") });
  t.match(later, { ok: false, reason: "unavailable", applied: "no" });
  t.same(await link.call("shardAbort", { writer: 1 }), { ok: true });
  await t.rejects(thread.open(await formatDrive(t)), /closed/);
});

test("StoreThread: a drive that cannot be opened says why", async (t) => {
  const thread = startStoreThread({ memory: new SharedArrayBuffer(65_536), options });
  t.teardown(() => thread.terminate());
  const opening = await formatDrive(t);
  await t.rejects(thread.open({ ...opening, create: false }), /the index was lost/);
  const { slot } = await thread.open(opening);
  await thread.close(slot);
  const other = newDriveId(realRandom);
  await t.rejects(
    thread.open({ ...opening, create: false, id: other }),
    /the index belongs to another drive/,
  );
  await t.rejects(thread.open({ ...opening, path: "/nowhere/at/all" }), /ENOENT/);
});

test("StoreThread: close answers what was asked before it", async (t) => {
  const thread = startStoreThread({ memory: new SharedArrayBuffer(65_536), options });
  t.teardown(() => thread.terminate());
  const { link, slot } = await thread.open(await formatDrive(t));
  const writes = Array.from({ length: 200 }, (_, index) =>
    link.call("accept", { key: objectKey(String(index)), ballot: ballot(1), proposal }),
  );
  await thread.close(slot);
  t.ok((await Promise.all(writes)).every((reply) => reply.ok));
});

test("ThreadHost: replies and reports come back over a real thread", async (t) => {
  const thread = startStoreThread({ memory: new SharedArrayBuffer(65_536), options });
  t.teardown(() => thread.terminate());
  const { link, opened } = await thread.open(await formatDrive(t));
  t.match(opened, { incarnation: 0, needsResync: false, report: { state: "online" } });
  t.ok(opened.report.totalBytes > 0);
  const reports: string[] = [];
  link.onReport((report) => reports.push(`${report.state} ${report.reason}`));
  const failed = await link.call("fail", { reason: "by hand" });
  t.match(failed, { state: "faulty", reason: "by hand" });
  t.same(reports, ["faulty by hand"]);
});
