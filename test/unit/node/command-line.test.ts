/** Words → what to do. */
import { test } from "tap";
import type { CommandLineLayer } from "../../../config/load.ts";
import { parseCommandLine, parseServerOptions } from "../../../src/node/command-line.ts";

function server(...words: string[]): CommandLineLayer {
  const invocation = parseCommandLine(words, "1.2.3");
  if (invocation.kind !== "server")
    throw new Error(`${invocation.kind}: ${JSON.stringify(invocation)}`);
  return invocation.line;
}

function values(line: CommandLineLayer): Record<string, unknown> {
  return Object.fromEntries([...line.layer].map(([name, { value }]) => [name, value]));
}

test("parseCommandLine: reads the flags of server and its drives", async (t) => {
  const line = server(
    ...["server", "--address", ":1", "--console-address=:2", "-S", "/c", "--json", "--quiet"],
    ...[
      "--anonymous",
      "--idle-timeout",
      "5s",
      "--shutdown-timeout",
      "6s",
      "--config",
      "/f",
      "/a",
      "/b",
    ],
  );
  t.strictSame(values(line), {
    address: ":1",
    consoleAddress: ":2",
    certsDir: "/c",
    idleTimeout: "5s",
    shutdownGrace: "6s",
    logFormat: "json",
    quiet: "on",
    anonymous: "on",
    drives: ["/a", "/b"],
  });
  t.strictSame(line.configFile, { value: "/f", origin: "--config" });
  t.equal(line.layer.get("certsDir")?.origin, "--certs-dir");
  t.strictSame(line.noEffect, []);
});

test("parseCommandLine: flags also before server, the later one wins; minio and ringfort are skipped", async (t) => {
  const line = server("minio", "--json", "--address", ":1", "server", "--address", ":2", "/d");
  t.strictSame(values(line), { address: ":2", logFormat: "json", drives: ["/d"] });
  t.strictSame(values(server("ringfort", "server")), {});
  const chart = server("minio", "server", "/export", "-S", "/certs/", "--address", ":9000");
  t.strictSame(values(chart), { certsDir: "/certs/", address: ":9000", drives: ["/export"] });
  t.strictSame(values(server("server", "--", "--odd")), { drives: ["--odd"] });
});

test("parseCommandLine: MinIO's other flags are taken without swallowing drives", async (t) => {
  const line = server(
    ...["server", "--ftp", "address=:8021", "--ftp=x=y", "--sftp=a=b", "--compat", "/d1"],
    ...["--read-header-timeout", "3s", "--memlimit", "1GiB", "--log-compress", "/d2"],
  );
  t.strictSame(values(line), { drives: ["/d1", "/d2"] });
  t.strictSame([...line.noEffect].sort(), [
    "--compat",
    "--ftp",
    "--log-compress",
    "--memlimit",
    "--read-header-timeout",
    "--sftp",
  ]);
  t.strictSame(server("server", "--no-compat", "/d").noEffect, ["--no-compat"]);
});

test("parseCommandLine: commands beside server", async (t) => {
  for (const [words, kind] of [
    [["config", "show", "--json", "/d"], "config-show"],
    [["config", "check", "/d"], "config-check"],
    [["config", "document"], "config-document"],
    [["health", "--address", ":1"], "health"],
  ] as const) {
    t.equal(parseCommandLine(words, "1").kind, kind);
  }
});

test("parseCommandLine: help and version are texts", async (t) => {
  for (const words of [["--help"], ["-h"], ["help"], ["server", "--help"], ["config", "--help"]]) {
    const invocation = parseCommandLine(words, "1.2.3");
    t.match(invocation, { kind: "print", text: /Usage: ringfort/ }, words.join(" "));
  }
  for (const word of ["--version", "-v"]) {
    t.match(parseCommandLine([word], "1.2.3"), {
      kind: "print",
      text: /^ringfort 1\.2\.3 \(node v/,
    });
  }
  const help = parseCommandLine(["--help"], "1");
  for (const part of [/Examples:/, /Environment:/, /Ports:/, /Exit codes:/, /RINGFORT_ROOT_USER/]) {
    t.match(help, { text: part });
  }
});

test("parseCommandLine: a wrong word is answered with what to do", async (t) => {
  const cases: ReadonlyArray<readonly [readonly string[], RegExp]> = [
    [[], /no command is given\nTo serve a folder: ringfort server DIR/],
    [["/data"], /"\/data" is no command\nTo serve it: ringfort server \/data$/],
    [["./data{1...4}", "/x"], /ringfort server \.\/data\{1\.\.\.4\} \/x$/],
    [["serve", "/data"], /unknown command 'serve'\n\(Did you mean server\?\)/],
    [
      ["server", "--adress", ":1", "/d"],
      /unknown option '--adress'\n\(Did you mean --address\?\)\nSee: ringfort server --help/,
    ],
    [["server", "--address"], /option '--address <host:port>' argument missing/],
    [["config"], /no command is given\nSee: ringfort --help/],
    [["config", "shwo"], /unknown command 'shwo'/],
    [["--json"], /no command is given/],
  ];
  for (const [words, expected] of cases) {
    t.match(parseCommandLine(words, "1"), { kind: "usage-error", text: expected }, words.join(" "));
  }
});

test("parseServerOptions: names its origin in values and problems", async (t) => {
  const line = parseServerOptions(
    ["--address", ":1", "--config", "/f", "--ftp", "x", "/d"],
    "MINIO_OPTS",
  );
  t.strictSame(
    [...line.layer],
    [
      ["address", { value: ":1", origin: "MINIO_OPTS --address" }],
      ["drives", { value: ["/d"], origin: "MINIO_OPTS command line" }],
    ],
  );
  t.strictSame(line.configFile, { value: "/f", origin: "MINIO_OPTS --config" });
  t.strictSame(line.noEffect, ["--ftp"]);
  t.match(parseServerOptions(["--nope"], "MINIO_OPTS").problems, [
    "MINIO_OPTS: unknown option '--nope'",
  ]);
  t.strictSame([...parseServerOptions([], "MINIO_OPTS").layer], []);
});
