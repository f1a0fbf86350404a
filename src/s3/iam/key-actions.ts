/**
 * IAM's actions about access keys, of a user that is named or of the caller. A secret is in the answer
 * to CreateAccessKey and nowhere else. The key that a user is called by, where the operator made it
 * with one, is listed, but changed by the operator only.
 */
import { addAccountKey } from "../../iam/store/account-changes.ts";
import type { AccessKey } from "../../iam/store/identities.ts";
import { removeKey, updateKey } from "../../iam/store/key-changes.ts";
import type { XmlWriter } from "../xml.ts";
import {
  holderOf,
  holderResource,
  type IamActions,
  type IamCall,
  type IamResult,
  iamTime,
  type KeyHolder,
  noSuch,
} from "./iam-call.ts";
import { IamQueryError } from "./iam-query-error.ts";
import { PAGING_PARAMETERS, renderPage } from "./paging.ts";
import { refuseServerUser } from "./server-rights.ts";

export const KEY_ACTIONS: IamActions = {
  CreateAccessKey: {
    permission: "iam:CreateAccessKey",
    kind: "write",
    parameters: ["UserName"],
    resources: holderResource,
    run: createAccessKey,
  },
  UpdateAccessKey: {
    permission: "iam:UpdateAccessKey",
    kind: "write",
    parameters: ["UserName", "AccessKeyId", "Status"],
    resources: holderResource,
    run: updateAccessKey,
  },
  DeleteAccessKey: {
    permission: "iam:DeleteAccessKey",
    kind: "write",
    parameters: ["UserName", "AccessKeyId"],
    resources: holderResource,
    run: deleteAccessKey,
  },
  ListAccessKeys: {
    permission: "iam:ListAccessKeys",
    kind: "read",
    parameters: ["UserName", ...PAGING_PARAMETERS],
    resources: holderResource,
    run: listAccessKeys,
  },
};

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const RANDOM_LETTERS = 16;

async function createAccessKey(call: IamCall): Promise<IamResult> {
  const { identities, random, parameters } = call;
  const holder = holderOf(call);
  if (holder.user !== undefined && parameters.has("UserName")) refuseServerUser(call, holder.user);
  let accessKey = "AKIA";
  for (let index = 0; index < RANDOM_LETTERS; index++) {
    accessKey += LETTERS.charAt(random.below(LETTERS.length));
  }
  const secretKey = random.bytes(30).toString("base64").replaceAll("+", "x").replaceAll("/", "y");
  await identities.change(
    addAccountKey({
      accessKey,
      secretKey,
      parent: holder.user?.name,
      expiresMs: undefined,
      boundaries: [],
      name: "",
      description: "",
    }),
  );
  const createdMs = identities.directory.keys.get(accessKey)?.createdMs ?? 0;
  return (xml) =>
    xml.group("AccessKey", (group) => {
      renderKey(group, holder, { accessKey, status: "enabled", createdMs });
      group.element("SecretAccessKey", secretKey);
    });
}

async function updateAccessKey(call: IamCall): Promise<IamResult> {
  const status = call.parameters.oneOf("Status", ["Active", "Inactive"]);
  if (status === undefined) throw new IamQueryError("ValidationError", "Status is missing.");
  const accessKey = findKey(call, holderOf(call));
  const wanted = status === "Active" ? "enabled" : "disabled";
  await call.identities.change(updateKey(accessKey, { status: wanted }));
  return undefined;
}

async function deleteAccessKey(call: IamCall): Promise<IamResult> {
  await call.identities.change(removeKey(findKey(call, holderOf(call))));
  return undefined;
}

/** The key that is named, if it is the holder's. */
function findKey({ parameters, identities }: IamCall, { user }: KeyHolder): string {
  const { directory } = identities;
  const { accessKeyId } = parameters;
  if (accessKeyId === (user?.name ?? directory.rootAccessKey)) {
    const message = "This access key is part of its user and can be changed by the operator only.";
    throw new IamQueryError("UnmodifiableEntity", message);
  }
  const key = directory.keys.get(accessKeyId);
  if (key === undefined || key.parent !== user?.name) throw noSuch("access key", accessKeyId);
  return accessKeyId;
}

type ShownKey = Pick<AccessKey, "accessKey" | "status" | "createdMs">;

async function listAccessKeys(call: IamCall): Promise<IamResult> {
  const { parameters, identities } = call;
  const holder = holderOf(call);
  const { user } = holder;
  const { directory } = identities;
  const keys: ShownKey[] = [...directory.keys.values()].filter(
    ({ parent }) => parent === user?.name,
  );
  if (user === undefined) {
    keys.push({ accessKey: directory.rootAccessKey, status: "enabled", createdMs: 0 });
  } else if (user.createdMs === undefined) {
    keys.push({ accessKey: user.name, status: user.status, createdMs: user.updatedMs });
  }
  return (xml) => {
    if (parameters.has("UserName")) xml.element("UserName", holder.name);
    renderPage(parameters, {
      element: "AccessKeyMetadata",
      items: keys,
      nameOf: ({ accessKey }) => accessKey,
      render: (list, key) => list.group("member", (member) => renderKey(member, holder, key)),
    })(xml);
  };
}

function renderKey(xml: XmlWriter, holder: KeyHolder, key: ShownKey): void {
  xml.element("UserName", holder.name);
  xml.element("AccessKeyId", key.accessKey);
  xml.element("Status", key.status === "enabled" ? "Active" : "Inactive");
  xml.element("CreateDate", iamTime(key.createdMs));
}
