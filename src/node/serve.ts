/**
 * The life of a serving process: lock the drives, start the node, say where it listens, wait for a
 * signal, stop in good order.
 *
 * SIGTERM or SIGINT stops gracefully: begun requests finish within the grace, nothing new is taken.
 * A second one ends the process at once, which is safe: what was acknowledged is on the drives.
 * SIGHUP reloads the certificates.
 * An error that nobody caught ends it too: its state cannot be trusted any more.
 */
import { DEFAULT_ROOT_PASSWORD, type Settings } from "../../config/schema.ts";
import { KIB } from "../base/bytes.ts";
import type { Logger } from "../base/log.ts";
import { bannerLines } from "./banner.ts";
import { NodeRemovedError } from "./cluster/removal-watch.ts";
import { createLogger, type LogOptions, type RootLogger } from "./log-pino.ts";
import { type DriveLocks, lockDrives } from "./process-lock.ts";

export interface RunningNode {
  /** URLs under which the node can be reached, the best one first. */
  readonly endpoints: readonly string[];
  /** Resolves when there is nothing left to serve for, with the reason. */
  readonly ended?: Promise<Error>;
  /** Reads again what may change while running: the certificates. */
  reload?(): void;
  /** Finishes what was begun, within the grace of the settings, and closes everything. */
  stop(): Promise<void>;
}

export interface NodeOptions {
  readonly settings: Settings;
  readonly log: Logger;
  readonly version: string;
  /** Of the drives; a drive that is made while the node runs is added. */
  readonly locks: Pick<DriveLocks, "add">;
}

export interface NodeModule {
  startNode(options: NodeOptions): Promise<RunningNode>;
  /** The folders that are this machine's: those given, or those of its URLs. */
  ownPaths(settings: Settings, log: Logger): Promise<readonly string[]>;
}

/** Loads the node's code late: some of it reads the environment as it loads. */
export type LoadNode = () => Promise<NodeModule>;

export interface ServeOptions {
  readonly settings: Settings;
  readonly warnings: readonly string[];
  readonly version: string;
  readonly loadNode: LoadNode;
}

/** At most what a node goes on for by itself. */
const SHUTDOWN_DELAY_MS = 2_000;
/** On top of the grace, for closing the drives. */
const CLOSE_MS_MAX = 10_000;
/** Request line and slack: the library's own bound is above ours, so that we can answer. */
const HEAD_BYTES_BESIDES_HEADERS = 32 * KIB;
/** A start that is about to succeed may do so. */
const ABANDON_MS_MAX = 2_000;
const NEVER: Promise<undefined> = new Promise(() => {});
const EXIT_FAILED = 1;
/** 128 + SIGINT, what shells expect of an interrupted process. */
const EXIT_INTERRUPTED = 130;

/** "failed": it could not start or stop in good order. "removed": its cluster does without it. */
export type ServeOutcome = "stopped" | "failed" | "removed";

/** Serves until a signal asks to stop, or there is nothing left to serve for. */
export async function serve(options: ServeOptions): Promise<ServeOutcome> {
  const { settings } = options;
  const root = createLogger(logOptions(settings));
  dieOnUncaught(root);
  // A reader of our output that goes away must not take the server with it.
  process.stdout.on("error", () => {});
  const stopping = stopSignal(root);
  try {
    for (const warning of options.warnings) root.log.warn(warning);
    const headBytes = settings.node.headerBytesMax + HEAD_BYTES_BESIDES_HEADERS;
    process.env["UWS_HTTP_MAX_HEADERS_SIZE"] = String(headBytes);
    return await startAndWait(options, root, stopping);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    root.fatal("Ringfort cannot start", { reason, error });
    return error instanceof NodeRemovedError ? "removed" : "failed";
  } finally {
    root.flush();
  }
}

async function startAndWait(
  options: ServeOptions,
  { log }: RootLogger,
  stopping: Promise<NodeJS.Signals>,
): Promise<ServeOutcome> {
  const { settings, version } = options;
  const { startNode, ownPaths } = await options.loadNode();
  const locks = await lockDrives(await ownPaths(settings, log));
  for (const { drive, reason } of locks.weak) log.warn("a drive is not locked", { drive, reason });
  const starting = startNode({ settings, log, version, locks });
  // A node may wait for others for a long time, and until then nothing has begun.
  const first = await Promise.race([starting, stopping.then(() => undefined)]).catch(
    async (error: unknown) => {
      await locks.release();
      throw error;
    },
  );
  if (first === undefined) return outcomeOf(await abandonStart(starting, locks, log));
  const node = first;
  const { endpoints } = node;
  if (prettyLog(settings)) announce(options, endpoints);
  else log.info("serving", { version, endpoints, drives: settings.node.drives });
  // Otherwise this signal, which MinIO takes as a wish to reload, would end the process.
  process.on("SIGHUP", () => {
    log.info("reloading certificates");
    node.reload?.();
  });
  const ended = await Promise.race([stopping.then(() => undefined), node.ended ?? NEVER]);
  if (ended !== undefined)
    log.error("there is nothing left to serve for", { reason: ended.message });
  const { shutdownGrace, shutdownDelay = SHUTDOWN_DELAY_MS } = settings.node;
  const graceMs = shutdownGrace + shutdownDelay;
  const stopped = outcomeOf(await stopInTime({ node, locks, graceMs, log }));
  return ended === undefined ? stopped : "removed";
}

function outcomeOf(done: boolean): ServeOutcome {
  return done ? "stopped" : "failed";
}

/** Asked to stop before it served: nothing was acknowledged, so the process may end as it is. */
async function abandonStart(
  starting: Promise<RunningNode>,
  locks: DriveLocks,
  log: Logger,
): Promise<boolean> {
  const timeout = new Promise<undefined>((resolve) => {
    setTimeout(resolve, ABANDON_MS_MAX, undefined);
  });
  const started = await Promise.race([starting.catch(() => undefined), timeout]);
  await started?.stop();
  await locks.release();
  log.info("stopped before it served");
  if (started === undefined) setImmediate(() => process.exit(0));
  return true;
}

async function stopInTime(running: {
  readonly node: RunningNode;
  readonly locks: DriveLocks;
  readonly graceMs: number;
  readonly log: Logger;
}): Promise<boolean> {
  const { node, locks, graceMs, log } = running;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), graceMs + CLOSE_MS_MAX);
  });
  try {
    const outcome = await Promise.race([node.stop(), late]);
    if (outcome === "late") {
      log.error("stopping took too long, giving up", { graceMs, closeMsMax: CLOSE_MS_MAX });
      return false;
    }
    await locks.release();
    log.info("stopped");
    return true;
  } catch (error) {
    log.error("stopping failed", { error });
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with the first signal; the second one ends the process. */
function stopSignal(root: RootLogger): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        root.log.warn("stopped at once by a second signal", { signal });
        root.flush();
        process.exit(EXIT_INTERRUPTED);
      }
      asked = true;
      root.log.info("asked to stop; a second signal stops at once", { signal });
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
  });
}

function dieOnUncaught(root: RootLogger): void {
  const die = (error: unknown, kind: string): void => {
    root.fatal("an error that nothing caught ends the process", { kind, error });
    root.flush();
    process.exit(EXIT_FAILED);
  };
  process.on("uncaughtException", (error) => die(error, "uncaughtException"));
  process.on("unhandledRejection", (reason) => die(reason, "unhandledRejection"));
}

function logOptions({ node }: Settings): LogOptions {
  const { logLevel, quiet, anonymous } = node;
  const level = quiet && (logLevel === "info" || logLevel === "debug") ? "warn" : logLevel;
  return { level, anonymous, format: prettyLog({ node }) ? "pretty" : "json" };
}

function prettyLog({ node }: Pick<Settings, "node">): boolean {
  if (node.logFormat !== "auto") return node.logFormat === "pretty";
  return process.stdout.isTTY === true;
}

function announce({ settings, version }: ServeOptions, endpoints: readonly string[]): void {
  if (settings.node.quiet) return;
  const { cluster, node } = settings;
  const password = cluster.rootPassword.reveal();
  const lines = bannerLines({
    version,
    endpoints,
    rootUser: cluster.rootUser,
    defaultPassword: password === DEFAULT_ROOT_PASSWORD ? password : undefined,
    drives: node.drives,
    parity: cluster.storageClassStandard.parity,
    region: cluster.region,
  });
  process.stdout.write(`${lines.join("\n")}\n`);
}
