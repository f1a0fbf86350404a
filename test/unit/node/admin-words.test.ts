import { test } from "tap";
import { ADMIN_ROUTES } from "../../../src/admin/admin-routes.ts";
import { parseCommandLine } from "../../../src/node/command-line.ts";

const FILE = '{"Statement":[]}';

function callOf(words: readonly string[]) {
  const invocation = parseCommandLine(["admin", ...words], "1");
  if (invocation.kind !== "admin") throw new Error(`${invocation.kind} for ${words.join(" ")}`);
  return invocation.words.call(() => Buffer.from(FILE));
}

const COMMANDS: readonly (readonly string[])[] = [
  ["user", "add", "alice", "secret", "--policy", "readwrite"],
  ["user", "remove", "alice"],
  ["user", "list"],
  ["user", "info", "alice"],
  ["user", "enable", "alice"],
  ["user", "disable", "alice"],
  ["group", "add", "staff", "alice", "bob"],
  ["group", "remove", "staff"],
  ["group", "list"],
  ["group", "info", "staff"],
  ["group", "enable", "staff"],
  ["group", "disable", "staff"],
  ["policy", "create", "mine", "file.json"],
  ["policy", "remove", "mine"],
  ["policy", "list"],
  ["policy", "info", "mine"],
  ["policy", "attach", "mine", "other", "--user", "alice"],
  ["policy", "detach", "mine", "--group", "staff"],
  ["key", "create", "--user", "alice", "--policy", "file.json"],
  ["key", "remove", "K"],
  ["key", "list"],
  ["key", "info", "K"],
  ["key", "enable", "K"],
  ["key", "disable", "K"],
  ["account", "add", "other", "--email", "a@example.com"],
  ["account", "list"],
  ["bucket", "quota", "set", "photos", "5GiB"],
  ["bucket", "quota", "get", "photos"],
  ["bucket", "quota", "clear", "photos"],
  ["usage"],
  ["usage", "photos"],
  ["kms", "key", "rotate", "photos", "new", "--prefix", "p/", "--from", "old"],
  ["kms", "key", "rotation"],
  ["kms", "key", "rotation-stop"],
  ["iam", "export", "all.zip"],
  ["iam", "import", "all.zip"],
];

test("admin commands: each asks a route that is there, by its method", async (t) => {
  for (const words of COMMANDS) {
    const { path, method } = callOf(words);
    t.equal(ADMIN_ROUTES.get(path)?.method, method, words.join(" "));
  }
});

test("admin commands: a quota is a size as people write it", async (t) => {
  const body = { quota: 5 * 1024 ** 3, size: 5 * 1024 ** 3, quotatype: "hard" };
  t.match(callOf(["bucket", "quota", "set", "photos", "5GiB"]), {
    query: { bucket: "photos" },
    body,
  });
  t.match(callOf(["bucket", "quota", "clear", "photos"]), { body: { quota: 0, quotatype: "" } });
  for (const wrong of ["5G", "0", "much"]) {
    t.throws(() => callOf(["bucket", "quota", "set", "photos", wrong]), /is not a size/);
  }
});

test("admin commands: words and flags become the request", async (t) => {
  t.match(callOf(["user", "add", "alice", "secret", "--policy", "readwrite"]), {
    query: { accessKey: "alice" },
    body: { secretKey: "secret", policy: "readwrite", accountRoot: false },
    sealed: true,
  });
  t.match(callOf(["group", "add", "staff", "alice", "bob"]), {
    body: { group: "staff", members: ["alice", "bob"], isRemove: false },
  });
  t.match(callOf(["policy", "create", "mine", "file.json"]), {
    query: { name: "mine" },
    body: FILE,
  });
  t.match(callOf(["policy", "attach", "mine", "--group", "staff"]), {
    body: { policies: ["mine"], group: "staff" },
  });
  t.match(callOf(["key", "create", "K", "--expires", "2030-01-01"]), {
    body: { accessKey: "K", expiration: "2030-01-01" },
  });
});

test("admin commands: a missing word is a usage error", async (t) => {
  for (const words of [
    ["user", "add", "alice"],
    ["user"],
    ["user", "rename", "a", "b"],
    ["policy", "attach"],
  ]) {
    t.equal(parseCommandLine(["admin", ...words], "1").kind, "usage-error", words.join(" "));
  }
});
