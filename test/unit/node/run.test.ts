/** The program as a process: exit codes, signals, fatal errors, logs. */
import { readdirSync } from "node:fs";
import { test } from "tap";
import { runProgram, startProgram } from "./program-support.ts";

const CREDENTIALS = { RINGFORT_ROOT_USER: "admin", RINGFORT_ROOT_PASSWORD: "hunter2-secret" };

interface Line {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

function jsonLines(text: string): Line[] {
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("ringfort --help, --version, config document: print and exit with 0", async (t) => {
  const outcomes = await Promise.all([
    runProgram(["--help"]),
    runProgram(["server", "--help"]),
    runProgram(["--version"]),
    runProgram(["config", "document"]),
  ]);
  const patterns = [
    /Examples:\n {2}ringfort server \/data/,
    /Usage: ringfort server/,
    /^ringfort \d/,
    /^# Config/,
  ];
  for (const [index, { code, stdout, stderr }] of outcomes.entries()) {
    t.equal(code, 0);
    t.match(stdout, patterns[index]);
    t.equal(stderr, "");
  }
});

test("ringfort: wrong words and wrong settings exit with 2 and say what to do", async (t) => {
  const [wrong, none, settings] = await Promise.all([
    runProgram(["server", "--adress", ":1"]),
    runProgram([]),
    runProgram(["server", "/d{1...}"], {
      variables: { RINGFORT_MEMORY: "x", MINIO_BROWSER: "off" },
    }),
  ]);
  t.strictSame([wrong.code, none.code, settings.code], [2, 2, 2]);
  t.match(wrong.stderr, /unknown option '--adress'\n\(Did you mean --address\?\)/);
  t.match(none.stderr, /To serve a folder: ringfort server DIR/);
  t.match(settings.stderr, /warning: accepted, no effect yet: MINIO_BROWSER\n/);
  t.match(settings.stderr, /error: 2 problems in the settings:\n {2}- .*\n {2}- RINGFORT_MEMORY/);
  t.equal(settings.stdout, "");
});

test("ringfort config: check and show do not start anything", async (t) => {
  const folder = t.testdir();
  const variables = CREDENTIALS;
  const [check, show, bad] = await Promise.all([
    runProgram(["config", "check", `${folder}/d{1...2}`], { variables }),
    runProgram(["config", "show", `${folder}/d{1...2}`], { variables }),
    runProgram(["config", "check"], { variables }),
  ]);
  t.strictSame([check.code, check.stdout], [0, "the settings are valid\n"]);
  t.equal(show.code, 0);
  t.match(show.stdout, /root-password = \(hidden\) +# RINGFORT_ROOT_PASSWORD/);
  t.notMatch(show.stdout, /hunter2/);
  t.equal(bad.code, 2);
  t.strictSame(readdirSync(folder), []);
});

test("ringfort server: SIGTERM and SIGINT stop it in good order with 0, nothing leaks", async (t) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const words = ["server", t.testdir()];
    const variables = { ...CREDENTIALS, RINGFORT_HEADER_BYTES_MAX: "64KiB" };
    const program = startProgram(words, { variables });
    await program.said(/"message":"serving"/);
    program.process.kill(signal);
    const { code, stdout, stderr } = await program.ended;
    t.equal(code, 0);
    t.equal(stderr, "");
    const lines = jsonLines(stdout);
    t.strictSame(
      lines.map(({ message }) => message),
      ["fake node", "serving", "asked to stop; a second signal stops at once", "stopped"],
    );
    t.equal(
      lines[0]?.["headerBytesMax"],
      String((64 + 32) * 1024),
      "set before the node's code loads",
    );
    t.notMatch(stdout, /hunter2/);
  }
});

test("ringfort server: SIGHUP reloads and does not end it", async (t) => {
  const program = startProgram(["server", t.testdir()], { variables: CREDENTIALS });
  await program.said(/"message":"serving"/);
  program.process.kill("SIGHUP");
  await program.said(/fake reload/);
  program.process.kill("SIGTERM");
  t.equal((await program.ended).code, 0);
});

test("ringfort server: a second signal ends it at once with 130", async (t) => {
  const variables = { ...CREDENTIALS, FAKE_NODE: "hangs" };
  const program = startProgram(["server", t.testdir()], { variables });
  await program.said(/"message":"serving"/);
  program.process.kill("SIGTERM");
  await program.said(/asked to stop/);
  program.process.kill("SIGINT");
  const { code, stdout } = await program.ended;
  t.equal(code, 130);
  t.match(jsonLines(stdout).at(-1), { message: "stopped at once by a second signal" });
});

test("ringfort server: what goes wrong ends it with 1 and a last line", async (t) => {
  const cases: ReadonlyArray<readonly [string, object]> = [
    [
      "fails",
      { level: "fatal", message: "Ringfort cannot start", reason: "the drives are on fire" },
    ],
    [
      "throws",
      { level: "fatal", kind: "uncaughtException", error: { message: "nobody catches this" } },
    ],
    ["rejects", { level: "fatal", kind: "unhandledRejection", error: { message: "left alone" } }],
  ];
  for (const [behaviour, expected] of cases) {
    const variables = { ...CREDENTIALS, FAKE_NODE: behaviour };
    const { code, stdout } = await runProgram(["server", t.testdir()], { variables });
    t.equal(code, 1, behaviour);
    t.match(jsonLines(stdout).at(-1), expected, behaviour);
  }
  const variables = { ...CREDENTIALS, FAKE_NODE: "stop-fails" };
  const program = startProgram(["server", t.testdir()], { variables });
  await program.said(/"message":"serving"/);
  program.process.kill("SIGTERM");
  const { code, stdout } = await program.ended;
  t.equal(code, 1);
  t.match(jsonLines(stdout).at(-1), { level: "error", message: "stopping failed" });
});

test("ringfort server: warns of the default password; pretty shows the banner, quiet nothing", async (t) => {
  const stopAfter = async (words: string[], said: RegExp, variables = {}) => {
    const program = startProgram(["server", ...words, t.testdir()], { variables });
    await program.said(said);
    program.process.kill("SIGTERM");
    return (await program.ended).stdout;
  };
  t.match(jsonLines(await stopAfter(["--json"], /serving/))[0], {
    level: "warn",
    message: /default that everybody knows/,
  });
  const pretty = { RINGFORT_LOG_FORMAT: "pretty" };
  const banner = await stopAfter([], /mc alias set/, pretty);
  t.match(banner, /Serving {3}http:\/\/127\.0\.0\.1:1\n/);
  t.match(banner, /RootPass {2}minioadmin \(the default/);
  const own = await stopAfter([], /mc alias set/, { ...pretty, ...CREDENTIALS });
  t.notMatch(own, /hunter2|RootPass/);
});

test("ringfort server: a second process on the drive is refused and told who has it", async (t) => {
  const folder = t.testdir();
  const first = startProgram(["server", folder], { variables: CREDENTIALS });
  await first.said(/"message":"serving"/);
  const second = await runProgram(["server", folder], { variables: CREDENTIALS });
  t.equal(second.code, 1);
  const last = jsonLines(second.stdout).at(-1);
  t.match(last, {
    reason: `the drive ${folder} is in use by another process (pid ${first.process.pid}); stop it first`,
  });
  first.process.kill("SIGTERM");
  t.equal((await first.ended).code, 0);
});
