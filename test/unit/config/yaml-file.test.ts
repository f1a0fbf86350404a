/** The YAML file: our layout, MinIO's layout, the sample, and what is refused. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import { SETTINGS } from "../../../config/catalogue.ts";
import { load, problemsOf, settingsOf, type World } from "./settings-support.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..");

function withYaml(text: string): World {
  return { words: ["--config", "/c.yaml"], files: { "/c.yaml": text } };
}

test("yaml: every setting of the sample file is read from it", async (t) => {
  const world = withYaml(readFileSync(`${root}/config/ringfort.sample.yaml`, "utf8"));
  const result = load(world);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  const automatic = ["codecThreads", "driveThreads", "requestsMax"];
  for (const { name, yamlKey } of SETTINGS) {
    const expected = automatic.includes(name) ? /^default$/ : /^\/c\.yaml:\d+$/;
    t.match(result.origins.get(name), expected, `${yamlKey} stands in the sample`);
  }
  t.strictSame(
    result.settings.node.drives,
    [1, 2, 3, 4].map((n) => `/mnt/drive${n}`),
  );
});

test("yaml: MinIO's layouts v1 and v2 work as they are", async (t) => {
  const v1 = settingsOf(
    withYaml(`
version: v1
address: ":9100"
rootUser: admin
rootPassword: long-secret
console-address: ":9101"
certs-dir: /c
pools:
  - - /mnt/a{1...2}
  - - /mnt/b1
    - /mnt/b2
`),
  );
  t.strictSame(v1.node.drives, ["/mnt/a1", "/mnt/a2", "/mnt/b1", "/mnt/b2"]);
  t.equal(v1.cluster.rootUser, "admin");
  t.equal(v1.node.address.port, 9100);
  const v2 = load(
    withYaml(`
version: v2
rootUser: admin
rootPassword: long-secret
pools:
  - args: ["/mnt/a{1...4}"]
    set-drive-count: 4
options:
  ftp: { address: ":8021" }
  sftp: { address: ":8022" }
`),
  );
  t.ok(v2.ok && v2.settings.node.drives.length === 4);
  t.strictSame(v2.warnings, [
    "accepted, no effect yet: pools.set-drive-count, options.ftp, options.sftp",
  ]);
});

test("yaml: nodes say the same as drive URLs on the command line", async (t) => {
  const { node } = settingsOf(
    withYaml(`
nodes:
  - address: http://node{1...2}:9000
    drives: ["/mnt/drive{1...2}"]
  - address: http://other:9100/
    drives: /srv/data
`),
  );
  const words = ["http://node{1...2}:9000/mnt/drive{1...2}", "http://other:9100/srv/data"];
  t.strictSame(node.drives, settingsOf({ words }).node.drives);
  t.equal(node.drives.length, 5);
  const wrong = "nodes: [{address: node1, drives: [/d]}, {address: http://n, dirves: [/d]}]\n";
  t.match(problemsOf(withYaml(wrong)), [
    /each of nodes must have address/,
    /unknown key nodes.dirves/,
    /no drive is given/,
  ]);
  t.match(problemsOf(withYaml("nodes: hello\n"))[0], /nodes must be/);
  const both = "drives: [/d]\nnodes: [{address: http://n, drives: [/d]}]\n";
  t.match(problemsOf(withYaml(both))[0], /nodes says the same as \/c.yaml:1; keep one/);
});

test("yaml: nodes have zones, which name nodes that there are", async (t) => {
  const list = (zone: string) => `
nodes:
  - address: http://node{1...2}
    drives: ["/mnt/drive{1...2}"]
    zone: ${zone}
  - address: http://[fd00::1]:9100/
    drives: /srv/data
`;
  const { node } = settingsOf(withYaml(list("rack-1")));
  t.strictSame(node.zones, ["http://node1:9000=rack-1", "http://node2:9000=rack-1"]);
  t.equal(node.drives.length, 5);
  t.strictSame(settingsOf(withYaml(list("7"))).node.zones[0], "http://node1:9000=7");
  t.match(problemsOf(withYaml(list('"rack 1"')))[0], /has a zone that is not 1 to 64 letters/);
  t.match(problemsOf(withYaml(`${list("a")}zones: [http://node3=b]\n`))[0], /zones says the same/);
  const words = ["http://node{1...2}/d"];
  const zones = (text: string) => ({ words, variables: { RINGFORT_ZONES: text } });
  t.equal(settingsOf(zones("http://node1=a, http://node2:9000/=b")).node.zones.length, 2);
  t.match(problemsOf(zones("http://node3=a"))[0], /names node3:9000, which is no node of the list/);
  t.match(problemsOf(zones("http://node1=a http://node{1...2}=b"))[0], /more than one zone/);
  t.match(problemsOf(zones("node1"))[0], /without its zone/);
  t.match(problemsOf(zones("node1=a"))[0], /no address of a node/);
  t.match(problemsOf(zones("http://node1/mnt=a"))[0], /no address of a node/);
});

test("yaml: problems name the line, and never a value", async (t) => {
  const problems = problemsOf(
    withYaml(`drives: [/d]
adress: hunter2
root-user: admin
root-password: 12345678
memory: { much: hunter2 }
options: { telnet: {} }
version: v3
rootUser: again
`),
  );
  t.strictSame(problems, [
    "/c.yaml:2: unknown key adress; did you mean address?",
    "/c.yaml:5: memory must be one value or a list of values",
    "/c.yaml:6: unknown key options.telnet; known are ftp and sftp",
    "/c.yaml:7: version must be v1 or v2, the layouts of MinIO's file",
    "/c.yaml:8: rootUser says the same as /c.yaml:3; keep one",
    "/c.yaml:4 (root-password) must be text; put it in quotes",
  ]);
});

test("yaml: numbers and switches need no quotes, null means not set", async (t) => {
  const { node, cluster } = settingsOf(
    withYaml("drives: /d\nbucket-shards: 64\nquiet: true\nmemory: 67108864\nregion:\naddress: ~\n"),
  );
  t.equal(cluster.bucketShards, 64);
  t.equal(cluster.region, undefined);
  t.equal(node.quiet, true);
  t.equal(node.memory, 64 * 1024 ** 2);
  t.equal(node.address.port, 9000);
});

test("yaml: broken files are refused with the line", async (t) => {
  t.match(
    problemsOf(withYaml("drives: [/d\nx: hunter2"))[0],
    /^\/c\.yaml:\d: this is not valid YAML/,
  );
  t.match(problemsOf(withYaml("a: 1\na: 2\n"))[0], /DUPLICATE_KEY/);
  t.match(problemsOf(withYaml("- /d\n"))[0], /must hold KEY: VALUE/);
  t.match(problemsOf(withYaml("pools: [/d]\n"))[0], /each of pools must be a list/);
  t.match(problemsOf({ words: ["--config", "/no.yaml", "/d"] }), [
    "--config names /no.yaml, and there is no such file",
  ]);
  t.match(problemsOf(withYaml("")), [/no drive is given/]);
});
