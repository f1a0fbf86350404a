/**
 * A process whose index outgrows the file size that it was allowed: prints what a failed commit
 * looks like from outside. Started by failing-index.test.ts.
 */
import { openLmdbKv } from "../../../src/store/kv-lmdb.ts";

const unhandled: string[] = [];
process.on("unhandledRejection", (error) => unhandled.push(String(error)));

const [path = ""] = process.argv.slice(2);
const kv = openLmdbKv(path);
const value = Buffer.alloc(200_000, 1);

function keyOf(index: number): Buffer {
  return Buffer.from(`key${index}`);
}

async function commitUntilFailure(): Promise<{ committed: number; message: string }> {
  for (let index = 0; ; index++) {
    try {
      await kv.commit([
        { table: "rec", key: keyOf(index), value },
        { table: "list", key: keyOf(index), value: Buffer.of(1) },
      ]);
    } catch (error) {
      return { committed: index, message: error instanceof Error ? error.message : "no error" };
    }
  }
}

const { committed, message } = await commitUntilFailure();
const halves = [kv.get("rec", keyOf(committed)), kv.get("list", keyOf(committed))];
const kept = Array.from({ length: committed }, (_, index) => kv.get("rec", keyOf(index)));
await kv.close();
// What nobody handles is reported a turn later.
await new Promise((resolve) => setImmediate(resolve));
console.log(
  JSON.stringify({
    committed,
    message,
    torn: halves.some((half) => half !== undefined),
    lost: kept.some((row) => row?.equals(value) !== true),
    unhandled,
  }),
);
