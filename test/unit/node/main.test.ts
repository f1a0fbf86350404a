/** The installed program itself: entry, words, thread pool, one whole life over real drives. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { runProgram, startProgram } from "./program-support.ts";

const script = fileURLToPath(new URL("../../../src/node/start.cjs", import.meta.url));

test("start.cts: help, version and wrong words, as installed", async (t) => {
  const [help, version, wrong] = await Promise.all([
    runProgram(["--help"], { script }),
    runProgram(["--version"], { script }),
    runProgram(["sever", "/data"], { script }),
  ]);
  t.match(help, { code: 0, stdout: /Usage: ringfort/, stderr: "" });
  t.match(version, { code: 0, stdout: /^ringfort \d+\.\d+\.\d+ \(node v\d+/, stderr: "" });
  t.match(wrong, {
    code: 2,
    stdout: "",
    stderr: /unknown command 'sever'\n\(Did you mean server\?\)/,
  });
});

test("start.cts: serves and stops, with room for every drive in the thread pool", async (t) => {
  const variables = { RINGFORT_ROOT_USER: "admin", RINGFORT_ROOT_PASSWORD: "hunter2-secret" };
  const words = ["server", "--address", "127.0.0.1:0", `${t.testdir()}/d{1...2}`];
  const program = startProgram(words, { script, variables });
  await program.said(/"message":"serving"/);
  if (process.platform === "linux") {
    t.ok(readdirSync(`/proc/${program.process.pid}/task`).length > 32);
  }
  program.process.kill("SIGTERM");
  const { code, stdout } = await program.ended;
  t.equal(code, 0);
  t.match(stdout, /"message":"stopped"/);
  t.notMatch(stdout, /hunter2/);
});
