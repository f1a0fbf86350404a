/** What accounts say of their users, groups and policies, as an archive holds it beside MinIO's files. */
import type { GroupDetails, PolicyDetails, UserDetails } from "../../iam/store/changes.ts";
import { checkPolicyText } from "../../iam/store/changes.ts";
import { type InlinePolicy, inlinePoliciesField } from "../../iam/store/identities.ts";
import { optionalTime } from "../../iam/store/record-fields.ts";
import { badRequest } from "../admin-error.ts";
import { type Fields, optionalText } from "../admin-input.ts";

export function userDetails(own: Fields): UserDetails {
  return { userName: optionalText(own, "userName"), ...commonDetails(own) };
}

export function groupDetails(own: Fields): GroupDetails {
  return {
    account: optionalText(own, "account"),
    groupName: optionalText(own, "groupName"),
    ...commonDetails(own),
  };
}

export function policyDetails(own: Fields): PolicyDetails {
  return {
    account: optionalText(own, "account"),
    policyName: optionalText(own, "policyName"),
    path: optionalText(own, "path"),
    description: optionalText(own, "description"),
    version: numberOf(own, "version"),
  };
}

function commonDetails(own: Fields) {
  return {
    path: optionalText(own, "path"),
    inlinePolicies: inlinePolicies(own),
    createdMs: numberOf(own, "createdMs"),
  };
}

function inlinePolicies(own: Fields): readonly InlinePolicy[] | undefined {
  let policies: readonly InlinePolicy[] | undefined;
  try {
    policies = inlinePoliciesField(own);
  } catch {
    throw badRequest("inlinePolicies must be a list of names and texts");
  }
  for (const { text } of policies ?? []) checkPolicyText(text);
  return policies;
}

function numberOf(own: Fields, name: string): number | undefined {
  try {
    return optionalTime(own, name);
  } catch {
    throw badRequest(`${name} must be a number`);
  }
}
