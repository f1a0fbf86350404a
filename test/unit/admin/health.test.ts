/** MinIO's health endpoints. */
import { test } from "tap";
import { answerHealth, type HealthState, isHealthPath } from "../../../src/admin/health.ts";

const DRIVE = { online: true, healing: false, local: true };
const STATE: HealthState = {
  phase: "ready",
  busy: false,
  drives: [DRIVE, DRIVE, DRIVE, DRIVE],
  writeQuorum: 3,
  readQuorum: 2,
  parityStandard: 2,
  parityRrs: 1,
};

function ask(path: string, state: Partial<HealthState> = {}, method = "GET") {
  const [bare = "", query = ""] = path.split("?");
  return answerHealth({ method, path: `/minio/health/${bare}`, query }, { ...STATE, ...state });
}

function drives(offline: number, healing = 0): HealthState["drives"] {
  return [0, 1, 2, 3].map((index) => ({
    online: index >= offline,
    healing: index >= offline && index < offline + healing,
    local: true,
  }));
}

test("answerHealth: live is 200 while the process can take a request", async (t) => {
  t.strictSame(ask("live"), { status: 200, headers: {} });
  t.match(ask("live", { phase: "starting" }), {
    status: 200,
    headers: { "x-minio-server-status": "offline" },
  });
  t.match(ask("live", { drives: drives(4) }), { status: 200 });
  t.match(ask("live", { busy: true }), { status: 503, headers: { "retry-after": "1" } });
});

test("answerHealth: ready is 200 only when requests should come", async (t) => {
  t.strictSame(ask("ready"), { status: 200, headers: {} });
  for (const phase of ["starting", "loading-buckets", "loading-iam", "stopping"] as const) {
    t.match(ask("ready", { phase }), {
      status: 503,
      headers: { "x-minio-server-status": "offline" },
    });
  }
  t.equal(ask("ready", { busy: true })?.status, 503);
});

test("answerHealth: cluster needs the write quorum and names it", async (t) => {
  t.strictSame(ask("cluster"), {
    status: 200,
    headers: {
      "x-minio-write-quorum": "3",
      "x-minio-storage-class-defaults": "STANDARD=EC:2,REDUCED_REDUNDANCY=EC:1",
    },
  });
  t.equal(ask("cluster", { drives: drives(1) })?.status, 200);
  t.equal(ask("cluster", { drives: drives(2) })?.status, 503);
  t.match(ask("cluster", { drives: drives(0, 2) }), {
    status: 200,
    headers: { "x-minio-healing-drives": "2" },
  });
});

test("answerHealth: cluster/read needs the read quorum of whole drives", async (t) => {
  t.strictSame(ask("cluster/read"), { status: 200, headers: { "x-minio-read-quorum": "2" } });
  t.equal(ask("cluster/read", { drives: drives(2) })?.status, 200);
  t.equal(ask("cluster/read", { drives: drives(3) })?.status, 503);
  t.equal(ask("cluster/read", { drives: drives(2, 1) })?.status, 503);
});

test("answerHealth: maintenance asks whether the others manage without this node", async (t) => {
  t.equal(ask("cluster?maintenance=true")?.status, 412);
  t.equal(ask("cluster/read?maintenance=true")?.status, 412);
  t.equal(ask("cluster?maintenance=false")?.status, 200);
  const spread = STATE.drives.map((drive, index) => ({ ...drive, local: index === 0 }));
  t.equal(ask("cluster?maintenance=true", { drives: spread })?.status, 200);
  t.equal(ask("cluster?maintenance=true", { drives: drives(2) })?.status, 503);
});

test("answerHealth: cluster says what is missing while starting", async (t) => {
  const expected = {
    starting: "offline",
    "loading-buckets": "bucket-metadata-offline",
    "loading-iam": "iam-offline",
    stopping: "offline",
  } as const;
  for (const phase of ["starting", "loading-buckets", "loading-iam", "stopping"] as const) {
    for (const path of ["cluster", "cluster/read", "cluster?maintenance=true"]) {
      t.strictSame(ask(path, { phase }), {
        status: 503,
        headers: { "x-minio-server-status": expected[phase] },
      });
    }
  }
});

test("answerHealth: GET and HEAD only, known paths only", async (t) => {
  t.strictSame(ask("live", {}, "HEAD"), { status: 200, headers: {} });
  t.strictSame(ask("live", {}, "POST"), { status: 405, headers: { allow: "GET, HEAD" } });
  t.equal(ask("live/")?.status, 200);
  for (const path of ["", "alive", "cluster/write", "live/x"]) t.equal(ask(path), undefined, path);
  t.equal(ask("nothing", {}, "POST"), undefined);
  t.ok(isHealthPath("/minio/health/live"));
  t.notOk(isHealthPath("/minio/healthy"));
});
