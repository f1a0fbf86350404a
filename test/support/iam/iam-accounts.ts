/** Accounts of a test server that govern themselves by the IAM query API. */
import type { IdentityWorld } from "../identity-world.ts";
import { adminOf, codeOf } from "./admin.ts";
import { IamClient } from "./iam-query.ts";

export function iamClientOf(world: IdentityWorld, accessKeyId: string, secretAccessKey: string) {
  return new IamClient(world.server.endpoint, { accessKeyId, secretAccessKey });
}

/** Its root user is `NAME-root`. */
export async function newAccount(
  world: IdentityWorld,
  id: string,
  name: string,
): Promise<IamClient> {
  const fields = { id, canonicalId: id.slice(0, 1).repeat(64), name };
  const reply = await adminOf(world.server).put("add-account", {}, fields);
  if (codeOf(reply) !== "done") throw new Error(reply.text);
  await world.newUser(`${name}-root`, undefined, { account: id, accountRoot: true });
  return iamClientOf(world, `${name}-root`, `secret-of-${name}-root`);
}
