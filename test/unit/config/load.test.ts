/** From flags, variables and files to settings: precedence, secrets, and all problems at once. */
import { test } from "tap";
import { SETTINGS } from "../../../config/catalogue.ts";
import { splitWords } from "../../../config/load.ts";
import { load, problemsOf, settingsOf } from "./settings-support.ts";

const CREDENTIALS = { RINGFORT_ROOT_USER: "admin", RINGFORT_ROOT_PASSWORD: "long-secret" };

test("loadSettings: defaults follow the drives and the machine", async (t) => {
  const { cluster, node } = settingsOf({ words: ["/d{1...6}"] });
  t.equal(cluster.rootUser, "minioadmin");
  t.equal(cluster.rootPassword.reveal(), "minioadmin");
  t.equal(cluster.region, undefined);
  t.strictSame(cluster.domains, []);
  t.equal(cluster.storageClassStandard.parity, 3);
  t.equal(cluster.storageClassRrs.parity, 1);
  t.equal(cluster.inlineBytesMax, 32_768);
  t.equal(cluster.stripeDataBytes, 1_048_576);
  t.strictSame(node.address, { host: "", port: 9000 });
  t.strictSame(node.consoleAddress, { host: "", port: 9001 });
  t.equal(node.certsDir, "/home/op/.ringfort/certs");
  t.equal(node.memory, 1024 ** 3);
  t.equal(node.codecThreads, 3);
  t.equal(node.driveThreads, 2);
  t.equal(node.requestsMax, 8192);
  t.equal(node.quiet, false);
});

test("loadSettings: a small machine gets a small arena, a moved one keeps its certificates", async (t) => {
  const { node } = settingsOf({
    words: ["/d"],
    machine: {
      memoryBytes: 1000 * 1024 ** 2,
      processors: 1,
      folderExists: (path) => path === "/home/op/.minio/certs",
    },
  });
  t.equal(node.memory, 250 * 1024 ** 2);
  t.equal(node.codecThreads, 1);
  t.equal(node.driveThreads, 1);
  t.equal(node.certsDir, "/home/op/.minio/certs");
});

test("loadSettings: flags > RINGFORT_OPTS > RINGFORT_ > MINIO_OPTS > MINIO_ > YAML > default", async (t) => {
  const files = { "/c.yaml": "address: ':1006'\ndrives: [/d]\n" };
  const variables: Record<string, string> = {
    RINGFORT_OPTS: "--address :1002",
    RINGFORT_ADDRESS: ":1003",
    MINIO_OPTS: "--address=:1004",
    MINIO_ADDRESS: ":1005",
    MINIO_CONFIG: "/c.yaml",
  };
  const port = (words: string[]): number =>
    settingsOf({ words, variables, files }).node.address.port;
  t.equal(port(["--address", ":1001"]), 1001);
  const expected = [1002, 1003, 1004, 1005, 1006, 9000];
  for (const name of [...Object.keys(variables).slice(0, 4), "MINIO_CONFIG"]) {
    t.equal(port(["/d"]), expected.shift(), `before ${name} is taken away`);
    delete variables[name];
  }
  t.equal(port(["/d"]), 9000);
});

test("loadSettings: tells the origin of each value", async (t) => {
  const result = load({
    words: ["--json", "/d"],
    variables: {
      RINGFORT_REGION: "eu-1",
      MINIO_OPTS: "--idle-timeout 5s",
      MINIO_DOMAIN: "s3.test",
    },
  });
  if (!result.ok) throw new Error(result.problems.join());
  const expected = {
    drives: "command line",
    logFormat: "--json",
    region: "RINGFORT_REGION",
    idleTimeout: "MINIO_OPTS --idle-timeout",
    domains: "MINIO_DOMAIN",
    memory: "default",
    stripeDataBytes: "default",
  } as const;
  for (const [name, origin] of Object.entries(expected)) {
    const definition = SETTINGS.find((setting) => setting.name === name);
    t.equal(definition && result.origins.get(definition.name), origin, name);
  }
});

test("loadSettings: the result is frozen to the bottom", async (t) => {
  const settings = settingsOf({ words: ["/d{1...2}"] });
  for (const part of [settings, settings.cluster, settings.node, settings.node.drives]) {
    t.ok(Object.isFrozen(part));
  }
  t.ok(Object.isFrozen(settings.node.address));
  t.ok(Object.isFrozen(settings.cluster.storageClassStandard));
});

test("loadSettings: reports every problem at once, each with its place", async (t) => {
  const problems = problemsOf({
    words: ["--address", "9000", "/d{1...}"],
    variables: {
      RINGFORT_MEMORY: "12 parsecs",
      MINIO_STORAGE_CLASS_STANDARD: "3",
      RINGFORT_BUCKET_SHARDS: "17",
      RINGFORT_LOG_LEVEL: "loud",
      MINIO_DOMAIN: "s3.test,10.0.0.1",
      RINGFORT_QUIET: "perhaps",
      RINGFORT_IDLE_TIMEOUT: "30",
    },
  });
  t.strictSame([...problems].sort(), [
    '--address (address) is not an address: "9000"; write HOST:PORT or :PORT, for example :9000 or 10.0.0.5:9000',
    'MINIO_DOMAIN (domains) has "10.0.0.1", which is not a host name; write for example s3.example.com',
    'MINIO_STORAGE_CLASS_STANDARD (storage-class-standard) must be EC: and the number of parity drives, for example EC:2, not "3"',
    'RINGFORT_BUCKET_SHARDS (bucket-shards) must be a power of two such as 16 or 64, and "17" is not',
    'RINGFORT_IDLE_TIMEOUT (idle-timeout) must be a duration such as 500ms, 10s or 1h30m, and "30" is not',
    'RINGFORT_LOG_LEVEL (log-level) must be one of debug, info, warn, error, not "loud"',
    'RINGFORT_MEMORY (memory) must be a size such as 512MiB or 2GiB, and "12 parsecs" is not',
    'RINGFORT_QUIET (quiet) must be on or off, not "perhaps"',
    'command line (drives): "{1...}" in "/d{1...}" has no last value; write {1...4}',
  ]);
});

test("loadSettings: without drives it says what to write", async (t) => {
  t.strictSame(problemsOf({}), [
    "no drive is given; write for example: ringfort server /mnt/drive{1...4}",
  ]);
  t.match(problemsOf({ words: ["http://n1/d", "/d"] })[0], /cannot be mixed/);
});

test("loadSettings: limits hold at both ends", async (t) => {
  const cases: ReadonlyArray<readonly [string, readonly string[], readonly string[]]> = [
    ["RINGFORT_MEMORY", ["32MiB", "4GiB"], ["31MiB", "5GiB"]],
    ["RINGFORT_STRIPE_DATA_BYTES", ["64KiB", "16MiB"], ["32KiB", "32MiB", "1000KiB"]],
    ["RINGFORT_INLINE_BYTES_MAX", ["0", "256KiB"], ["257KiB", "-1"]],
    ["RINGFORT_BUCKET_SHARDS", ["1", "256"], ["0", "512", "1.5"]],
    ["RINGFORT_HEADER_BYTES_MAX", ["4KiB", "256KiB"], ["2KiB", "1MiB"]],
    ["RINGFORT_IDLE_TIMEOUT", ["1s", "24h"], ["999ms", "25h"]],
    ["RINGFORT_SHUTDOWN_GRACE", ["0", "1h"], ["61m"]],
    ["RINGFORT_REQUESTS_MAX", ["1", "1000000"], ["1000001", "-5"]],
    ["RINGFORT_CODEC_THREADS", ["1", "256"], ["0", "257"]],
    [
      "RINGFORT_ADDRESS",
      [":0", ":65535", "[::1]:9000", "host-1.example:1"],
      [":65536", "::1:9", "[::g]:1", "http://h:1", "a b:1"],
    ],
    ["RINGFORT_REGION", ["us-east-1", "x"], ["1a", "a b", "a/b"]],
  ];
  for (const [name, good, bad] of cases) {
    for (const value of good) {
      const variables = { [name]: value, RINGFORT_CONSOLE_ADDRESS: ":7" };
      const problems = problemsOf({ words: ["/d"], variables });
      const relations = problems.filter((problem) => !/memory .*stripes need/.test(problem));
      t.strictSame(relations, [], `${name}=${value}`);
    }
    for (const value of bad) {
      const variables = { [name]: value };
      t.not(problemsOf({ words: ["/d"], variables }).length, 0, `${name}=${value}`);
    }
  }
});

test("loadSettings: auto, and MinIO's 0, mean the computed default", async (t) => {
  const variables = {
    RINGFORT_MEMORY: "auto",
    RINGFORT_CODEC_THREADS: "auto",
    MINIO_API_REQUESTS_MAX: "0",
    MINIO_STORAGE_CLASS_STANDARD: "auto",
  };
  const { cluster, node } = settingsOf({ words: ["/d{1...4}"], variables });
  t.equal(node.memory, 1024 ** 3);
  t.equal(node.codecThreads, 3);
  t.equal(node.requestsMax, 8192);
  t.equal(cluster.storageClassStandard.parity, 2);
});

test("loadSettings: a secret shows in no message, however wrong it is", async (t) => {
  for (const variables of [
    { RINGFORT_ROOT_USER: "hunter2 x", RINGFORT_ROOT_PASSWORD: "hunter2" },
    { RINGFORT_ROOT_USER: "hunter2=", RINGFORT_ROOT_PASSWORD: "hunter2" },
    { RINGFORT_ROOT_PASSWORD: "hunter2hunter2" },
    { MINIO_SECRET_KEY: "hunter2", MINIO_ACCESS_KEY: "h2" },
    { RINGFORT_ROOT_USER: "admin", RINGFORT_ROOT_PASSWORD: "hunter2hunter2\n" },
  ]) {
    const result = load({ words: ["/d"], variables });
    t.notOk(result.ok);
    t.notMatch(JSON.stringify(result), /hunter2/);
  }
  const fine = load({ words: ["/d"], variables: CREDENTIALS });
  t.ok(fine.ok);
  t.notMatch(JSON.stringify(fine), /long-secret/);
});

test("loadSettings: root user and password come together", async (t) => {
  t.strictSame(problemsOf({ words: ["/d"], variables: { MINIO_ROOT_USER: "admin" } }), [
    "MINIO_ROOT_USER is set without a password; set RINGFORT_ROOT_PASSWORD too",
  ]);
  t.strictSame(problemsOf({ words: ["/d"], variables: { MINIO_ROOT_PASSWORD: "12345678" } }), [
    "MINIO_ROOT_PASSWORD is set without a user; set RINGFORT_ROOT_USER too",
  ]);
  t.strictSame(problemsOf({ words: ["/d"], variables: CREDENTIALS }), []);
});

test("loadSettings: warns of the default password, and only then", async (t) => {
  t.match(load({ words: ["/d"] }).warnings.join(), /default that everybody knows/);
  t.strictSame(load({ words: ["/d"], variables: CREDENTIALS }).warnings, []);
});

test("loadSettings: names what is accepted without effect once, together", async (t) => {
  const words = ["--ftp", "address=:8021", "--ftp=passive-port-range=3-4", "--compat", "/d"];
  const variables = { ...CREDENTIALS, MINIO_BROWSER: "off", MINIO_CONSOLE_ADDRESS: ":7" };
  t.strictSame(load({ words, variables }).warnings, [
    "accepted, no effect yet: MINIO_BROWSER, --ftp, --compat, MINIO_CONSOLE_ADDRESS",
  ]);
});

test("loadSettings: MINIO_OPTS may hold flags and drives, and its slips are explained", async (t) => {
  const variables = { MINIO_OPTS: "--certs-dir '/my certs' \"/mnt/d{1...2}\" -S /c" };
  const { node } = settingsOf({ variables });
  t.strictSame(node.drives, ["/mnt/d1", "/mnt/d2"]);
  t.equal(node.certsDir, "/c");
  t.strictSame(problemsOf({ words: ["/d"], variables: { MINIO_OPTS: "--adress :9" } }), [
    "MINIO_OPTS: unknown option '--adress' (Did you mean --address?)",
  ]);
  t.strictSame(problemsOf({ words: ["/d"], variables: { MINIO_OPTS: "--help" } }), [
    "MINIO_OPTS: only flags and drives can stand here",
  ]);
});

test("splitWords: splits like a shell without expansions", async (t) => {
  t.strictSame(splitWords("  a 'b c'  --d=\"e f\"g "), ["a", "b c", "--d=e fg"]);
  t.strictSame(splitWords(""), []);
});
