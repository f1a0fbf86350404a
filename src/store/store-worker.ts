/** Entry of a store thread: some drives of the node, on the real disk and the real engine. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../base/assert.ts";
import { createNodeDisk } from "./disk-node.ts";
import { openLmdbKv } from "./kv-lmdb.ts";
import { createRecordDigest } from "./record-digest.ts";
import { ThreadHost } from "./thread-host.ts";
import type { ThreadStart } from "./thread-messages.ts";

const port = parentPort;
assert(port !== null, "runs as a worker thread");
// Written by `startStoreThread`, which gives exactly this.
const start = workerData as ThreadStart;

new ThreadHost(start.options, {
  port: {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (callback) => void port.on("message", callback),
  },
  disk: createNodeDisk(),
  memory: new Uint8Array(start.memory),
  digest: createRecordDigest(),
  openKv: openLmdbKv,
  afterTurn: (callback) => void setImmediate(callback),
});
