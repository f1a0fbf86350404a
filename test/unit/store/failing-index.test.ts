import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";

const PROGRAM = fileURLToPath(new URL("./failing-index.js", import.meta.url));
/** `ulimit -f` counts blocks of 512 or 1024 bytes; both leave room for a few commits. */
const BLOCKS = 2000;

test("Kv lmdb: a commit that cannot be written rejects, shows nothing and breaks nothing", async (t) => {
  const path = mkdtempSync(join(tmpdir(), "ringfort-full-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  // With the signal ignored, writing past the limit fails with EFBIG.
  const script = `trap '' XFSZ; ulimit -f ${BLOCKS}; exec "$0" "$@"`;
  const child = spawnSync("sh", ["-c", script, process.execPath, PROGRAM, path], {
    encoding: "utf8",
  });
  t.equal(child.status, 0, child.stderr);
  const outcome = JSON.parse(child.stdout);
  t.match(outcome, { torn: false, lost: false, unhandled: [] });
  t.ok(outcome.committed > 0 && outcome.committed < 20);
  t.match(outcome.message, /error|File too large/i);
});
