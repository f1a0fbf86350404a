import { test } from "tap";
import { ADMIN_ROUTES } from "../../../../src/admin/admin-routes.ts";
import type { AdminCall, AdminReply } from "../../../../src/node/admin-client.ts";
import { parseCommandLine } from "../../../../src/node/command-line.ts";
import { runClusterCommand } from "../../../../src/node/operator/cluster-command.ts";
import type { ClusterWords } from "../../../../src/node/operator/cluster-words.ts";
import { examplePlan, exampleStatus } from "../../../support/cluster-status.ts";

function wordsOf(line: string): ClusterWords {
  const invocation = parseCommandLine(["cluster", ...line.split(" ")], "1");
  if (invocation.kind !== "cluster") throw new Error(`${invocation.kind} for ${line}`);
  return invocation.words;
}

interface Run {
  readonly done: boolean;
  readonly calls: readonly AdminCall[];
  readonly printed: string;
  readonly complained: string;
}

/** Answers come in their order; the last one stays. */
async function run(line: string, answers: ReadonlyArray<AdminReply | object>): Promise<Run> {
  const calls: AdminCall[] = [];
  const printed: string[] = [];
  const complained: string[] = [];
  const done = await runClusterCommand(wordsOf(line), {
    call: async (call) => {
      calls.push(call);
      const answer = answers[Math.min(calls.length, answers.length) - 1] ?? {};
      if ("status" in answer && "text" in answer) return answer as AdminReply; // both are there
      return { status: 200, text: JSON.stringify(answer) };
    },
    print: (text) => void printed.push(text),
    complain: (text) => void complained.push(text),
    pauseMs: 0,
  });
  return { done, calls, printed: printed.join("\n"), complained: complained.join("\n") };
}

const DONE: AdminReply = { status: 200, text: "" };

test("ringfort cluster: every command asks a route that exists, with its method", async (t) => {
  const lines = [
    "status",
    "heal",
    "abandon",
    "plan drain node3",
    "apply drain node3 --revision 7",
    "drain node3 --revision 7",
    "return 3 --revision 7",
    "remove node3 --revision 7",
    "replace 3 --revision 7",
    "weight 3 4TB --revision 7",
    "weight 3 auto --revision 7",
    "add-drives node3 --count 2 --capacity 4TB --revision 7",
    "token --expires 30m --replaces node3",
  ];
  for (const line of lines) {
    const { calls } = await run(`${line} --json`, [line.startsWith("plan") ? examplePlan() : {}]);
    t.equal(calls.length, 1, line);
    for (const { method, path } of calls) t.equal(ADMIN_ROUTES.get(path)?.method, method, line);
  }
});

test("ringfort cluster: a change is sent with its words, and only with a revision or --yes", async (t) => {
  const shown = await run("weight 3 4TB", [examplePlan()]);
  t.strictSame(
    shown.calls.map(({ path }) => path),
    ["cluster/plan"],
  );
  t.match(shown.printed, /ringfort cluster weight 3 4000000000000 --revision 7/);
  t.match(shown.printed, /Nothing has been changed/);
  const made = await run("add-drives node3 --count 2 --capacity 4TB --revision 7", [DONE]);
  t.strictSame(made.calls[0]?.body, {
    change: { kind: "add-drives", target: "node3", count: 2, capacityBytes: 4e12 },
    revision: 7,
  });
  const unseen = await run("apply drain node3 --yes", [examplePlan(), DONE]);
  t.strictSame(unseen.calls.at(-1)?.body, {
    change: { kind: "drain", target: "node3" },
    revision: 7,
  });
  t.match(unseen.printed, /Warning: data will not survive/);
  const returned = await run("return node3", [exampleStatus(), DONE]);
  t.strictSame(
    returned.calls.map(({ path, body }) => [path, body]),
    [
      ["cluster/status", undefined],
      ["cluster/apply", { change: { kind: "return", target: "node3" }, revision: 7 }],
    ],
    "there is nothing to plan",
  );
});

test("ringfort cluster --watch: goes on until the ring is stable, through a node that is away", async (t) => {
  const change = {
    partitions: 4096,
    partitionsSynced: 4096,
    partitionsMoved: 1024,
    shardsMoved: 10,
    bytesMoved: 2 ** 30,
    shardsFailed: 0,
    shardsLeft: 30,
    bytesLeft: 3 * 2 ** 30,
    bytesPerSecond: 2 ** 20,
    remainingMs: 3_072_000,
    waitingFor: ["node 10.0.0.2:19000 does not answer"],
  };
  const moving = exampleStatus({ phase: "joint", change });
  const away: AdminReply = { status: 503, text: '{"Message":"away"}' };
  const { done, printed, calls } = await run("drain node3 --revision 7 --watch", [
    DONE,
    moving,
    moving,
    away,
    exampleStatus(),
  ]);
  t.ok(done);
  t.equal(calls.length, 5);
  t.strictSame(printed.split("\n"), [
    "joint: 25.0 % of partitions, 1.00 GiB moved, 1.00 MiB/s, about 51m 12s left; " +
      "node 10.0.0.2:19000 does not answer",
    "the change is done",
  ]);
});

test("ringfort cluster status: tables that say what is away and what was set", async (t) => {
  const { printed } = await run("status", [exampleStatus()]);
  t.match(printed, /3 of 3 nodes and 5 of 6 drives answer/);
  t.match(printed, /^10\.0\.0\.1:19000 \(asked\) +[0-9a-f]{8} +- +active +yes +2$/m);
  t.match(
    printed,
    /^5 +10\.0\.0\.3:19000 +active +NO: its node does not have it +100 GiB +60\.0 GiB/m,
  );
  t.match(printed, /^1 .* 50\.0 GiB$/m);
  t.match(printed, /No change is under way/);
  t.match(printed, /^Repair: nothing was waiting at the last look/m, "a drive is away");
  const json = await run("status --json", [exampleStatus()]);
  t.strictSame(JSON.parse(json.printed), JSON.parse(JSON.stringify(exampleStatus())));
});

test("ringfort cluster heal: rate and time left, and nodes that do not say", async (t) => {
  const healer = {
    name: "healer",
    done: 90,
    failed: 1,
    waiting: 1200,
    perSecond: 20,
    remainingMs: 60_000,
  };
  const other = { ...healer, name: "lifecycle" };
  const { printed } = await run("heal", [
    {
      nodes: [
        { node: "10.0.0.1:19000", workers: [healer, other] },
        { node: "10.0.0.2:19000", problem: "down", workers: [] },
      ],
    },
  ]);
  t.match(printed, /^10\.0\.0\.1:19000 +healer +1200 +90 +1 +20\.0\/s +1m$/m);
  t.match(printed, /^10\.0\.0\.2:19000 +does not say: down$/m);
  t.notMatch(printed, /lifecycle/);
});

test("ringfort cluster: what the server says is the error, and ends the command", async (t) => {
  const text = JSON.stringify({ Code: "XRingfortClusterBusy", Message: "Another change" });
  const { done, complained } = await run("drain node3 --revision 6", [{ status: 409, text }]);
  t.notOk(done);
  t.equal(complained, "error: Another change");
  t.strictSame(
    await run("status", [{ status: 502, text: "<html>" }]).then((it) => it.complained),
    "error: the server answers 502: <html>",
  );
});

test("ringfort cluster: words that make no sense are usage errors", (t) => {
  const cases: ReadonlyArray<readonly [string, RegExp]> = [
    ["drain", /missing required argument/],
    ["plan explode node3", /"explode" is no change; known are drain/],
    ["plan drain node3 node4", /write: drain <target>/],
    ["weight 3 heavy", /"heavy" is not a size/],
    ["token --expires soon", /"soon" is not a duration/],
    ["drain node3 --revision last", /"last" is not a whole number/],
    ["status extra", /too many arguments|unknown/],
  ];
  for (const [line, reason] of cases) {
    const invocation = parseCommandLine(["cluster", ...line.split(" ")], "1");
    t.equal(invocation.kind, "usage-error", line);
    t.match(invocation.kind === "usage-error" && invocation.text, reason);
  }
  t.end();
});
