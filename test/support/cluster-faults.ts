/**
 * Things that go wrong in a running cluster, one at a time, while clients work; afterwards all is well
 * again. What is done follows from a seed; what comes of it also from the machine's timing.
 */
import { chmodSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clientsOf, type Expectations, work } from "./cluster-load.ts";
import { isStable, operate, statusOf, until } from "./cluster-operator.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";
import type { HistoryRecorder } from "./history-recorder.ts";
import { createClient } from "./s3-client.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Resolves when what went wrong shall be well again. */
export type Lasting = () => Promise<void>;

export interface Fault {
  readonly name: string;
  /** Happens, lasts, and ends. */
  run(cluster: ClusterProcesses, victim: number, lasting: Lasting): Promise<void>;
}

export const FAULTS = {
  /** Nobody reaches it and it reaches nobody; clients still do. */
  partition: {
    name: "a node is cut off from the others",
    async run({ links, nodes }, victim, lasting) {
      for (const [other] of nodes.entries()) if (other !== victim) links.cut(victim, other);
      await lasting();
      links.heal();
    },
  },
  oneWay: {
    name: "a node is not heard any more, though it hears the others",
    async run({ links, nodes }, victim, lasting) {
      for (const [other] of nodes.entries()) {
        if (other !== victim) links.set(victim, other, { kind: "silent" });
      }
      await lasting();
      links.heal();
    },
  },
  slow: {
    name: "links of a node are slow",
    async run({ links, nodes }, victim, lasting) {
      for (const [other] of nodes.entries()) {
        if (other === victim) continue;
        links.set(victim, other, { kind: "delay", delayMs: 60 });
        links.set(other, victim, { kind: "delay", delayMs: 60 });
      }
      await lasting();
      links.heal();
    },
  },
  freeze: {
    name: "a process stands still and goes on",
    async run({ nodes }, victim, lasting) {
      const { child } = nodeAt(nodes, victim);
      child.kill("SIGSTOP");
      await lasting();
      child.kill("SIGCONT");
    },
  },
  kill: {
    name: "a process is killed and started again",
    async run(cluster, victim, lasting) {
      await nodeAt(cluster.nodes, victim).kill();
      await lasting();
      await cluster.restart(victim);
    },
  },
  /** Its files stay where open files are; everything that has to be opened is gone. */
  driveGone: {
    name: "a drive's folder goes away, and is back after a restart",
    async run(cluster, victim, lasting) {
      const path = cluster.driveFolder(victim, 0);
      renameSync(path, `${path}.away`);
      await lasting();
      await nodeAt(cluster.nodes, victim).kill();
      renameSync(`${path}.away`, path);
      await cluster.restart(victim);
    },
  },
  /** The disk is gone for good and an empty one is in its place. */
  driveLost: {
    name: "a drive is lost, and an empty one takes its place",
    async run(cluster, victim) {
      const asked = nodeAt(cluster.nodes, victim === 0 ? 1 : 0);
      const { revision } = await statusOf(asked);
      const path = cluster.driveFolder(victim, 0);
      for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
      await until(asked, (status) => status.revision > revision && isStable(status));
    },
  },
  rolling: {
    name: "every node is restarted, one after the other",
    async run(cluster) {
      for (const [position, node] of cluster.nodes.entries()) {
        await node.stop();
        await cluster.restart(position);
      }
    },
  },
  /** Whoever came last goes: the others keep their places. */
  growAndShrink: {
    name: "a node joins, and leaves again",
    async run(cluster, victim) {
      const asked = nodeAt(cluster.nodes, victim);
      const { token } = JSON.parse(await operate(asked, "token", "--json")) as { token: string };
      const newcomer = await cluster.startFurther({ drives: 1, flags: ["--join", token] });
      const gone = new Promise((resolve) => newcomer.child.once("exit", resolve));
      const grown = await until(asked, isStable);
      const name = grown.nodes.at(-1)?.nodeId ?? "";
      await operate(asked, "drain", name, "--yes");
      const { nodes } = await until(asked, isStable);
      if (nodes.at(-1)?.state !== "removed") throw new Error("the drained node is not removed");
      await gone;
      cluster.forgetFurther();
    },
  },
  /** Means nothing to root, whom permissions do not bind. */
  readOnly: {
    name: "a drive's folders become read-only, and writable again after a restart",
    async run(cluster, victim, lasting) {
      const folders = ["", "/data"].map((name) => cluster.driveFolder(victim, 0) + name);
      for (const path of folders) chmodSync(path, 0o500);
      await lasting();
      for (const path of folders) chmodSync(path, 0o700);
      await nodeAt(cluster.nodes, victim).kill();
      await cluster.restart(victim);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

function nodeAt(nodes: ClusterProcesses["nodes"], position: number) {
  const node = nodes[position];
  if (node === undefined) throw new Error(`no node ${position}`);
  return node;
}

export interface FaultRun {
  readonly cluster: ClusterProcesses;
  readonly expectations: Expectations;
  readonly recorder: HistoryRecorder;
  readonly seed: number;
}

const SHARED_KEYS = 3;
/** A client that is told nothing for so long asks again elsewhere. */
const PATIENCE_MS = 8_000;

/** Clients of two kinds work at every node while `meanwhile` runs. */
export async function underLoad(
  { cluster, expectations, recorder, seed }: FaultRun,
  meanwhile: () => Promise<void>,
): Promise<number> {
  let done = false;
  const stopped = (): boolean => done;
  const large = clientsOf(cluster);
  const small = cluster.nodes.map((node) =>
    createClient(node, {
      maxAttempts: 1,
      requestHandler: { requestTimeout: PATIENCE_MS, throwOnRequestTimeout: true },
    }),
  );
  const working = [
    ...large.slice(0, 2).map((s3, at) => work(s3, 2 * seed + at, { expectations, stopped })),
    ...small.map((s3, client) => {
      const random = new SeededRandom(1000 * seed + client);
      return recorder.work(s3, client, { lanes: SHARED_KEYS, random, stopped }).then(() => 0);
    }),
  ];
  try {
    await meanwhile();
  } finally {
    done = true;
  }
  const counts = await Promise.all(working);
  for (const s3 of [...large, ...small]) s3.destroy();
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Reads every recorded key once more through each node. */
export async function readThroughAll({ cluster, recorder }: FaultRun): Promise<void> {
  const clients = clientsOf(cluster);
  for (const [client, s3] of clients.entries()) await recorder.readAll(s3, client);
  for (const s3 of clients) s3.destroy();
}
