/** Entry of a store thread: some drives of the node, on the real disk and the real engine. */
import { randomBytes } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { createNodeDisk } from "./disk-node.ts";
import { JOURNAL_SEGMENT_BYTES, openJournaledKv } from "./kv-journaled.ts";
import { openLmdbKv } from "./kv-lmdb.ts";
import { createRecordDigest } from "./record-digest.ts";
import { ThreadHost } from "./thread-host.ts";
import type { ThreadStart } from "./thread-messages.ts";

const port = parentPort;
assert(port !== null, "runs as a worker thread");
// Written by `startStoreThread`, which gives exactly this.
const start = workerData as ThreadStart;
const disk = createNodeDisk();
const digest = createRecordDigest();
const random = { bytes: randomBytes };

new ThreadHost(start.options, {
  port: {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (callback) => void port.on("message", callback),
  },
  disk,
  memory: new Uint8Array(start.memory),
  digest,
  openKv: openLmdbKv,
  addJournal: (engine, folder) =>
    openJournaledKv(
      { folder, segmentBytes: JOURNAL_SEGMENT_BYTES },
      { engine, disk, digest, random },
    ),
  afterTurn: (callback) => void setImmediate(callback),
});
