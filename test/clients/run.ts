/**
 * Tries every client tool that is there against one node and against a cluster of four, and says what
 * worked, what did not and what was skipped. Ends with code 1 when something did not work.
 *
 *   node dist/test/clients/run.js [names of tools …]
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startCluster } from "../support/cluster-processes.ts";
import { startServer } from "../support/server-process.ts";
import type { ClientSession } from "./session.ts";
import { SESSIONS } from "./sessions.ts";

interface Target {
  readonly name: string;
  readonly endpoint: string;
  stop(): Promise<void>;
}

const NODES = 4;
const wanted = process.argv.slice(2);

async function oneNode(): Promise<Target> {
  const server = await startServer();
  return {
    name: "one node",
    endpoint: server.endpoint,
    async stop() {
      await server.stop();
      server.clean();
    },
  };
}

async function fourNodes(): Promise<Target> {
  const cluster = await startCluster({ nodes: NODES, drivesPerNode: 1 });
  // Not the first one, which has formed the cluster.
  const endpoint = cluster.nodes[NODES - 1]?.endpoint ?? "";
  return { name: `${NODES} nodes`, endpoint, stop: () => cluster.stop() };
}

/** True when it worked, or when it is not there. */
async function tryOut(session: ClientSession, target: Target): Promise<boolean> {
  const say = (outcome: string) =>
    process.stdout.write(`${target.name.padEnd(10)}${session.name.padEnd(28)}${outcome}\n`);
  const missing = await session.missing();
  if (missing !== undefined) {
    say(missing);
    return true;
  }
  const folder = mkdtempSync(join(tmpdir(), "ringfort-client-"));
  try {
    await session.run({ endpoint: target.endpoint, folder });
    say("ok");
    return true;
  } catch (error) {
    say(`FAILED: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

let failures = 0;
for (const start of [oneNode, fourNodes]) {
  const target = await start();
  try {
    for (const session of SESSIONS) {
      if (wanted.length > 0 && !wanted.includes(session.name)) continue;
      if (!(await tryOut(session, target))) failures += 1;
    }
  } finally {
    await target.stop();
  }
}
process.exitCode = failures === 0 ? 0 : 1;
