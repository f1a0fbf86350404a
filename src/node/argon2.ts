/**
 * Argon2id, which MinIO's clients derive the key of sealed bodies with: 64 MiB and some tenths of a
 * second each, so one at a time and in a thread of its own, which ends when it is idle.
 */
import { Worker } from "node:worker_threads";
import { AdminError } from "../admin/admin-error.ts";
import type { Argon2 } from "../admin/body-encryption.ts";
import type { Argon2Reply, Argon2Request } from "./argon2-messages.ts";

/** Derivations waiting or under way; one more is refused. */
export const ARGON2_WAITING_MAX = 8;
const DEADLINE_MS = 60_000;

type Derive = (request: Argon2Request) => Promise<Uint8Array>;

/** One derivation after another, a bounded number of them waiting. */
export function createArgon2Queue(derive: Derive): Argon2 {
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const done = (): void => {
    waiting -= 1;
  };
  return (password, salt) => {
    if (waiting >= ARGON2_WAITING_MAX) {
      throw new AdminError(503, "SlowDown", "Too many requests with sealed bodies, try again.");
    }
    waiting += 1;
    const derived = last.then(() => derive({ password, salt: Uint8Array.from(salt) }));
    last = derived.then(done, done);
    return derived;
  };
}

export const argon2InWorker: Argon2 = createArgon2Queue(deriveInWorker);

function deriveInWorker(request: Argon2Request): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./argon2-worker.js", import.meta.url), {
      workerData: request,
    });
    const timer = setTimeout(() => {
      void worker.terminate();
      reject(new Error("deriving a key took too long"));
    }, DEADLINE_MS);
    worker.once("message", (reply: Argon2Reply) => resolve(reply.key));
    worker.once("error", reject);
    worker.once("exit", () => {
      clearTimeout(timer);
      reject(new Error("the thread ended without an answer"));
    });
  });
}
