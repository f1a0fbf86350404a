/**
 * Rights on the server as a whole (`admin:*`, `kms:*`) are the operator's to give. Whoever governs an
 * account could otherwise take them: by attaching a policy that has them, by joining a group that has
 * them, by making a key for a user who has them.
 */
import { parsePolicy } from "../../iam/policy/parse-policy.ts";
import { PolicyError } from "../../iam/policy/policy-error.ts";
import { grantsServerRights } from "../../iam/policy/server-rights.ts";
import type { Directory } from "../../iam/store/directory.ts";
import type { Group, User } from "../../iam/store/identities.ts";
import type { IamCall } from "./iam-call.ts";
import { IamQueryError } from "./iam-query-error.ts";

export function refuseServerRights({ caller, identities }: IamCall, records: readonly string[]) {
  if (caller.operator || !records.some((name) => policyRunsServer(identities.directory, name))) {
    return;
  }
  const message = "Rights to administer the server are given by its operator only.";
  throw new IamQueryError("AccessDenied", message);
}

/** A key of somebody who has such rights, for somebody else. */
export function refuseServerUser(call: IamCall, user: User): void {
  const { directory } = call.identities;
  const groups: Group[] = [...directory.groupsOf(user.name)];
  refuseServerRights(
    call,
    [user, ...groups].flatMap(({ policies }) => policies),
  );
  if (call.caller.operator || user.inlinePolicy === undefined) return;
  if (!textRunsServer(user.inlinePolicy)) return;
  const message = "This user administers the server: its keys are made by the operator only.";
  throw new IamQueryError("AccessDenied", message);
}

function policyRunsServer(directory: Directory, record: string): boolean {
  // Those of accounts never do, whatever is written in them.
  if (directory.policies.get(record)?.account !== undefined) return false;
  const text = directory.policyText(record);
  return text !== undefined && textRunsServer(text);
}

function textRunsServer(text: string): boolean {
  try {
    return grantsServerRights(parsePolicy(text, { kind: "identity" }));
  } catch (error) {
    if (error instanceof PolicyError) return false;
    throw error;
  }
}
