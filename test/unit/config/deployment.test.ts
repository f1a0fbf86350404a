/** The deployment assets agree with the repository and with each other. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "tap";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..");

function read(path: string): string {
  return readFileSync(`${root}/${path}`, "utf8");
}

test("Dockerfile: copies what exists and what .dockerignore lets through", async (t) => {
  const allowed = read(".dockerignore").match(/(?<=^!)\S+/gm) ?? [];
  const copies = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.+) \S+$/gm)];
  t.ok(copies.length >= 5);
  for (const source of copies.flatMap(([, sources = ""]) => sources.split(" "))) {
    t.ok(existsSync(`${root}/${source}`), `${source} exists`);
    t.ok(
      allowed.some((path) => source === path || source.startsWith(`${path}/`)),
      source,
    );
  }
});

test("Dockerfile: unprivileged, both ports, a volume, a health check without curl", async (t) => {
  const text = read("Dockerfile");
  for (const line of [/^USER node$/m, /^EXPOSE 9000 9001 19000$/m, /^VOLUME \/data$/m])
    t.match(text, line);
  t.match(text, /^HEALTHCHECK .*\\\n {2}CMD \["node", ".*start\.cjs", "health"\]$/m);
  t.match(text, /^ENTRYPOINT \["\/usr\/bin\/docker-entrypoint\.sh"\]$/m);
  t.match(text, /^ARG NODE_IMAGE=node:\d+-trixie-slim$/m, "glibc 2.38 or newer");
});

test("docker-entrypoint.sh: is executable and passes all words on", async (t) => {
  const path = "config/container/docker-entrypoint.sh";
  accessSync(`${root}/${path}`, constants.X_OK);
  t.match(read(path), /^#!\/bin\/sh\n/);
  t.match(read(path), /^exec node \/opt\/ringfort\/dist\/src\/node\/start\.cjs "\$@"$/m);
});

test("ringfort.service: starts the server unprivileged and does not retry wrong settings", async (t) => {
  const text = read("config/systemd/ringfort.service");
  t.match(text, /^ExecStart=\/usr\/local\/bin\/ringfort server$/m);
  t.match(text, /^User=ringfort$/m);
  t.match(text, /^RestartPreventExitStatus=2 3$/m);
  const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]);
  t.ok(stop >= 25 + 10, "longer than the default grace and the closing");
});
