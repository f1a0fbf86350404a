import { test } from "tap";
import {
  importBreach,
  importsOf,
  packageBreach,
  textBreaches,
  unlistedLimits,
} from "../../support/tidy-rules.ts";

test("tidy rules: finds imports of every form", async (t) => {
  const text = [
    'import { a } from "./a.ts";',
    'import type { B } from "../b.ts";',
    'import "node:fs";',
    'const c = await import("./c.ts");',
    'new URL("./d-worker.js", import.meta.url);',
  ].join("\n");
  t.strictSame(importsOf(text), ["./a.ts", "../b.ts", "node:fs", "./c.ts", "./d-worker.js"]);
});

test("tidy rules: an upward, sideways or configuration import is a breach", async (t) => {
  t.equal(importBreach("src/s3/a.ts", "src/object/b.ts"), undefined);
  t.equal(importBreach("src/object/a.ts", "cluster/register/b.ts"), undefined);
  t.match(importBreach("src/object/a.ts", "src/s3/b.ts"), /imports go down only/);
  t.match(importBreach("src/store/a.ts", "cluster/b.ts"), /imports go down only/);
  t.match(importBreach("src/s3/a.ts", "config/schema.ts"), /only src\/node reads configuration/);
  t.match(importBreach("config/a.ts", "src/node/b.ts"), /may not import/);
  t.match(importBreach("src/node/a.ts", "test/b.ts"), /imports go down only|may not import/);
});

test("tidy rules: a pinned package is refused elsewhere", async (t) => {
  t.equal(packageBreach("src/store/index.ts", "lmdb"), undefined);
  t.match(packageBreach("src/s3/a.ts", "lmdb"), /may not import lmdb/);
  t.match(packageBreach("src/http/other.ts", "uWebSockets.js"), /may not import/);
  t.equal(packageBreach("cluster/peers/a.ts", "@libp2p/noise"), undefined);
  t.match(packageBreach("cluster/register/a.ts", "@libp2p/noise"), /may not import/);
});

test("tidy rules: planted faults in a text are found", async (t) => {
  t.match(textBreaches("src/base/a.ts", "const a = 1;\n"), [/header comment/]);
  t.match(textBreaches("src/base/a.ts", "/** a */\n// FIXME later\n"), [/leftover marker/]);
  t.match(textBreaches("src/base/a.ts", "/** a */\nMath.random();\n"), [/Random/]);
  t.match(textBreaches("test/a.ts", "// biome-ignore lint/x/y\n"), [/reason/]);
  t.strictSame(textBreaches("test/a.ts", "// biome-ignore lint/x/y: because\n"), []);
});

test("tidy rules: a limit without its row is found", async (t) => {
  const text = "export const A_MAX = 1;\nexport const B_MIN: number = 2;\nconst OWN_MAX = 3;\n";
  const page =
    "| `A_MAX`: things (`src/s3/a.ts`) | 1 |\n`B_MIN` of `a.ts`\n| `B_MIN` (`other-a.ts`) | 2 |\n";
  t.match(unlistedLimits("src/s3/a.ts", text, page), [/^src\/s3\/a\.ts: .*`B_MIN` and `a\.ts`$/]);
  t.strictSame(unlistedLimits("src/s3/a.ts", text, page.replace("other-", "")), []);
  t.strictSame(unlistedLimits("config/a.ts", text, ""), []);
  t.equal(unlistedLimits("cluster/a.ts", text, "").length, 2);
});
