/**
 * Runs the public suite ceph/s3-tests against a fresh server and counts by area and by test. See
 * README.md beside this file. Ends with code 1 when a test fails that is not declined, or when a
 * declined one passes: the list is what makes the number comparable.
 *
 *   S3_TESTS_FOLDER=… node dist/test/s3-tests/run.js [words for pytest …]
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startCluster } from "../support/cluster-processes.ts";
import { ACCESS_KEY, SECRET_KEY, startServer } from "../support/server-process.ts";
import { areaOf } from "./areas.ts";
import {
  accountIdOf,
  IDENTITY_SECTIONS,
  type IdentitySection,
  identityOf,
  type SuiteIdentity,
  suiteConfiguration,
} from "./configuration.ts";
import { parseDeclined, parseReport, type TestOutcome, tallyByArea } from "./outcome.ts";

const SUITE = resolve(process.env["S3_TESTS_FOLDER"] ?? "s3-tests");
const PYTHON = process.env["S3_TESTS_PYTHON"] ?? "python3";
const WORKERS = process.env["S3_TESTS_WORKERS"] ?? "3";
/** How long the server takes a day of lifecycle rules to be. */
const DAY_SECONDS = 10;
const TEST_TIMEOUT_SECONDS = 300;
/** They look at all that an account has: not while others make buckets. */
const ALONE = "test_list_buckets_paginated";
const FILES = ["s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py"];
const START = fileURLToPath(new URL("../../src/node/start.cjs", import.meta.url));
const DECLINED = fileURLToPath(new URL("../../../test/s3-tests/declined.txt", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ringfort-s3-tests-"));
const NODES = Number(process.env["S3_TESTS_NODES"] ?? "1");
const server = await startTested({
  RINGFORT_MEMORY: "256MiB",
  RINGFORT_LIFECYCLE_DAY: `${DAY_SECONDS}s`,
  // The suite looks after five seconds and a half.
  RINGFORT_ACCESS_LOG_INTERVAL: "4s",
});
const words = process.argv.slice(2);
try {
  const outcomes = await runSuite();
  process.exitCode = print(outcomes, parseDeclined(readFileSync(DECLINED, "utf8"))) ? 0 : 1;
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Tested {
  readonly port: number;
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** One node, or the first of several, which serves for all. */
async function startTested(environment: Readonly<Record<string, string>>): Promise<Tested> {
  if (NODES > 1) {
    const cluster = await startCluster({ nodes: NODES, drivesPerNode: 1, environment });
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error("a cluster has nodes");
    return { port: first.port, endpoint: first.endpoint, stop: () => cluster.stop() };
  }
  const alone = await startServer({ environment });
  return {
    port: alone.port,
    endpoint: alone.endpoint,
    async stop() {
      await alone.stop();
      alone.clean();
    },
  };
}

async function runSuite(): Promise<readonly TestOutcome[]> {
  const configuration = join(folder, "s3tests.conf");
  const pairs = IDENTITY_SECTIONS.map((section) => [section, identityOf(section)] as const);
  for (const section of IDENTITY_SECTIONS) await makeIdentity(section);
  for (const key of ["testkey-1", "testkey-2"]) await administrate("kms", "key", "create", key);
  writeFileSync(
    configuration,
    suiteConfiguration({
      port: server.port,
      // Every section has its entry: they are made from the list of sections.
      identities: Object.fromEntries(pairs) as Record<IdentitySection, SuiteIdentity>,
      lifecycleDaySeconds: DAY_SECONDS,
    }),
  );
  if (words.length > 0) {
    const chosen = words.some((word) => word.includes("::") || word.endsWith(".py")) ? [] : FILES;
    return runTests(configuration, ["-n", WORKERS, ...chosen, ...words]);
  }
  const alone = await runTests(configuration, [...FILES, "-k", ALONE]);
  const flags = ["-n", WORKERS, ...FILES, "-k", `not ${ALONE}`];
  return [...alone, ...(await runTests(configuration, flags))];
}

async function runTests(
  configuration: string,
  flags: readonly string[],
): Promise<readonly TestOutcome[]> {
  const report = process.env["S3_TESTS_REPORT"] ?? join(folder, "report.xml");
  const usual = [
    ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", "--no-header"],
    [`--timeout=${TEST_TIMEOUT_SECONDS}`, `--junitxml=${report}`],
  ];
  const child = spawn(PYTHON, [...usual.flat(), ...flags], {
    cwd: SUITE,
    env: {
      ...process.env,
      S3TEST_CONF: configuration,
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_DEFAULT_REGION: "us-east-1",
      PYTHONDONTWRITEBYTECODE: "1",
    },
    stdio: [
      "ignore",
      process.env["S3_TESTS_VERBOSE"] === undefined ? "ignore" : "inherit",
      "inherit",
    ],
  });
  await new Promise((settled) => child.once("exit", settled));
  return parseReport(readFileSync(report, "utf8"));
}

/** An account and its user, by the command that operators use. */
async function makeIdentity(section: IdentitySection): Promise<void> {
  const { accessKey, secretKey, userId, displayName, email } = identityOf(section);
  const id = accountIdOf(section);
  const account = ["--id", id, "--canonical-id", userId, "--email", email];
  await administrate("account", "add", displayName, ...account);
  await administrate("user", "add", accessKey, secretKey, "--account", id, "--account-root");
}

async function administrate(...command: readonly string[]): Promise<void> {
  const credentials = ["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY];
  const child = spawn(
    process.execPath,
    [START, "admin", ...command, "--url", server.endpoint, ...credentials],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const code = await new Promise((settled) => child.once("exit", settled));
  if (code !== 0) throw new Error(`ringfort admin ${command.slice(0, 2).join(" ")} failed`);
}

/** True when the run is as the list of declined tests says. */
function print(outcomes: readonly TestOutcome[], declined: ReadonlyMap<string, string>): boolean {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  let expected = true;
  for (const { id, passed, reason } of outcomes) {
    const refusal = declined.get(id);
    if (refusal === undefined) write(`${passed ? "pass" : "FAIL"} ${id} ${reason}`.trimEnd());
    else write(`${passed ? "PASSES BUT DECLINED" : "declined"} ${id} (${refusal})`);
    if (passed === (refusal !== undefined)) expected = false;
  }
  write(`\n${"area".padEnd(28)}pass  fail  declined`);
  const total = { passed: 0, failed: 0, declined: 0 };
  for (const [area, tally] of tallyByArea(outcomes, declined, areaOf)) {
    write(row(area, tally));
    total.passed += tally.passed;
    total.failed += tally.failed;
    total.declined += tally.declined;
  }
  write(row("all", total));
  return expected;
}

function row(name: string, tally: { passed: number; failed: number; declined: number }): string {
  const numbers = [tally.passed, tally.failed, tally.declined];
  const [passed, failed, declined] = numbers.map((value) => String(value).padStart(4));
  return `${name.padEnd(28)}${passed}  ${failed}  ${declined?.padStart(8)}`;
}
