/** The one table of IAM's actions: what each is allowed by, what it is about, and what it does. */
import { ACCOUNT_ACTIONS } from "./account-actions.ts";
import { ATTACHMENT_ACTIONS } from "./attachment-actions.ts";
import { GROUP_ACTIONS } from "./group-actions.ts";
import type { IamActions } from "./iam-call.ts";
import { INLINE_POLICY_ACTIONS } from "./inline-policy-actions.ts";
import { KEY_ACTIONS } from "./key-actions.ts";
import { MANAGED_POLICY_ACTIONS } from "./managed-policy-actions.ts";
import { USER_ACTIONS } from "./user-actions.ts";

export const IAM_ACTIONS: IamActions = {
  ...ACCOUNT_ACTIONS,
  ...ATTACHMENT_ACTIONS,
  ...GROUP_ACTIONS,
  ...INLINE_POLICY_ACTIONS,
  ...KEY_ACTIONS,
  ...MANAGED_POLICY_ACTIONS,
  ...USER_ACTIONS,
};

/** AWS's others: roles, providers, devices, passwords, tags and reports, of which there are none. */
export const OTHER_ACTIONS: ReadonlySet<string> = new Set(
  `
  AddClientIDToOpenIDConnectProvider AddRoleToInstanceProfile AttachRolePolicy ChangePassword
  CreateAccountAlias CreateInstanceProfile CreateLoginProfile CreateOpenIDConnectProvider CreateRole
  CreateSAMLProvider CreateServiceLinkedRole CreateServiceSpecificCredential
  CreateVirtualMFADevice DeactivateMFADevice DeleteAccountAlias DeleteAccountPasswordPolicy
  DeleteInstanceProfile DeleteLoginProfile DeleteOpenIDConnectProvider DeletePolicyVersion DeleteRole
  DeleteRolePermissionsBoundary DeleteRolePolicy DeleteSAMLProvider DeleteSSHPublicKey
  DeleteServerCertificate DeleteServiceSpecificCredential DeleteSigningCertificate
  DeleteUserPermissionsBoundary DeleteVirtualMFADevice DetachRolePolicy EnableMFADevice
  GenerateCredentialReport GetAccessKeyLastUsed GetAccountAuthorizationDetails
  GetAccountPasswordPolicy GetContextKeysForCustomPolicy GetCredentialReport GetInstanceProfile
  GetLoginProfile GetOpenIDConnectProvider GetRole GetRolePolicy GetSAMLProvider GetSSHPublicKey
  GetServerCertificate ListAccountAliases ListAttachedRolePolicies ListEntitiesForPolicy
  ListInstanceProfiles ListInstanceProfilesForRole ListMFADevices ListPolicyTags ListRolePolicies
  ListRoleTags ListSAMLProviders ListSSHPublicKeys ListServerCertificates
  ListServiceSpecificCredentials ListSigningCertificates ListUserTags ListVirtualMFADevices
  PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary
  RemoveClientIDFromOpenIDConnectProvider RemoveRoleFromInstanceProfile SetDefaultPolicyVersion
  SimulateCustomPolicy SimulatePrincipalPolicy TagPolicy TagRole TagUser UntagPolicy UntagRole
  UntagUser UpdateAccountPasswordPolicy UpdateAssumeRolePolicy UpdateLoginProfile
  UpdateOpenIDConnectProviderThumbprint UpdateRole UpdateRoleDescription UpdateSAMLProvider`
    .trim()
    .split(/\s+/),
);
