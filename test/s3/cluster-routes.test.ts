/** Each route of the cluster needs a permission of its own, and a node alone says that it is alone. */
import { test } from "tap";
import type { AdminCall } from "../../src/node/admin-client.ts";
import { adminOf, codeOf } from "../support/iam/admin.ts";
import { startServer } from "../support/server-process.ts";

const ROUTES: ReadonlyArray<readonly [action: string, method: "GET" | "POST", path: string]> = [
  ["admin:ClusterStatus", "GET", "cluster/status"],
  ["admin:ClusterHeal", "GET", "cluster/heal"],
  ["admin:ClusterPlan", "POST", "cluster/plan"],
  ["admin:ClusterApply", "POST", "cluster/apply"],
  ["admin:ClusterAbandon", "POST", "cluster/abandon"],
  ["admin:ClusterToken", "POST", "cluster/token"],
];

test("cluster routes: refused without their own permission, whatever else one may do", async (t) => {
  const server = await startServer({ drives: 1 });
  t.teardown(async () => {
    await server.stop();
    server.clean();
  });
  const root = adminOf(server);
  for (const [action] of ROUTES) {
    const name = action.replace("admin:", "");
    const Statement = [{ Effect: "Allow", Action: [action] }];
    const policy = { Version: "2012-10-17", Statement };
    t.equal(codeOf(await root.put("add-canned-policy", { name }, policy)), "done");
    const user = { secretKey: `secret-of-${name}`, policy: name };
    t.equal(codeOf(await root.sealed("PUT", "add-user", { accessKey: name }, user)), "done");
  }
  for (const [owned] of ROUTES) {
    const name = owned.replace("admin:", "");
    const user = adminOf(server, name, `secret-of-${name}`);
    for (const [action, method, path] of ROUTES) {
      const body = method === "GET" ? undefined : {};
      const call: AdminCall = { method, path, query: {}, body, sealed: false };
      const expected = action === owned ? "400 XRingfortNotACluster" : "403 AccessDenied";
      t.equal(codeOf(await user.call(call)), expected, `${name} and ${path}`);
    }
  }
  const wrong = adminOf(server, "ClusterStatus", "another secret");
  t.match(codeOf(await wrong.get("cluster/status")), /^403/);
  t.equal(codeOf(await root.get("cluster/apply")), "426 XMinioAdminVersionMismatch");
});
