/** What people read about the settings: the reference and `config show`. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { test } from "tap";
import { SETTINGS } from "../../../config/catalogue.ts";
import { COMPUTED_DEFAULTS } from "../../../config/defaults.ts";
import { settingsDocument } from "../../../config/document.ts";
import { Secret } from "../../../config/secret.ts";
import { showSettings } from "../../../config/show.ts";
import { load } from "./settings-support.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..");

test("docs/CONFIGURATION.md: is what the schema says", async (t) => {
  const written = readFileSync(`${root}/docs/CONFIGURATION.md`, "utf8");
  t.ok(
    written === settingsDocument(),
    "up to date; else: node dist/src/node/start.cjs config document > docs/CONFIGURATION.md",
  );
});

test("SETTINGS: each has a sentence, an example that loads, and a default or a rule", async (t) => {
  const drives = "/mnt/drive{1...4}";
  for (const { name, variable, notes } of SETTINGS) {
    t.match(notes.doc, /^[A-Z~].*\.$/s, `${name}: a sentence`);
    t.equal(notes.computed !== undefined, COMPUTED_DEFAULTS.has(name), `${name}: a rule`);
    const companion = { rootUser: "RINGFORT_ROOT_PASSWORD", rootPassword: "RINGFORT_ROOT_USER" };
    const other = name === "rootUser" || name === "rootPassword" ? companion[name] : undefined;
    const variables = {
      RINGFORT_DRIVES: drives,
      [variable]: notes.example,
      ...(other === undefined ? {} : { [other]: "something-else" }),
    };
    const result = load({ variables });
    t.ok(result.ok, `${name}: ${result.ok ? "loads" : result.problems.join()}`);
    t.equal(result.ok && result.origins.get(name), variable);
  }
});

test("showSettings: one line a setting with its origin, the password hidden", async (t) => {
  const result = load({
    words: ["--address", "[::1]:9000", "/mnt/d{1...2}"],
    variables: {
      MINIO_ROOT_USER: "admin",
      MINIO_ROOT_PASSWORD: "hunter2hunter2",
      RINGFORT_IDLE_TIMEOUT: "90s",
    },
  });
  if (!result.ok) throw new Error(result.problems.join());
  const text = showSettings(result.settings, result.origins);
  t.notMatch(text, /hunter2/);
  const lines = text.split("\n").map((line) => line.replace(/ {2,}/g, "  "));
  for (const line of [
    "root-user = admin  # MINIO_ROOT_USER",
    "root-password = (hidden)  # MINIO_ROOT_PASSWORD",
    "region = (none)  # default",
    "storage-class-standard = EC:1  # default",
    "drives = /mnt/d1 /mnt/d2  # command line",
    "address = [::1]:9000  # --address",
    "memory = 1GiB  # default",
    "idle-timeout = 1m30s  # RINGFORT_IDLE_TIMEOUT",
    "quiet = off  # default",
    "bucket-shards = 16  # default",
  ]) {
    t.ok(lines.includes(line), line);
  }
  t.equal(lines.length, SETTINGS.length + 3);
});

test("Secret: shows itself in no way but reveal", async (t) => {
  const secret = new Secret("hunter2");
  t.equal(secret.reveal(), "hunter2");
  for (const text of [
    `${secret}`,
    JSON.stringify({ secret }),
    inspect({ secret }, { showHidden: true }),
  ]) {
    t.notMatch(text, /hunter2/);
    t.match(text, /hidden/);
  }
});
