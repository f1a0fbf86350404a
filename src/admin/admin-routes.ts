/**
 * Every route of the administration API: its method, the permission it needs, and what it does. The
 * permission is checked before anything is read; `handler` is for routes whose permission depends on
 * what is asked for, and each of those says so here.
 */
import type { AdminAnswer, AdminContext } from "./admin-context.ts";
import {
  abandonChange,
  applyChange,
  clusterHeal,
  clusterStatus,
  issueToken,
  planChange,
} from "./cluster/cluster-routes.ts";
import { exportIam, importIam, importIamReporting } from "./iam/archive-routes.ts";
import { policyEntities } from "./iam/entity-routes.ts";
import { IAM_ARCHIVE_BYTES_MAX } from "./iam/iam-archive.ts";
import {
  addServiceAccount,
  deleteServiceAccount,
  infoAccessKey,
  infoServiceAccount,
  listAccessKeys,
  listServiceAccounts,
  updateServiceAccount,
} from "./iam/key-routes.ts";
import {
  addAccount,
  addPolicy,
  addUser,
  attachPolicies,
  detachPolicies,
  getGroup,
  getPolicy,
  getUserInfo,
  listAccounts,
  listGroups,
  listPolicies,
  listUsers,
  removePolicyRoute,
  removeUserRoute,
  setGroupStatusRoute,
  setPolicies,
  setUserStatus,
  updateGroupMembers,
} from "./iam/user-routes.ts";
import { serverInfo } from "./info/server-info.ts";
import {
  createKmsKey,
  createOwnKmsKey,
  kmsKeyStatus,
  kmsStatus,
  listKmsKeys,
  listOwnKmsKeys,
  ownKmsKeyStatus,
  ownKmsStatus,
  rotateKeys,
  rotationStatus,
  stopRotation,
} from "./kms-routes.ts";
import { dataUsage, getBucketQuota, setBucketQuota } from "./usage-routes.ts";

export interface AdminRoute {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** `handler`: it asks itself, for this reason. */
  readonly permission: { readonly action: string } | { readonly handler: string };
  readonly handle: (context: AdminContext) => Promise<AdminAnswer>;
  /** Where more is sent than a setting or a document. */
  readonly bodyBytesMax?: number;
}

type Method = AdminRoute["method"];

function route(method: Method, action: string, handle: AdminRoute["handle"]): AdminRoute {
  return { method, permission: { action: `admin:${action}` }, handle };
}

function asking(method: Method, why: string, handle: AdminRoute["handle"]): AdminRoute {
  return { method, permission: { handler: why }, handle };
}

function taking(bodyBytesMax: number, found: AdminRoute): AdminRoute {
  return { ...found, bodyBytesMax };
}

const OWN_KEYS = "one's own keys need no permission";

/** By what follows `/minio/admin/v3/`. */
export const ADMIN_ROUTES: ReadonlyMap<string, AdminRoute> = new Map([
  ["add-user", route("PUT", "CreateUser", addUser)],
  ["remove-user", route("DELETE", "DeleteUser", removeUserRoute)],
  ["set-user-status", asking("PUT", "enabling and disabling differ", setUserStatus)],
  ["list-users", route("GET", "ListUsers", listUsers)],
  ["user-info", route("GET", "GetUser", getUserInfo)],
  ["update-group-members", asking("PUT", "adding and removing differ", updateGroupMembers)],
  ["groups", route("GET", "ListGroups", listGroups)],
  ["group", route("GET", "GetGroup", getGroup)],
  ["set-group-status", asking("PUT", "enabling and disabling differ", setGroupStatusRoute)],
  ["add-canned-policy", route("PUT", "CreatePolicy", addPolicy)],
  ["info-canned-policy", route("GET", "GetPolicy", getPolicy)],
  ["list-canned-policies", route("GET", "ListUserPolicies", listPolicies)],
  ["remove-canned-policy", route("DELETE", "DeletePolicy", removePolicyRoute)],
  ["set-user-or-group-policy", route("PUT", "AttachUserOrGroupPolicy", setPolicies)],
  ["idp/builtin/policy/attach", route("POST", "UpdatePolicyAssociation", attachPolicies)],
  ["idp/builtin/policy/detach", route("POST", "UpdatePolicyAssociation", detachPolicies)],
  ["idp/builtin/policy-entities", asking("GET", "it needs several permissions", policyEntities)],
  ["list-access-keys-bulk", asking("GET", OWN_KEYS, listAccessKeys)],
  ["info-access-key", asking("GET", OWN_KEYS, infoAccessKey)],
  ["add-service-account", asking("PUT", OWN_KEYS, addServiceAccount)],
  ["update-service-account", asking("POST", OWN_KEYS, updateServiceAccount)],
  ["info-service-account", asking("GET", OWN_KEYS, infoServiceAccount)],
  ["list-service-accounts", asking("GET", OWN_KEYS, listServiceAccounts)],
  ["delete-service-account", asking("DELETE", OWN_KEYS, deleteServiceAccount)],
  ["export-iam", route("GET", "ExportIAM", exportIam)],
  ["import-iam", taking(IAM_ARCHIVE_BYTES_MAX, route("PUT", "ImportIAM", importIam))],
  ["import-iam-v2", taking(IAM_ARCHIVE_BYTES_MAX, route("PUT", "ImportIAM", importIamReporting))],
  ["list-accounts", route("GET", "ListUsers", listAccounts)],
  ["add-account", route("PUT", "CreateUser", addAccount)],
  ["set-bucket-quota", route("PUT", "SetBucketQuota", setBucketQuota)],
  ["get-bucket-quota", route("GET", "GetBucketQuota", getBucketQuota)],
  ["datausageinfo", route("GET", "DataUsageInfo", dataUsage)],
  ["info", route("GET", "ServerInfo", serverInfo)],
  ["cluster/status", route("GET", "ClusterStatus", clusterStatus)],
  ["cluster/heal", route("GET", "ClusterHeal", clusterHeal)],
  ["cluster/plan", route("POST", "ClusterPlan", planChange)],
  ["cluster/apply", route("POST", "ClusterApply", applyChange)],
  ["cluster/abandon", route("POST", "ClusterAbandon", abandonChange)],
  ["cluster/token", route("POST", "ClusterToken", issueToken)],
  ["kms/status", route("POST", "KMSKeyStatus", kmsStatus)],
  ["kms/key/create", route("POST", "KMSCreateKey", createKmsKey)],
  ["kms/key/list", route("GET", "KMSKeyStatus", listKmsKeys)],
  ["kms/key/status", route("GET", "KMSKeyStatus", kmsKeyStatus)],
  ["kms/key/rotate", route("POST", "StartBatchJob", rotateKeys)],
  ["kms/key/rotation", route("GET", "DescribeBatchJob", rotationStatus)],
  ["kms/key/rotation/stop", route("POST", "CancelBatchJob", stopRotation)],
]);

const EACH_KEY = "the permission is that for the key";

/** By what follows `/minio/kms/v1/`. */
export const KMS_ROUTES: ReadonlyMap<string, AdminRoute> = new Map([
  ["status", asking("GET", EACH_KEY, ownKmsStatus)],
  ["key/create", asking("POST", EACH_KEY, createOwnKmsKey)],
  ["key/list", asking("GET", EACH_KEY, listOwnKmsKeys)],
  ["key/status", asking("GET", EACH_KEY, ownKmsKeyStatus)],
]);
