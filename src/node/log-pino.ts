/**
 * The Logger of src/base on pino: one JSON object a line, or lines for people on a terminal. Fields
 * pass through src/node/redact.ts first, so that no secret reaches a log even by mistake.
 *
 * Lines are written by the time `flush` returns; main calls it before every exit.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import pretty from "pino-pretty";
import { MIB } from "../base/bytes.ts";
import type { LogFields, Logger } from "../base/log.ts";
import { type RedactOptions, redactFields, redactText } from "./redact.ts";

export interface LogOptions {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly format: "json" | "pretty";
  readonly anonymous: boolean;
}

export interface RootLogger {
  readonly log: Logger;
  /** For the last words of a process that is about to end. */
  fatal(message: string, fields?: LogFields): void;
  /** Writes everything that is still buffered, synchronously. */
  flush(): void;
}

const STANDARD_OUTPUT = 1;
/** Lines that wait for a slow reader; beyond this they are dropped rather than kept. */
const BUFFERED_BYTES_MAX = 16 * MIB;
/** A write of some lines that takes longer than this is stuck. */
const BEGUN_WRITE_MS = 25;

/** What the log is written to: a file descriptor, or lines taken one by one (tests). */
export type LogTarget = { readonly descriptor: number } | { write(line: string): void };

export function createLogger(
  options: LogOptions,
  target: LogTarget = { descriptor: STANDARD_OUTPUT },
): RootLogger {
  const { stream, flush } = openStream(options.format, target);
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "message",
    },
    stream,
  );
  return {
    log: adapt(root, options),
    fatal: (message, fields = {}) => root.fatal(redactFields(fields, options), redactText(message)),
    flush,
  };
}

function adapt(target: PinoLogger, options: RedactOptions): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}): void => {
      // Redaction copies; a message that is not wanted must not cost that.
      if (!target.isLevelEnabled(level)) return;
      target[level](redactFields(fields, options), redactText(message));
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => adapt(target.child(redactFields(fields, options)), options),
  };
}

function openStream(
  format: LogOptions["format"],
  target: LogTarget,
): { stream: DestinationStream; flush(): void } {
  if ("write" in target) {
    if (format === "json") return { stream: target, flush() {} };
    return { stream: prettyLines((line) => target.write(line)), flush() {} };
  }
  const { stream, flush } = openDescriptor(target.descriptor, format);
  if (format === "json") return { stream, flush };
  return { stream: prettyLines((line) => stream.write(line)), flush };
}

/** Terminals are written at once; everything else in the background, so that nothing waits for it. */
function openDescriptor(
  descriptor: number,
  format: LogOptions["format"],
): { stream: DestinationStream; flush(): void } {
  const sync = format === "pretty";
  const stream = pino.destination({ dest: descriptor, sync, maxLength: BUFFERED_BYTES_MAX });
  let writing = false;
  stream.on("drain", () => {
    writing = false;
  });
  // A reader of the log that goes away must not take the server with it.
  stream.on("error", () => {});
  const write = (line: string): void => {
    writing = !sync;
    stream.write(line);
  };
  const flush = (): void => {
    // A write that has begun runs on another thread: what follows it must not overtake it.
    if (writing) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BEGUN_WRITE_MS);
    try {
      stream.flushSync();
    } catch {
      // The stream is not open or its reader is gone: there is nothing left to write to.
    }
  };
  return { stream: { write }, flush };
}

/** pino-pretty's formatter without its stream, so that a line is written when `write` returns. */
function prettyLines(write: (line: string) => void): DestinationStream {
  const format = pretty.prettyFactory({
    colorize: pretty.isColorSupported,
    messageKey: "message",
    timestampKey: "time",
    translateTime: "SYS:HH:MM:ss.l",
    singleLine: true,
  });
  return { write: (line) => write(format(line)) };
}
