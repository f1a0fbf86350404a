import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "tap";
import { checkAlone } from "../../../../src/node/cluster/node-place.ts";

test("checkAlone: a node of a cluster that has lost everything does not begin as a new store", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "ringfort-place-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const drives = ["one", "two", "not-there"].map((name) => join(folder, name));
  for (const path of drives.slice(0, 2)) mkdirSync(path);
  const alone = { drives, zone: undefined, peerAdvertise: undefined };
  const peerAdvertise = { host: "node1", port: 19_000 };
  await t.resolves(checkAlone(alone), "nothing says that it is one");
  await t.rejects(checkAlone({ ...alone, zone: "rack-1" }), {
    message: /all drives are empty, and zone says .* start it with --join and a token/,
  });
  await t.rejects(checkAlone({ ...alone, peerAdvertise }), { message: /leave peer-advertise out/ });
  writeFileSync(join(folder, "two", "somebody's"), "data");
  await t.resolves(checkAlone({ ...alone, zone: "rack-1" }), "what is there is judged elsewhere");
});
