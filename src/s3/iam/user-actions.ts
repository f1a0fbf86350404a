/** IAM's actions about users. */

import { addAccountUser, removeBareUser, renameUser } from "../../iam/store/account-changes.ts";
import { findUser, userArn, userNameOf, usersOf } from "../../iam/store/account-members.ts";
import type { User } from "../../iam/store/identities.ts";
import type { XmlWriter } from "../xml.ts";
import { madeBy } from "./changing.ts";
import {
  accountArn,
  holderResource,
  type IamActions,
  type IamCall,
  type IamResult,
  iamTime,
  namedUser,
  ownHolder,
  userResource,
} from "./iam-call.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";

export const USER_ACTIONS: IamActions = {
  CreateUser: {
    permission: "iam:CreateUser",
    kind: "write",
    parameters: ["UserName", "Path"],
    resources: (call) => [newUserArn(call, call.parameters.path("Path") ?? "/", "UserName")],
    run: createUser,
  },
  GetUser: {
    permission: "iam:GetUser",
    kind: "read",
    parameters: ["UserName"],
    resources: holderResource,
    run: getUser,
  },
  UpdateUser: {
    permission: "iam:UpdateUser",
    kind: "write",
    parameters: ["UserName", "NewUserName", "NewPath"],
    resources: updatedUserArns,
    run: updateUser,
  },
  DeleteUser: {
    permission: "iam:DeleteUser",
    kind: "write",
    parameters: ["UserName"],
    resources: userResource,
    run: deleteUser,
  },
  ListUsers: {
    permission: "iam:ListUsers",
    kind: "read",
    parameters: ["PathPrefix", ...PAGING_PARAMETERS],
    resources: (call) => [accountArn(call, `user${call.parameters.pathPrefix}`)],
    run: listUsers,
  },
};

function newUserArn(call: IamCall, path: string, parameter: "UserName" | "NewUserName"): string {
  return accountArn(call, `user${path}${call.parameters.name(parameter)}`);
}

/** As it is and as it is going to be. */
function updatedUserArns(call: IamCall): string[] {
  const { parameters, identities, caller } = call;
  const known = findUser(identities.directory, caller.accountId, parameters.name("UserName"));
  const path = parameters.path("NewPath") ?? known?.path ?? "/";
  const renamed = parameters.has("NewUserName") ? "NewUserName" : "UserName";
  return [...userResource(call), newUserArn(call, path, renamed)];
}

async function createUser(call: IamCall): Promise<IamResult> {
  const { parameters, caller, identities } = call;
  const account = caller.accountId;
  const name = parameters.name("UserName");
  const path = parameters.path("Path") ?? "/";
  const user = await madeBy(identities, (tools) => addAccountUser({ account, name, path }, tools));
  return (xml) => xml.group("User", (group) => renderUser(group, user));
}

async function getUser(call: IamCall): Promise<IamResult> {
  const named = call.parameters.has("UserName") ? namedUser(call) : ownHolder(call).user;
  if (named === undefined || named.accountRoot) {
    return (xml) => xml.group("User", (group) => renderRoot(group, call, named));
  }
  return (xml) => xml.group("User", (group) => renderUser(group, named));
}

async function updateUser(call: IamCall): Promise<IamResult> {
  const { parameters, identities } = call;
  const user = namedUser(call);
  const name = parameters.has("NewUserName") ? parameters.name("NewUserName") : undefined;
  await identities.change(renameUser(user.name, { name, path: parameters.path("NewPath") }));
  return undefined;
}

async function deleteUser(call: IamCall): Promise<IamResult> {
  await call.identities.change(removeBareUser(namedUser(call).name));
  return undefined;
}

async function listUsers({ parameters, caller, identities }: IamCall): Promise<IamResult> {
  const { pathPrefix } = parameters;
  return renderPage(parameters, {
    element: "Users",
    items: usersOf(identities.directory, caller.accountId).filter(({ path = "/" }) =>
      path.startsWith(pathPrefix),
    ),
    nameOf: userNameOf,
    render: (xml, user) => xml.group("member", (member) => renderUser(member, user)),
  });
}

export function renderUser(xml: XmlWriter, user: User): void {
  xml.element("Path", user.path ?? "/");
  xml.element("UserName", userNameOf(user));
  xml.element("UserId", user.userId);
  xml.element("Arn", userArn(user));
  xml.element("CreateDate", iamTime(user.createdMs ?? user.updatedMs));
}

/** The account itself, as AWS shows it to its root. */
function renderRoot(xml: XmlWriter, { caller }: IamCall, user: User | undefined): void {
  xml.element("UserId", caller.accountId);
  xml.element("Arn", caller.arns[0] ?? "");
  xml.element("CreateDate", iamTime(user?.createdMs ?? user?.updatedMs ?? 0));
}
