/** IAM's actions about groups and who is in them. */
import { createHash } from "node:crypto";
import {
  addAccountGroup,
  removeBareGroup,
  renameGroup,
  setMembership,
} from "../../iam/store/account-changes.ts";
import {
  findGroup,
  groupArn,
  groupNameOf,
  groupsIn,
  userNameOf,
} from "../../iam/store/account-members.ts";
import type { Group } from "../../iam/store/identities.ts";
import type { XmlWriter } from "../xml.ts";
import { madeBy } from "./changing.ts";
import {
  accountArn,
  groupResource,
  type IamActions,
  type IamCall,
  type IamResult,
  iamTime,
  namedGroup,
  namedUser,
  noSuch,
  userResource,
} from "./iam-call.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";
import { refuseServerRights } from "./server-rights.ts";
import { renderUser } from "./user-actions.ts";

export const GROUP_ACTIONS: IamActions = {
  CreateGroup: {
    permission: "iam:CreateGroup",
    kind: "write",
    parameters: ["GroupName", "Path"],
    resources: (call) => {
      const path = call.parameters.path("Path") ?? "/";
      return [accountArn(call, `group${path}${call.parameters.name("GroupName")}`)];
    },
    run: createGroup,
  },
  GetGroup: {
    permission: "iam:GetGroup",
    kind: "read",
    parameters: ["GroupName", ...PAGING_PARAMETERS],
    resources: groupResource,
    run: getGroup,
  },
  UpdateGroup: {
    permission: "iam:UpdateGroup",
    kind: "write",
    parameters: ["GroupName", "NewGroupName", "NewPath"],
    resources: updatedGroupArns,
    run: updateGroup,
  },
  DeleteGroup: {
    permission: "iam:DeleteGroup",
    kind: "write",
    parameters: ["GroupName"],
    resources: groupResource,
    run: deleteGroup,
  },
  ListGroups: {
    permission: "iam:ListGroups",
    kind: "read",
    parameters: ["PathPrefix", ...PAGING_PARAMETERS],
    resources: (call) => [accountArn(call, `group${call.parameters.pathPrefix}`)],
    run: listGroups,
  },
  AddUserToGroup: {
    permission: "iam:AddUserToGroup",
    kind: "write",
    parameters: ["GroupName", "UserName"],
    resources: groupResource,
    run: (call) => changeMembership(call, true),
  },
  RemoveUserFromGroup: {
    permission: "iam:RemoveUserFromGroup",
    kind: "write",
    parameters: ["GroupName", "UserName"],
    resources: groupResource,
    run: (call) => changeMembership(call, false),
  },
  ListGroupsForUser: {
    permission: "iam:ListGroupsForUser",
    kind: "read",
    parameters: ["UserName", ...PAGING_PARAMETERS],
    resources: userResource,
    run: listGroupsForUser,
  },
};

/** As it is and as it is going to be. */
function updatedGroupArns(call: IamCall): string[] {
  const { parameters, identities, caller } = call;
  const name = parameters.name("GroupName");
  const known = findGroup(identities.directory, caller.accountId, name);
  const path = parameters.path("NewPath") ?? known?.path ?? "/";
  const renamed = parameters.has("NewGroupName") ? parameters.name("NewGroupName") : name;
  return [...groupResource(call), accountArn(call, `group${path}${renamed}`)];
}

async function createGroup(call: IamCall): Promise<IamResult> {
  const { parameters, caller, identities } = call;
  const account = caller.accountId;
  const name = parameters.name("GroupName");
  const path = parameters.path("Path") ?? "/";
  const group = await madeBy(identities, (tools) =>
    addAccountGroup({ account, name, path }, tools),
  );
  return (xml) => xml.group("Group", (element) => renderGroup(element, group));
}

/** With those of its members that the account has. */
async function getGroup(call: IamCall): Promise<IamResult> {
  const { parameters, identities, caller } = call;
  const group = namedGroup(call);
  const members = group.members.flatMap((name) => {
    const user = identities.directory.users.get(name);
    return user?.account === caller.accountId && !user.accountRoot ? [user] : [];
  });
  return (xml) => {
    xml.group("Group", (element) => renderGroup(element, group));
    renderPage(parameters, {
      element: "Users",
      items: members,
      nameOf: userNameOf,
      render: (list, user) => list.group("member", (member) => renderUser(member, user)),
    })(xml);
  };
}

async function updateGroup(call: IamCall): Promise<IamResult> {
  const { parameters, identities, caller } = call;
  const group = namedGroup(call);
  const name = parameters.has("NewGroupName") ? parameters.name("NewGroupName") : undefined;
  const renaming = { name, path: parameters.path("NewPath") };
  await identities.change(renameGroup(group.name, caller.accountId, renaming));
  return undefined;
}

async function deleteGroup(call: IamCall): Promise<IamResult> {
  await call.identities.change(removeBareGroup(namedGroup(call).name));
  return undefined;
}

async function listGroups(call: IamCall): Promise<IamResult> {
  const { pathPrefix } = call.parameters;
  const groups = groupsIn(call.identities.directory, call.caller.accountId);
  return renderGroups(
    call,
    groups.filter(({ path = "/" }) => path.startsWith(pathPrefix)),
  );
}

async function listGroupsForUser(call: IamCall): Promise<IamResult> {
  const { identities, caller } = call;
  const user = namedUser(call);
  const own = groupsIn(identities.directory, caller.accountId);
  return renderGroups(
    call,
    own.filter(({ members }) => members.includes(user.name)),
  );
}

async function changeMembership(call: IamCall, member: boolean): Promise<IamResult> {
  const group = namedGroup(call);
  const user = namedUser(call);
  if (member) refuseServerRights(call, group.policies);
  else if (!group.members.includes(user.name)) throw noSuch("member", userNameOf(user));
  await call.identities.change(setMembership({ group: group.name, user: user.name, member }));
  return undefined;
}

function renderGroups({ parameters }: IamCall, groups: readonly Group[]): IamResult {
  return renderPage(parameters, {
    element: "Groups",
    items: groups,
    nameOf: groupNameOf,
    render: (xml, group) => xml.group("member", (member) => renderGroup(member, group)),
  });
}

function renderGroup(xml: XmlWriter, group: Group): void {
  xml.element("Path", group.path ?? "/");
  xml.element("GroupName", groupNameOf(group));
  xml.element("GroupId", groupIdOf(group));
  xml.element("Arn", groupArn(group));
  xml.element("CreateDate", iamTime(group.createdMs ?? group.updatedMs));
}

/** The name of its record, where that was made to be one. */
function groupIdOf({ name, account }: Group): string {
  if (account !== undefined) return name;
  const digest = createHash("sha256").update(`group ${name}`).digest("hex");
  return `AGPA${digest.slice(0, 16).toUpperCase()}`;
}
