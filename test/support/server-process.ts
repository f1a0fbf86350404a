/**
 * A real Ringfort process for tests: fresh drive folders in a temporary place, a free port, waits
 * until it serves. Whatever it logs is kept for the failure message.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../../native-bench/load/free-port.ts";

const MAIN = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));
/** Four at once on a busy machine take long to come up. */
const START_TIMEOUT_MS = 180_000;

export interface ServerOptions {
  readonly drives?: number;
  /** Reuse the folders of an earlier server. */
  readonly folder?: string;
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Drive words to start with instead of folders of its own: the URLs of a cluster. */
  readonly words?: readonly string[];
  /** Told at once, long before it serves. */
  readonly onSpawn?: (pid: number) => void;
}

export interface ServerProcess {
  readonly endpoint: string;
  readonly port: number;
  readonly folder: string;
  readonly drives: readonly string[];
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything printed so far. */
  output(): string;
  /** SIGTERM, waits; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, waits. */
  kill(): Promise<void>;
  /** Deletes the folders; call after stop or kill. */
  clean(): void;
}

export const ACCESS_KEY = "minioadmin";
export const SECRET_KEY = "minioadmin";

export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "ringfort-test-"));
  const port = options.port ?? (await freePort());
  const count = options.drives ?? 4;
  const drives = Array.from({ length: count }, (_, index) => join(folder, `drive${index + 1}`));
  const child = spawn(
    process.execPath,
    [
      MAIN,
      "server",
      "--json",
      "--address",
      `127.0.0.1:${port}`,
      ...(options.flags ?? []),
      ...(options.words ?? drives),
    ],
    {
      env: {
        PATH: process.env["PATH"] ?? "",
        HOME: folder,
        RINGFORT_MEMORY: "128MiB",
        ...options.environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  if (child.pid !== undefined) options.onSpawn?.(child.pid);
  let output = "";
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-200_000);
  };
  child.stdout.on("data", collect);
  child.stderr.on("data", collect);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const server: ServerProcess = {
    endpoint: `http://127.0.0.1:${port}`,
    port,
    folder,
    drives,
    pid: child.pid ?? 0,
    child,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      return exited;
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    clean: () => rmSync(folder, { recursive: true, force: true }),
  };
  await waitUntilReady(server, exited);
  return server;
}

/** Asks the readiness endpoint until it answers 200; fails at once when the process ends. */
async function waitUntilReady(server: ServerProcess, exited: Promise<unknown>): Promise<void> {
  let ended = false;
  void exited.then(() => {
    ended = true;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && !ended) {
    const ready = await fetch(`${server.endpoint}/minio/health/ready`).then(
      (answer) => answer.status === 200,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  server.child.kill("SIGKILL");
  throw new Error(`the server did not become ready:\n${server.output()}`);
}
