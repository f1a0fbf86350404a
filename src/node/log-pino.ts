/**
 * The Logger of src/base on pino: one JSON object a line, or lines for people on a terminal. Fields
 * pass through src/node/redact.ts first, so that no secret reaches a log even by mistake.
 *
 * Lines are written by the time `flush` returns; main calls it before every exit.
 */
import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import pretty from "pino-pretty";
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
  const { descriptor } = target;
  const destination = pino.destination({ dest: descriptor, sync: format === "pretty" });
  // A reader of the log that goes away must not take the server with it.
  destination.on("error", () => {});
  const flush = (): void => {
    try {
      destination.flushSync();
    } catch {
      // The stream is not open or its reader is gone: there is nothing left to write to.
    }
  };
  if (format === "json") return { stream: destination, flush };
  return { stream: prettyLines((line) => destination.write(line)), flush };
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
