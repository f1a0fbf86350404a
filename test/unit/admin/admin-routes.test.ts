import { test } from "tap";
import { ADMIN_ROUTES, KMS_ROUTES } from "../../../src/admin/admin-routes.ts";
import { scopeOfAction } from "../../../src/iam/policy/actions.ts";

test("ADMIN_ROUTES: every route has a permission that policies know, or says why it asks itself", async (t) => {
  const asking: string[] = [];
  for (const [name, { permission }] of ADMIN_ROUTES) {
    if ("action" in permission) t.equal(scopeOfAction(permission.action), "service", name);
    else {
      asking.push(name);
      t.ok(permission.handler.length > 10, name);
    }
  }
  t.strictSame(asking.sort(), [
    "add-service-account",
    "delete-service-account",
    "idp/builtin/policy-entities",
    "info-access-key",
    "info-service-account",
    "list-access-keys-bulk",
    "list-service-accounts",
    "set-group-status",
    "set-user-status",
    "update-group-members",
    "update-service-account",
  ]);
});

test("KMS_ROUTES: each asks itself, about the key that is meant", async (t) => {
  for (const [name, { permission }] of KMS_ROUTES) {
    t.ok("handler" in permission && permission.handler.length > 10, name);
  }
  t.strictSame([...KMS_ROUTES.keys()].sort(), ["key/create", "key/list", "key/status", "status"]);
});
