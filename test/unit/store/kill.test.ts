import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { silentLogger } from "../../../src/base/log.ts";
import { openStore, STORE_LIMITS, type Store } from "../../../src/store/store.ts";
import { objectKey, realClock, realRandom } from "./collaborators.ts";
import { killValue } from "./kill-value.ts";

const PROGRAM = fileURLToPath(new URL("./kill-accepts.js", import.meta.url));
const KEYS = 200;
const LIVES = 3;
const ACCEPTS_PER_LIFE = 400;

/** Lets the program accept for a while and kills it; the clocks it saw acknowledged. */
async function acceptAndDie(path: string, firstClock: number): Promise<number[]> {
  const child = spawn(process.execPath, [PROGRAM, path, String(firstClock)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const clocks: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    clocks.push(Number(line));
    if (clocks.length === ACCEPTS_PER_LIFE) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  if (child.signalCode !== "SIGKILL") throw new Error(`ended by itself: ${child.exitCode}`);
  return clocks;
}

function openPath(path: string): Promise<Store> {
  return openStore(
    {
      paths: [path],
      memory: new SharedArrayBuffer(65_536),
      threads: 1,
      stripeDataBytes: 2 ** 20,
      limits: STORE_LIMITS,
    },
    { clock: realClock, random: realRandom, log: silentLogger },
  );
}

test("openStore: every acknowledged accept survives kill -9", async (t) => {
  const path = mkdtempSync(join(tmpdir(), "ringfort-kill-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  const acknowledged = new Map<number, number>();
  let highest = 0;
  for (let life = 1; life <= LIVES; life++) {
    const clocks = await acceptAndDie(path, highest + 100_000);
    t.ok(clocks.length >= ACCEPTS_PER_LIFE);
    for (const clock of clocks) {
      highest = Math.max(highest, clock);
      acknowledged.set(clock % KEYS, Math.max(clock, acknowledged.get(clock % KEYS) ?? 0));
    }
    const store = await openPath(path);
    t.equal(store.incarnation, life * 2, "raised by the killed process and by this one");
    const [drive] = store.drives;
    const problems: string[] = [];
    for (const [name, clock] of acknowledged) {
      const reply = await drive?.read(objectKey(`key${name}`));
      if (reply?.ok !== true || reply.value === undefined) problems.push(`key${name} is gone`);
      else if (reply.accepted.clock < clock) problems.push(`key${name} went back`);
      else if (!killValue(reply.accepted.clock).equals(reply.value))
        problems.push(`key${name} is torn`);
    }
    t.same(problems, []);
    await store.close();
  }
});
