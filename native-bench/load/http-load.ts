/**
 * A load generator that costs little: prepared requests over a fixed number of keep-alive sockets,
 * answers parsed just enough to count bytes. Runs in a process of its own (`http-load-worker.ts`),
 * so that it shares the machine with the server but not its event loop.
 */
import { connect, type Socket } from "node:net";

export interface LoadResult {
  readonly requests: number;
  readonly failures: number;
  readonly firstFailure: string | undefined;
  readonly seconds: number;
  readonly bodyBytes: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Everything received, with `keepText`; "" without. */
  readonly text: string;
  /** Milliseconds of each request, the shortest first, with `keepLatencies`; none without. */
  readonly latencies: readonly number[];
}

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Head and body of each request, in the order they are sent. */
  readonly requests: readonly (readonly Buffer[])[];
  /** Collects what is received, for callers that read it. */
  readonly keepText?: boolean;
  /** For callers that put several runs together. */
  readonly keepLatencies?: boolean;
  /** Requests begin at this pace, as far as the connections allow; as fast as they are answered without. */
  readonly perSecond?: number;
}

interface Counters {
  next: number;
  done: number;
  failures: number;
  firstFailure: string | undefined;
  bodyBytes: number;
  latencies: number[];
  text: string;
}

/** Sends every request once; resolves when all are answered. */
export async function runLoad(plan: LoadPlan): Promise<LoadResult> {
  const counters: Counters = {
    next: 0,
    done: 0,
    failures: 0,
    firstFailure: undefined,
    bodyBytes: 0,
    latencies: [],
    text: "",
  };
  const sockets = await Promise.all(
    Array.from({ length: plan.connections }, () => openSocket(plan.host, plan.port)),
  );
  const start = process.hrtime.bigint();
  const startMs = performance.now();
  const dueMs = (index: number): number =>
    plan.perSecond === undefined ? 0 : startMs + (1000 * index) / plan.perSecond;
  await Promise.all(sockets.map((socket) => driveSocket(socket, plan, counters, dueMs)));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  for (const socket of sockets) socket.destroy();
  counters.latencies.sort((left, right) => left - right);
  return {
    requests: counters.done,
    failures: counters.failures,
    firstFailure: counters.firstFailure,
    seconds,
    bodyBytes: counters.bodyBytes,
    p50: quantile(counters.latencies, 0.5),
    p99: quantile(counters.latencies, 0.99),
    text: counters.text,
    latencies: plan.keepLatencies === true ? counters.latencies : [],
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function openSocket(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** One request after the other on one socket, until none is left. */
function driveSocket(
  socket: Socket,
  plan: LoadPlan,
  counters: Counters,
  dueMs: (index: number) => number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let remaining = -1;
    let head = "";
    let status = 0;
    let errorText = "";
    const send = (): void => {
      const parts = plan.requests[counters.next];
      if (parts === undefined) {
        resolve();
        return;
      }
      const earlyMs = dueMs(counters.next++) - performance.now();
      if (earlyMs > 0) setTimeout(() => write(parts), earlyMs);
      else write(parts);
    };
    const write = (parts: readonly Buffer[]): void => {
      remaining = -1;
      head = "";
      errorText = "";
      sentAt = performance.now();
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    };
    const finish = (): void => {
      counters.latencies.push(performance.now() - sentAt);
      counters.done++;
      if (status < 200 || status > 299) {
        counters.failures++;
        counters.firstFailure ??= `${status} ${errorText.slice(0, 300)}`;
      }
      send();
    };
    socket.on("data", (chunk) => {
      if (plan.keepText === true) counters.text += chunk.toString("utf8");
      let body = chunk.length;
      if (remaining < 0) {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        status = Number(head.slice(9, 12));
        const length = /\r\ncontent-length: *(\d+)/i.exec(head.slice(0, end));
        remaining = length === null ? 0 : Number(length[1]);
        body = head.length - end - 4;
        if (status > 299) errorText = head.slice(end + 4);
      }
      counters.bodyBytes += body;
      remaining -= body;
      if (remaining === 0) finish();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the server closed the connection")));
    send();
  });
}
