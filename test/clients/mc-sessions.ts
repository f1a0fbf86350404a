/** Sessions of `mc`: files, what buckets can do, and administration. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingProgram } from "../support/client-program.ts";
import { ACCESS_KEY, SECRET_KEY } from "../support/server-process.ts";
import {
  type ClientSession,
  expect,
  expectSameTree,
  makeTree,
  type Place,
  type Run,
  runner,
} from "./session.ts";

/** Debian has another program of this name, the file manager, which knows no `ready`. */
const missing = () => missingProgram("mc", ["ready", "--help"]);

async function start({ endpoint, folder }: Place): Promise<Run> {
  const run = runner("mc", ["--config-dir", join(folder, "mc"), "--no-color"], {});
  await run("alias", "set", "here", endpoint, ACCESS_KEY, SECRET_KEY);
  return run;
}

/** What the command printed has these words, in any order. */
async function shows(run: Run, words: readonly string[], wanted: readonly string[]): Promise<void> {
  const text = await run(...words);
  for (const word of wanted)
    expect(text.includes(word), `${words.join(" ")} shows ${word}: ${text}`);
}

const files: ClientSession = {
  name: "mc",
  missing,
  async run(place) {
    const run = await start(place);
    const tree = makeTree(place.folder);
    await run("ready", "here");
    await run("mb", "here/by-mc");
    await run("mirror", "--quiet", tree, "here/by-mc/tree");
    await shows(run, ["ls", "--recursive", "here/by-mc"], ["large", "a b+ü&.txt"]);
    await shows(run, ["find", "here/by-mc", "--name", "sm*"], ["tree/small"]);
    await shows(run, ["du", "here/by-mc"], ["20MiB"]);
    await shows(run, ["cat", "here/by-mc/tree/small"], ["hello"]);
    await run("cp", "--quiet", "here/by-mc/tree/large", "here/by-mc/copy");
    await run("mv", "--quiet", "here/by-mc/copy", "here/by-mc/moved");
    await shows(run, ["stat", "here/by-mc/moved"], ["20 MiB"]);
    const back = join(place.folder, "back");
    await run("mirror", "--quiet", "here/by-mc/tree", back);
    expectSameTree(tree, back);
    await run("rm", "--recursive", "--force", "here/by-mc/tree");
    await run("rb", "--force", "here/by-mc");
  },
};

const buckets: ClientSession = {
  name: "mc, settings of buckets",
  missing,
  async run(place) {
    const run = await start(place);
    const file = join(place.folder, "file");
    writeFileSync(file, "content");
    await run("mb", "--with-lock", "here/mc-set");
    await run("cp", "--quiet", file, "here/mc-set/a");
    await run("cp", "--quiet", file, "here/mc-set/a");
    await shows(run, ["ls", "--versions", "here/mc-set"], ["v1", "v2"]);
    await run("rm", "here/mc-set/a");
    await run("undo", "here/mc-set/a");
    await shows(run, ["cat", "here/mc-set/a"], ["content"]);
    await run("tag", "set", "here/mc-set/a", "colour=blue");
    await shows(run, ["tag", "list", "here/mc-set/a"], ["blue"]);
    await run("retention", "set", "--default", "GOVERNANCE", "1d", "here/mc-set");
    await shows(run, ["retention", "info", "--default", "here/mc-set"], ["GOVERNANCE"]);
    await run("legalhold", "set", "here/mc-set/a");
    await shows(run, ["legalhold", "info", "here/mc-set/a"], ["ON"]);
    await run("legalhold", "clear", "here/mc-set/a");
    await run("ilm", "rule", "add", "--expire-days", "3", "here/mc-set");
    await shows(run, ["ilm", "rule", "ls", "here/mc-set"], ["3"]);
    await run("encrypt", "set", "sse-s3", "here/mc-set");
    await shows(run, ["encrypt", "info", "here/mc-set"], ["sse-s3"]);
    await run("anonymous", "set", "download", "here/mc-set");
    await shows(run, ["anonymous", "get", "here/mc-set"], ["download"]);
    await run("quota", "set", "--size", "1GiB", "here/mc-set");
    await shows(run, ["quota", "info", "here/mc-set"], ["1.0 GiB"]);
    const url = /Share: (\S+)/.exec(await run("share", "download", "here/mc-set/a"))?.[1] ?? "";
    expect((await (await fetch(url)).text()) === "content", "the shared link works");
  },
};

const administration: ClientSession = {
  name: "mc admin",
  missing,
  async run(place) {
    const run = await start(place);
    const policy = join(place.folder, "policy.json");
    const statement = {
      Effect: "Allow",
      Action: ["s3:ListBucket"],
      Resource: ["arn:aws:s3:::mc-*"],
    };
    writeFileSync(policy, JSON.stringify({ Version: "2012-10-17", Statement: [statement] }));
    await run("admin", "policy", "create", "here", "mc-lists", policy);
    await shows(run, ["admin", "policy", "list", "here"], ["mc-lists", "readwrite"]);
    await run("admin", "user", "add", "here", "mc-alice", "mc-alice-secret");
    await run("admin", "policy", "attach", "here", "readwrite", "--user", "mc-alice");
    await shows(run, ["admin", "user", "info", "here", "mc-alice"], ["enabled", "readwrite"]);
    await run("admin", "group", "add", "here", "mc-group", "mc-alice");
    await shows(run, ["admin", "group", "info", "here", "mc-group"], ["mc-alice"]);
    const made = await run("admin", "user", "svcacct", "add", "here", "mc-alice");
    const key = /Access Key: (\S+)/.exec(made)?.[1] ?? "";
    const secret = /Secret Key: (\S+)/.exec(made)?.[1] ?? "";
    await run("alias", "set", "alice", place.endpoint, key, secret);
    await run("mb", "alice/mc-of-alice");
    await run("rb", "alice/mc-of-alice");
    await run("admin", "user", "disable", "here", "mc-alice");
    const refused = await run("ls", "alice").then(
      () => false,
      () => true,
    );
    expect(refused, "the keys of a disabled user are refused");
    await run("admin", "user", "remove", "here", "mc-alice");
    await run("admin", "policy", "remove", "here", "mc-lists");
  },
};

export const MC_SESSIONS: readonly ClientSession[] = [files, buckets, administration];
