/** IAM's actions about the account as a whole, and the lists of what there is none of. */
import {
  ACCOUNT_KEYS_PER_USER_MAX,
  GROUPS_PER_ACCOUNT_MAX,
  POLICIES_PER_ACCOUNT_MAX,
  USERS_PER_ACCOUNT_MAX,
} from "../../iam/store/account-changes.ts";
import { groupsIn, policiesIn, usersOf } from "../../iam/store/account-members.ts";
import { ATTACHED_POLICIES_MAX } from "../../iam/store/changes.ts";
import { accountArn, type IamActions, type IamCall, type IamResult } from "./iam-call.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";

export const ACCOUNT_ACTIONS: IamActions = {
  GetAccountSummary: {
    permission: "iam:GetAccountSummary",
    kind: "read",
    parameters: [],
    resources: (call) => [accountArn(call, "account")],
    run: getAccountSummary,
  },
  // Nobody can make a role or a provider, so these answers are whole.
  ListRoles: {
    permission: "iam:ListRoles",
    kind: "read",
    parameters: ["PathPrefix", ...PAGING_PARAMETERS],
    resources: (call) => [accountArn(call, `role${call.parameters.pathPrefix}`)],
    run: async ({ parameters }) =>
      renderPage<never>(parameters, {
        element: "Roles",
        items: [],
        nameOf: () => "",
        render: () => undefined,
      }),
  },
  ListOpenIDConnectProviders: {
    permission: "iam:ListOpenIDConnectProviders",
    kind: "read",
    parameters: [],
    resources: (call) => [accountArn(call, "oidc-provider/")],
    run: async () => (xml) => xml.element("OpenIDConnectProviderList", ""),
  },
};

async function getAccountSummary({ caller, identities }: IamCall): Promise<IamResult> {
  const { directory } = identities;
  const account = caller.accountId;
  const numbers = {
    Users: usersOf(directory, account).length,
    UsersQuota: USERS_PER_ACCOUNT_MAX,
    Groups: groupsIn(directory, account).length,
    GroupsQuota: GROUPS_PER_ACCOUNT_MAX,
    Policies: policiesIn(directory, account).length,
    PoliciesQuota: POLICIES_PER_ACCOUNT_MAX,
    AccessKeysPerUserQuota: ACCOUNT_KEYS_PER_USER_MAX,
    AttachedPoliciesPerUserQuota: ATTACHED_POLICIES_MAX,
    AttachedPoliciesPerGroupQuota: ATTACHED_POLICIES_MAX,
    Roles: 0,
  };
  return (xml) =>
    xml.group("SummaryMap", (map) => {
      for (const [key, value] of Object.entries(numbers)) {
        map.group("entry", (entry) => {
          entry.element("key", key);
          entry.element("value", value);
        });
      }
    });
}
