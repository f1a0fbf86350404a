/**
 * A process that accepts as fast as it can on one drive and prints every accept that was
 * acknowledged, until somebody kills it. Started by kill.test.ts.
 */
import { writeSync } from "node:fs";
import { silentLogger } from "../../../src/base/log.ts";
import { openStore, STORE_LIMITS } from "../../../src/store/store.ts";
import { ballot, objectKey, realClock, realRandom } from "./collaborators.ts";
import { killValue } from "./kill-value.ts";

const CLIENTS = 32;
const KEYS = 200;

const [path = "", firstClock = "1"] = process.argv.slice(2);
const store = await openStore(
  {
    paths: [path],
    memory: new SharedArrayBuffer(65_536),
    threads: 1,
    stripeDataBytes: 2 ** 20,
    limits: STORE_LIMITS,
  },
  { clock: realClock, random: realRandom, log: silentLogger },
);
const [drive] = store.drives;
if (drive === undefined) throw new Error("the drive could not be opened");
let clock = Number(firstClock);

async function acceptForEver(): Promise<void> {
  for (;;) {
    clock += 1;
    const own = clock;
    const name = `key${own % KEYS}`;
    const key = objectKey(name);
    const value = killValue(own);
    const rows = [{ table: "list", key, value: Buffer.from(String(own)) }] as const;
    const reply = await drive?.accept(key, ballot(own), { value, rows });
    // Another client may have accepted a higher ballot on the key: that is no acknowledgement.
    if (reply?.ok === true) writeSync(1, `${own}\n`);
  }
}

await Promise.all(Array.from({ length: CLIENTS }, acceptForEver));
