/** One request for an action of IAM, and what every action asks of it. */

import type { Random } from "../../base/random.ts";
import type { SignedCaller } from "../../iam/access/caller.ts";
import {
  findGroup,
  findUser,
  groupArn,
  userArn,
  userNameOf,
} from "../../iam/store/account-members.ts";
import type { Directory } from "../../iam/store/directory.ts";
import type { Group, User } from "../../iam/store/identities.ts";
import type { ChangeTools, RecordWrite } from "../../iam/store/identity-store.ts";
import { formatIsoDate } from "../dates.ts";
import type { XmlWriter } from "../xml.ts";
import type { FormParameters } from "./form-parameters.ts";
import { IamQueryError } from "./iam-query-error.ts";

/** The identities, as far as accounts reach. */
export interface AccountIdentities {
  /** As it is now. */
  readonly directory: Directory;
  change(change: (tools: ChangeTools) => readonly RecordWrite[]): Promise<void>;
}

export interface IamCall {
  readonly caller: SignedCaller;
  readonly accessKey: string;
  readonly parameters: FormParameters;
  readonly identities: AccountIdentities;
  readonly random: Random;
}

/** The content of the result; undefined where an answer has none. */
export type IamResult = ((xml: XmlWriter) => void) | undefined;

export interface IamAction {
  /** That policies allow: `iam:CreateUser`. */
  readonly permission: string;
  readonly kind: "read" | "write";
  /** Beside Action and Version. */
  readonly parameters: readonly string[];
  /** ARNs of what it is about: each must be allowed. Also of what is not there. */
  readonly resources: (call: IamCall) => readonly string[];
  readonly run: (call: IamCall) => Promise<IamResult>;
}

export type IamActions = Readonly<Record<string, IamAction>>;

/** `arn:aws:iam::000000000000:user/` and so on. */
export function accountArn({ caller }: IamCall, rest: string): string {
  return `arn:aws:iam::${caller.accountId}:${rest}`;
}

/** Somebody who has access keys: a user, or the operator, who has no record. */
export interface KeyHolder {
  readonly user: User | undefined;
  readonly name: string;
}

/** Whom the caller acts for. */
export function ownHolder({ accessKey, caller, identities }: IamCall): KeyHolder {
  if (caller.operator) return { user: undefined, name: caller.userName };
  const { users, keys } = identities.directory;
  const parent = keys.get(accessKey)?.parent ?? accessKey;
  const user =
    users.get(parent) ?? [...users.values()].find(({ userId }) => userId === caller.userId);
  if (user === undefined) throw noSuch("user", caller.userName);
  return { user, name: userNameOf(user) };
}

/** Who is named, or who asks. */
export function holderOf(call: IamCall): KeyHolder {
  if (!call.parameters.has("UserName")) return ownHolder(call);
  const user = namedUser(call);
  return { user, name: userNameOf(user) };
}

/** Throws NoSuchEntity. */
export function namedUser(call: IamCall): User {
  const name = call.parameters.name("UserName");
  const user = findUser(call.identities.directory, call.caller.accountId, name);
  if (user === undefined) throw noSuch("user", name);
  return user;
}

export function namedGroup(call: IamCall): Group {
  const name = call.parameters.name("GroupName");
  const group = findGroup(call.identities.directory, call.caller.accountId, name);
  if (group === undefined) throw noSuch("group", name);
  return group;
}

/** Of the user that is named, whether there is one or not. */
export function userResource(call: IamCall): string[] {
  const name = call.parameters.name("UserName");
  const user = findUser(call.identities.directory, call.caller.accountId, name);
  return [user === undefined ? accountArn(call, `user/${name}`) : userArn(user)];
}

export function groupResource(call: IamCall): string[] {
  const name = call.parameters.name("GroupName");
  const group = findGroup(call.identities.directory, call.caller.accountId, name);
  return [group === undefined ? accountArn(call, `group/${name}`) : groupArn(group)];
}

/** Of the user that is named, or of the caller. */
export function holderResource(call: IamCall): string[] {
  return call.parameters.has("UserName") ? userResource(call) : [...call.caller.arns.slice(0, 1)];
}

export function noSuch(kind: string, name: string): IamQueryError {
  return new IamQueryError("NoSuchEntity", `There is no ${kind} with the name ${name}.`);
}

/** To the second, as AWS. */
export function iamTime(timeMs: number): string {
  return `${formatIsoDate(timeMs).slice(0, 19)}Z`;
}
