/** The access logs of a node, running: what notes requests, and the worker that delivers the lines. */
import { WorkerLoop } from "../object/contract/background-worker.ts";
import {
  AccessLog,
  type AccessLogModules,
  type AccessLogOptions,
} from "../s3/access-log/access-log.ts";
import {
  LogSpool,
  type LogSpoolModules,
  type LogSpoolOptions,
} from "../s3/access-log/log-spool.ts";

/** How often the worker looks at what is due; at most an eighth of the interval. */
const IDLE_MS_MAX = 1_000;
const RETRY_MS = 2_000;

export interface RunningAccessLog {
  readonly accessLog: AccessLog;
  /** What is in memory is made durable first. */
  stop(): Promise<void>;
}

export function startAccessLog(
  options: AccessLogOptions & LogSpoolOptions,
  modules: Omit<AccessLogModules, "spool"> & LogSpoolModules,
): RunningAccessLog {
  const spool = new LogSpool(options, modules);
  const pace = {
    idleMs: Math.min(IDLE_MS_MAX, options.intervalMs / 8),
    retryMs: RETRY_MS,
    dutyShare: 1,
  };
  const loop = new WorkerLoop(spool, pace, modules);
  loop.start();
  return {
    accessLog: new AccessLog(options, { ...modules, spool }),
    async stop() {
      await loop.stop();
      await spool.stop();
    },
  };
}
