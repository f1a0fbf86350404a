/** What stands in for a drive's actor where there is none: not opened yet, or gone with its thread. */
import type { DriveRefusal, DriveState } from "./drive.ts";
import type { DriveCallName, DriveLink, DriveReply, DriveReport } from "./store-messages.ts";

/** A link to nobody. */
export function createLostLink(report: DriveReport): DriveLink {
  return {
    call: (name) => Promise.resolve(lostReply(name, report, "no")),
    onReport() {},
  };
}

/** The report of a drive that cannot report. */
export function lostReport(state: Exclude<DriveState, "online">, reason: string): DriveReport {
  return {
    ok: true,
    state,
    reason,
    full: false,
    totalBytes: 0,
    freeBytes: 0,
    readErrors: 0,
    writeErrors: 0,
  };
}

/** The answer to a call that reaches no actor any more. */
export function lostReply<K extends DriveCallName>(
  name: K,
  report: DriveReport,
  applied: "no" | "unknown",
): DriveReply<K> {
  const message = report.reason ?? "the store thread ended";
  const refusal: DriveRefusal = { ok: false, reason: "unavailable", applied, message };
  // Three calls cannot be refused: two answer with the report, one has nothing left to do.
  const reply =
    name === "probe" || name === "fail" ? report : name === "shardAbort" ? { ok: true } : refusal;
  return reply as DriveReply<K>;
}
