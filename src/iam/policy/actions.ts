/**
 * The actions that policies may name, and what each is about. Beside AWS's there are MinIO's own
 * (`s3:ForceDeleteBucket`, `admin:*` …), because policies that people bring along name them.
 */

import { NO_VALUES } from "./condition-values.ts";
import { PolicyError } from "./policy-error.ts";
import { Template } from "./template.ts";

/** What a resource must be for the action to apply to it. */
export type ActionScope = "service" | "bucket" | "object";

const OBJECT_ACTIONS = `
  AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging
  DeleteObjectVersion DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes
  GetObjectLegalHold GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
  GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication
  GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication ListMultipartUploadParts
  ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectFanOut PutObjectLegalHold
  PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging RenameObject
  ReplicateDelete ReplicateObject ReplicateTags RestoreObject UpdateObjectEncryption`;

const BUCKET_ACTIONS = `
  CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketCors
  DeleteBucketMetadataTableConfiguration DeleteBucketOwnershipControls DeleteBucketPolicy
  DeleteBucketPublicAccessBlock DeleteBucketTagging DeleteBucketWebsite ForceDeleteBucket
  GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS
  GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration GetBucketNotification
  GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
  GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging
  GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration
  GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration
  GetMetricsConfiguration GetReplicationConfiguration HeadBucket ListBucket
  ListBucketMultipartUploads ListBucketVersions ListenBucketNotification
  PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS
  PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration
  PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment
  PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
  PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
  PutMetricsConfiguration PutReplicationConfiguration ResetBucketReplicationState
  UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration
  CreateSession`;

const SERVICE_ACTIONS = `
  GetAccountPublicAccessBlock ListAllMyBuckets ListenNotification PutAccountPublicAccessBlock`;

const ADMIN_ACTIONS = `
  AddUserToGroup AttachUserOrGroupPolicy BandwidthMonitor CancelBatchJob ClusterAbandon
  ClusterApply ClusterHeal ClusterInfo ClusterPlan ClusterStatus ClusterToken ConfigUpdate
  ConsoleLog CreatePolicy CreateServiceAccount CreateUser DataUsageInfo Decommission DeletePolicy
  DeleteUser DescribeBatchJob DisableGroup DisableUser DriveInfo EnableGroup EnableUser
  ExportBucketMetadata ExportIAM ForceUnlock GenerateBatchJob GetBucketQuota GetBucketTarget
  GetGroup GetPolicy GetUser Heal ImportBucketMetadata ImportIAM InspectData KMSCreateKey
  KMSKeyStatus LicenseInfo ListBatchJobs ListGroups ListServiceAccounts ListTemporaryAccounts
  ListTier ListUserPolicies ListUsers OBDInfo PoolInfo PoolList Profiling Prometheus Rebalance
  RemoveServiceAccount RemoveUserFromGroup ReplicationDiff ServerInfo ServerTrace ServerUpdate
  ServiceFreeze ServiceRestart ServiceStop SetBucketQuota SetBucketTarget SetInfo SetTier
  SiteReplicationAdd SiteReplicationDisable SiteReplicationInfo SiteReplicationOperation
  SiteReplicationRemove SiteReplicationResync StartBatchJob StorageInfo TopLocksInfo
  UpdatePolicyAssociation UpdateServiceAccount`;

const KMS_ACTIONS = `
  API AssignPolicy AuditLog CreateKey DeleteIdentity DeleteKey DeletePolicy DescribeIdentity
  DescribePolicy DescribeSelfIdentity ErrorLog GetPolicy ImportKey KeyStatus ListIdentities ListKeys
  ListPolicies Metrics SetPolicy Status Version`;

const STS_ACTIONS = `
  AssumeRole AssumeRoleWithCertificate AssumeRoleWithClientGrants AssumeRoleWithCustomToken
  AssumeRoleWithLDAPIdentity AssumeRoleWithWebIdentity GetCallerIdentity`;

/** Those that are answered here, and AWS's others, so that policies written for AWS can be read. */
const IAM_ACTIONS = `
  AddUserToGroup AttachGroupPolicy AttachRolePolicy AttachUserPolicy ChangePassword CreateAccessKey
  CreateAccountAlias CreateGroup CreateInstanceProfile CreateLoginProfile
  CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole CreateSAMLProvider
  CreateServiceLinkedRole CreateUser DeactivateMFADevice DeleteAccessKey DeleteAccountAlias
  DeleteGroup DeleteGroupPolicy DeleteLoginProfile DeleteOpenIDConnectProvider DeletePolicy
  DeletePolicyVersion DeleteRole DeleteRolePolicy DeleteUser DeleteUserPermissionsBoundary
  DeleteUserPolicy DetachGroupPolicy DetachRolePolicy DetachUserPolicy EnableMFADevice
  GenerateCredentialReport GetAccessKeyLastUsed GetAccountAuthorizationDetails
  GetAccountPasswordPolicy GetAccountSummary GetCredentialReport GetGroup GetGroupPolicy
  GetLoginProfile GetOpenIDConnectProvider GetPolicy GetPolicyVersion GetRole GetRolePolicy GetUser
  GetUserPolicy ListAccessKeys ListAccountAliases ListAttachedGroupPolicies
  ListAttachedRolePolicies ListAttachedUserPolicies ListEntitiesForPolicy ListGroupPolicies
  ListGroups ListGroupsForUser ListInstanceProfiles ListMFADevices ListOpenIDConnectProviders
  ListPolicies ListPolicyTags ListPolicyVersions ListRolePolicies ListRoles ListRoleTags
  ListUserPolicies ListUsers ListUserTags PassRole PutGroupPolicy PutRolePolicy
  PutUserPermissionsBoundary PutUserPolicy RemoveUserFromGroup SetDefaultPolicyVersion
  SimulateCustomPolicy SimulatePrincipalPolicy TagPolicy TagRole TagUser UntagPolicy UntagRole
  UntagUser UpdateAccessKey UpdateAssumeRolePolicy UpdateGroup UpdateLoginProfile UpdateRole
  UpdateUser`;

interface KnownAction {
  /** In lower case, as patterns are compared. */
  readonly name: string;
  readonly scope: ActionScope;
}

const KNOWN: readonly KnownAction[] = [
  ...known("s3", OBJECT_ACTIONS, "object"),
  ...known("s3", BUCKET_ACTIONS, "bucket"),
  ...known("s3", SERVICE_ACTIONS, "service"),
  ...known("admin", ADMIN_ACTIONS, "service"),
  ...known("kms", KMS_ACTIONS, "service"),
  ...known("sts", STS_ACTIONS, "service"),
  ...known("iam", IAM_ACTIONS, "service"),
];
const SCOPES: ReadonlyMap<string, ActionScope> = new Map(
  KNOWN.map(({ name, scope }) => [name, scope]),
);

/** Undefined for an action nobody knows. */
export function scopeOfAction(action: string): ActionScope | undefined {
  return SCOPES.get(action.toLowerCase());
}

/** `s3:GetObject`, `s3:Get*`, `*`: compared without case, as AWS does. */
export class ActionPattern {
  readonly source: string;
  readonly #template: Template;
  /** What the actions it stands for are about. */
  readonly scopes: ReadonlySet<ActionScope>;
  /** Services that it names actions of. */
  readonly services: ReadonlySet<string>;

  /** Throws PolicyError when it stands for no action at all. */
  constructor(source: string) {
    this.source = source;
    this.#template = new Template(source.toLowerCase(), { wildcards: true, variables: false });
    const meant = KNOWN.filter(({ name }) => this.matches(name));
    if (meant.length === 0 || (source !== "*" && !source.includes(":"))) {
      throw new PolicyError(`Policy has invalid action - ${source}`);
    }
    this.scopes = new Set(meant.map(({ scope }) => scope));
    this.services = new Set(meant.map(({ name }) => name.slice(0, name.indexOf(":"))));
  }

  /** `action` in lower case. */
  matches(action: string): boolean {
    return this.#template.matches(action, NO_VALUES);
  }
}

function known(service: string, words: string, scope: ActionScope): KnownAction[] {
  return words
    .trim()
    .split(/\s+/)
    .map((word) => ({ name: `${service}:${word}`.toLowerCase(), scope }));
}
