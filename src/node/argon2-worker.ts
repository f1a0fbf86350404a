/** Derives one key with Argon2id, answers, and ends. Parameters are those of MinIO's clients. */
import { parentPort, workerData } from "node:worker_threads";
import { argon2id } from "@noble/hashes/argon2.js";
import type { Argon2Reply, Argon2Request } from "./argon2-messages.ts";

const MEMORY_KIB = 64 * 1024;

// The one who starts the thread gives it exactly this.
const { password, salt } = workerData as Argon2Request;
const key = argon2id(password, salt, { t: 1, m: MEMORY_KIB, p: 4, dkLen: 32 });
const reply: Argon2Reply = { key };
parentPort?.postMessage(reply);
