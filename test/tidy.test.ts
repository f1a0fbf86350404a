/** The repository's own rules, run as an ordinary test over the files git knows. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";
import {
  importBreach,
  importsOf,
  packageBreach,
  textBreaches,
  unlistedLimits,
} from "./support/tidy-rules.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Files run as programs or loaded by path: imported by nothing. */
const ENTRIES =
  /^(src\/node\/main|config\/build-kernels|(?:src|cluster)\/[a-z]+\/[a-z-]+-worker)\.ts$/;
const FOLDERS = /^(src|cluster|config|test|native-bench)\//;
/** AssemblyScript, with rules of its own. */
const KERNELS = /^src\/codec\/kernels\//;
/** Quotes imports that are not meant. */
const QUOTING = "test/unit/support/tidy-rules.test.ts";

/** What git knows or would take; without git or a checkout, what lies in the folders. */
function listFiles(): string[] {
  const options = { cwd: root, encoding: "utf8" } as const;
  const git = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], options);
  const paths = git.status === 0 ? git.stdout.split("\n") : walkFiles(root);
  return paths.filter((path) => path !== "" && existsSync(join(root, path)));
}

/** The generated folders of .gitignore, and git's own. */
const NOT_SOURCES = new Set([".git", ".tap", "data", "dist", "node_modules"]);

function walkFiles(folder: string, prefix = ""): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (prefix === "" && NOT_SOURCES.has(entry.name)) return [];
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return walkFiles(join(folder, entry.name), `${path}/`);
    return /\.(?:log|tsbuildinfo)$/.test(path) ? [] : [path];
  });
}

const files = listFiles();
const sources = files.filter((path) => path.endsWith(".ts") && FOLDERS.test(path));
const textOf = new Map(sources.map((path) => [path, readFileSync(join(root, path), "utf8")]));

/** The repository path a relative specifier means, or undefined for a package. */
function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = normalize(join(dirname(from), specifier));
  const source = target.replace(/\.js$/, ".ts");
  return textOf.has(source) ? source : target;
}

test("tidy: imports go down the ladder and packages stay in their files", async (t) => {
  for (const [path, text] of textOf) {
    if (KERNELS.test(path) || path === QUOTING) continue;
    for (const specifier of importsOf(text)) {
      const target = resolveImport(path, specifier);
      if (target === undefined) {
        const name = specifier
          .split("/")
          .slice(0, specifier.startsWith("@") ? 2 : 1)
          .join("/");
        t.equal(packageBreach(path, name), undefined);
      } else if (textOf.has(target)) {
        t.equal(importBreach(path, target), undefined);
      } else if (target.endsWith(".ts")) {
        t.fail(`${path} imports ${specifier}, which does not exist`);
      }
    }
  }
});

test("tidy: every product file is imported by something or is a named entry", async (t) => {
  const imported = new Set<string>();
  for (const [path, text] of textOf) {
    for (const specifier of importsOf(text)) {
      const target = resolveImport(path, specifier);
      if (target !== undefined) imported.add(target);
    }
  }
  for (const path of textOf.keys()) {
    if (!/^(src|cluster|config)\//.test(path) || KERNELS.test(path) || ENTRIES.test(path)) continue;
    t.ok(imported.has(path), `${path} is imported by nothing`);
  }
});

test("tidy: the text of each file keeps the house rules", async (t) => {
  for (const [path, text] of textOf) {
    if (path.endsWith("tidy-rules.ts") || path.endsWith("tidy-rules.test.ts")) continue;
    t.strictSame(textBreaches(path, text), []);
  }
});

test("tidy: file names are kebab-case, documents have one title, nothing is huge", async (t) => {
  for (const path of files) {
    if (FOLDERS.test(path)) t.match(path, /^[a-z0-9./-]+?(?:\/README\.md)?$/);
    const limit = path === "package-lock.json" ? 2 * 1024 * 1024 : 256 * 1024;
    t.ok(statSync(join(root, path)).size <= limit, `${path} is larger than ${limit} bytes`);
    if (!path.endsWith(".md")) continue;
    const prose = readFileSync(join(root, path), "utf8").replace(/^```[\s\S]*?^```/gm, "");
    t.equal(prose.match(/^# /gm)?.length, 1, `${path} has exactly one title`);
  }
});

test("tidy: every exported limit has its row in docs/LIMITS.md", async (t) => {
  const limitsPage = readFileSync(join(root, "docs/LIMITS.md"), "utf8");
  for (const [path, text] of textOf) t.strictSame(unlistedLimits(path, text, limitsPage), []);
});
