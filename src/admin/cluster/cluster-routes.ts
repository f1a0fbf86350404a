/**
 * The cluster as operators see and change it: what there is, what a change would move, the change, and
 * how far it is. Each route has a permission of its own (admin-routes.ts).
 */
import { StoreError, type StoreErrorData } from "../../base/store-error.ts";
import type { AdminAnswer, AdminContext } from "../admin-context.ts";
import { AdminError, badRequest } from "../admin-error.ts";
import { optionalText, plainFields } from "../admin-input.ts";
import { formatTime } from "../time-text.ts";
import { readChange, toMemberChange } from "./change-request.ts";
import type { ClusterControl } from "./cluster-control.ts";
import { findNode } from "./cluster-names.ts";

const TOKEN_LIFE_MS = 60 * 60 * 1000;

export async function clusterStatus(context: AdminContext): Promise<AdminAnswer> {
  const { administration } = controlOf(context);
  return json(await asking(() => administration.status()));
}

export async function clusterHeal(context: AdminContext): Promise<AdminAnswer> {
  const control = controlOf(context);
  return json({ nodes: await asking(() => control.work()) });
}

export async function planChange(context: AdminContext): Promise<AdminAnswer> {
  const { administration } = controlOf(context);
  const request = readChange(plainFields(context, ["change"])["change"]);
  const plan = await asking(async () => {
    const status = await administration.status();
    return administration.plan(toMemberChange(request, status, context.random));
  });
  return json(plan);
}

export async function applyChange(context: AdminContext): Promise<AdminAnswer> {
  const { administration } = controlOf(context);
  const fields = plainFields(context, ["change", "revision"]);
  const request = readChange(fields["change"]);
  const { revision } = fields;
  if (typeof revision !== "number") {
    throw badRequest("the field revision is missing: the one that the plan was made of");
  }
  await asking(async () => {
    const status = await administration.status();
    await administration.apply(toMemberChange(request, status, context.random), revision);
  });
  return { kind: "empty" };
}

export async function abandonChange(context: AdminContext): Promise<AdminAnswer> {
  const { administration } = controlOf(context);
  await asking(() => administration.abandon());
  return { kind: "empty" };
}

/** Sealed, because the token is a secret. */
export async function issueToken(context: AdminContext): Promise<AdminAnswer> {
  const control = controlOf(context);
  const fields = plainFields(context, ["lifeMs", "replaces"]);
  const { lifeMs = TOKEN_LIFE_MS } = fields;
  const { min, max } = control.tokenLife;
  if (typeof lifeMs !== "number" || lifeMs < min || lifeMs > max) {
    throw badRequest("a token is good for one minute to seven days");
  }
  const replaced = optionalText(fields, "replaces");
  const { token, expiresMs } = await asking(async () => {
    const replaces =
      replaced === undefined
        ? undefined
        : findNode(await control.administration.status(), replaced).nodeId;
    return control.issueToken({ lifeMs, madeBy: context.who.accessKey, replaces });
  });
  return { kind: "sealed", value: { token, expires: formatTime(expiresMs) } };
}

function controlOf({ cluster }: AdminContext): ClusterControl {
  if (cluster !== undefined) return cluster;
  const message = "This server is not one of a cluster.";
  throw new AdminError(400, "XRingfortNotACluster", message);
}

function json(value: unknown): AdminAnswer {
  return { kind: "json", value };
}

async function asking<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof StoreError) throw toClusterError(error.data, error);
    throw error;
  }
}

function toClusterError(data: StoreErrorData, cause: StoreError): AdminError {
  switch (data.code) {
    case "invalid-argument":
      return badRequest(data.message);
    case "busy": {
      const message =
        "Another change of the cluster is under way, or it has changed since the plan was made. " +
        "Look at the status, and plan again.";
      return new AdminError(409, "XRingfortClusterBusy", message, { cause });
    }
    case "unknown-outcome": {
      const message = "The change may have been made or not: look at the status.";
      return new AdminError(503, "XRingfortUnknownOutcome", message, { cause });
    }
    default: {
      const message = `The cluster does not answer (${data.code}): nothing was changed.`;
      return new AdminError(503, "XRingfortNoQuorum", message, { cause });
    }
  }
}
