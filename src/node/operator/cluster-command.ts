/** Carries out `ringfort cluster …` against a running node, and shows what it says. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NodeWork } from "../../admin/cluster/cluster-control.ts";
import type { ChangePlan, ClusterStatus } from "../../object/cluster/cluster-administration.ts";
import type { AdminCall, AdminReply } from "../admin-client.ts";
import { healLines, planLines, progressLine, statusLines } from "./cluster-text.ts";
import type { ClusterAction, ClusterWords } from "./cluster-words.ts";

export interface ClusterCommandModules {
  call(call: AdminCall): Promise<AdminReply>;
  print(text: string): void;
  complain(text: string): void;
  /** Between two looks. */
  readonly pauseMs: number;
}

/** A node that does not answer is asked again this often before the watching ends. */
const WATCH_FAILURES_MAX = 30;

type Asked =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string };

/** True when it was done. */
export async function runClusterCommand(
  words: ClusterWords,
  modules: ClusterCommandModules,
): Promise<boolean> {
  const { action } = words;
  switch (action.kind) {
    case "status":
    case "heal":
      return await look(action.kind, words, modules);
    case "plan":
      return await showPlan(action, words, modules);
    case "apply":
      return await applyChange(action, words, modules);
    case "abandon":
      return await abandon(words, modules);
    case "token":
      return await makeToken(action, words, modules);
  }
}

async function look(
  what: "status" | "heal",
  words: ClusterWords,
  modules: ClusterCommandModules,
): Promise<boolean> {
  let failures = 0;
  for (;;) {
    const asked = await ask(get(`cluster/${what}`), modules);
    if (asked.ok) {
      failures = 0;
      modules.print(words.json ? toJson(asked.value) : linesOf(what, asked.value).join("\n"));
    } else if (!words.watch || ++failures >= WATCH_FAILURES_MAX) {
      return fail(asked.message, modules);
    }
    if (!words.watch) return true;
    await sleep(modules.pauseMs);
    if (asked.ok && !words.json) modules.print("");
  }
}

function linesOf(what: "status" | "heal", value: unknown): string[] {
  // What the routes answer is made of the same types.
  if (what === "status") return statusLines(value as ClusterStatus);
  return healLines((value as { readonly nodes: readonly NodeWork[] }).nodes);
}

async function showPlan(
  { change }: Extract<ClusterAction, { kind: "plan" }>,
  words: ClusterWords,
  modules: ClusterCommandModules,
): Promise<boolean> {
  const asked = await ask(post("cluster/plan", { change }), modules);
  if (!asked.ok) return fail(asked.message, modules);
  if (words.json) {
    modules.print(toJson(asked.value));
    return true;
  }
  const plan = asked.value as ChangePlan; // what the route answers
  modules.print(planLines(plan).join("\n"));
  const again = [change.kind, change.target, ...wordsAfter(change.weight)].join(" ");
  modules.print(
    `\nNothing has been changed. To make this change:\n  ringfort cluster ${again} --revision ${plan.revision}`,
  );
  return true;
}

function wordsAfter(weight: number | null | undefined): string[] {
  if (weight === undefined) return [];
  return [weight === null ? "auto" : `${weight}`];
}

async function applyChange(
  action: Extract<ClusterAction, { kind: "apply" }>,
  words: ClusterWords,
  modules: ClusterCommandModules,
): Promise<boolean> {
  const { change } = action;
  let { revision } = action;
  if (revision === undefined && change.kind === "return") {
    const now = await ask(get("cluster/status"), modules);
    if (!now.ok) return fail(now.message, modules);
    revision = (now.value as ClusterStatus).revision; // what the route answers
  }
  if (revision === undefined) {
    const planned = await ask(post("cluster/plan", { change }), modules);
    if (!planned.ok) return fail(planned.message, modules);
    const plan = planned.value as ChangePlan; // what the route answers
    if (!words.json) modules.print(planLines(plan).join("\n"));
    revision = plan.revision;
  }
  const asked = await ask(post("cluster/apply", { change, revision }), modules);
  if (!asked.ok) return fail(asked.message, modules);
  if (words.watch) return await followChange(words, modules);
  modules.print(
    words.json ? toJson({ applied: true, revision }) : "The change is made; data moves now.",
  );
  return true;
}

async function abandon(words: ClusterWords, modules: ClusterCommandModules): Promise<boolean> {
  const asked = await ask(post("cluster/abandon", {}), modules);
  if (!asked.ok) return fail(asked.message, modules);
  modules.print(
    words.json ? toJson({ abandoned: true }) : "The change is given up; what moved moves back.",
  );
  return true;
}

async function makeToken(
  { lifeMs, replaces }: Extract<ClusterAction, { kind: "token" }>,
  words: ClusterWords,
  modules: ClusterCommandModules,
): Promise<boolean> {
  const asked = await ask(post("cluster/token", { lifeMs, replaces }), modules);
  if (!asked.ok) return fail(asked.message, modules);
  if (words.json) {
    modules.print(toJson(asked.value));
    return true;
  }
  const { token, expires } = asked.value as { token: string; expires: string }; // of the route
  modules.print(
    `${token}\n\nA secret, good for one node until ${expires}. On the new node, with the same ` +
      "RINGFORT_ROOT_USER\nand RINGFORT_ROOT_PASSWORD as here:\n" +
      "  ringfort server --join TOKEN DIR...",
  );
  return true;
}

/** Until the ring is stable again. */
async function followChange(words: ClusterWords, modules: ClusterCommandModules): Promise<boolean> {
  let said = "";
  let failures = 0;
  for (;;) {
    const asked = await ask(get("cluster/status"), modules);
    if (!asked.ok && ++failures >= WATCH_FAILURES_MAX) return fail(asked.message, modules);
    if (asked.ok) {
      failures = 0;
      const status = asked.value as ClusterStatus; // what the route answers
      const line = words.json ? toJson(status) : progressLine(status);
      if (line !== said) modules.print(line);
      said = line;
      if (status.phase === "stable") return true;
    }
    await sleep(modules.pauseMs);
  }
}

function get(path: string): AdminCall {
  return { method: "GET", path, query: {}, body: undefined, sealed: false };
}

function post(path: string, body: object): AdminCall {
  return { method: "POST", path, query: {}, body, sealed: false };
}

async function ask(call: AdminCall, modules: ClusterCommandModules): Promise<Asked> {
  try {
    const { status, text } = await modules.call(call);
    if (status < 300) return { ok: true, value: text === "" ? undefined : JSON.parse(text) };
    return { ok: false, message: messageOf(status, text) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return { ok: false, message: error.message + cause };
  }
}

/** The sentence of the server, without its wrapping. */
function messageOf(status: number, text: string): string {
  try {
    const { Message }: { Message?: unknown } = JSON.parse(text);
    if (typeof Message === "string") return Message;
  } catch {
    // Not one of our answers: shown as it is.
  }
  return `the server answers ${status}: ${text}`;
}

function fail(message: string, modules: ClusterCommandModules): boolean {
  modules.complain(`error: ${message}`);
  return false;
}

function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
