/** Servers that a benchmark measures: ours as a real process, and yardstick programs. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./free-port.ts";
import type { Credentials } from "./signed-requests.ts";

export const CREDENTIALS: Credentials = { accessKey: "minioadmin", secretKey: "minioadmin" };
export const HOST = "127.0.0.1";

export interface ServerUnderTest {
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  /** What it has printed. */
  output(): string;
  stop(): Promise<void>;
}

/** The fast server is what is measured, also on Node 20, where it is not the default. */
export const FRONT = process.env["RINGFORT_HTTP"] ?? "uws";

/** Ringfort over `drives` fresh folders. */
export async function startRingfort(
  drives: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerUnderTest> {
  const folder = newFolder();
  const port = await freePort();
  const main = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));
  const paths = Array.from({ length: drives }, (_, index) => join(folder, `drive${index + 1}`));
  const child = spawn(
    process.execPath,
    [main, "server", "--json", "--address", `${HOST}:${port}`, ...paths],
    {
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, RINGFORT_HTTP: FRONT, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const server = wrap(child, { port, folder });
  await untilReady(server);
  return server;
}

/** Throws with what the server printed when it does not serve in time. */
export async function untilReady(server: ServerUnderTest): Promise<void> {
  for (let tries = 0; tries < 1200; tries++) {
    const ready = await fetch(`http://${HOST}:${server.port}/minio/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await server.stop();
  throw new Error(`the server did not become ready:\n${server.output()}`);
}

/** A program of `../yardsticks` that prints `listening PORT`; FOLDER in its arguments is replaced. */
export async function startYardstick(
  name: string,
  args: readonly string[] = [],
): Promise<ServerUnderTest> {
  const folder = newFolder();
  const script = fileURLToPath(new URL(`../yardsticks/${name}.js`, import.meta.url));
  const words = args.map((word) => (word === "FOLDER" ? folder : word));
  const child = spawn(process.execPath, [script, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const port = await new Promise<number>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = /listening (\d+)/.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
    child.stderr.pipe(process.stderr);
    child.once("exit", (code) => reject(new Error(`${name} ended with ${code}: ${text}`)));
  });
  return wrap(child, { port, folder });
}

export function wrap(
  child: ChildProcess,
  { port, folder }: { port: number; folder: string },
): ServerUnderTest {
  let output = "";
  const collect = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-1_000_000);
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    port,
    folder,
    pid: child.pid ?? 0,
    output: () => output,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function newFolder(): string {
  return mkdtempSync(join(process.env["RINGFORT_BENCH_DIR"] ?? tmpdir(), "ringfort-bench-"));
}

/** Resident bytes of a process, now. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}

/** CPU seconds a process has used so far, all threads. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
