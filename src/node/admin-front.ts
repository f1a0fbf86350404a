/**
 * The administration API of a node: the signature check of S3 in front of the routes of src/admin.
 * Signatures stand in headers, cover the body by its digest, and may leave the region empty, as
 * MinIO's clients do.
 */

import { AdminError, toAdminError } from "../admin/admin-error.ts";
import { type AdminHandlerModules, createAdminHandler } from "../admin/admin-handler.ts";
import type { ClusterControl } from "../admin/cluster/cluster-control.ts";
import type { NodeFacts } from "../admin/info/node-facts.ts";
import { RecentUsage } from "../admin/info/recent-usage.ts";
import { KeyRotation, type KeyRotationModules } from "../admin/key-rotation.ts";
import { countUsage } from "../admin/usage-routes.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { StoreError } from "../base/store-error.ts";
import type { HttpHandler, HttpRequest } from "../http/request.ts";
import type { KeyStore } from "../iam/keys/key-store.ts";
import { RequestValues } from "../s3/access/request-values.ts";
import type { Identity } from "../s3/accounts.ts";
import { Authenticator } from "../s3/auth/authenticate.ts";
import { QueryParameters } from "../s3/query.ts";
import { S3Error } from "../s3/s3-error.ts";
import { argon2InWorker } from "./argon2.ts";
import type { NodeIdentities } from "./identities.ts";

export interface AdminFrontModules {
  readonly identities: NodeIdentities;
  /** Undefined: this node is alone. */
  readonly cluster: ClusterControl | undefined;
  readonly node: NodeFacts;
  readonly keys: KeyStore;
  readonly buckets: AdminHandlerModules["buckets"] & KeyRotationModules["store"];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export function createAdminFront(
  { region }: { readonly region: string | undefined },
  modules: AdminFrontModules,
): HttpHandler {
  const { identities, clock } = modules;
  const authenticator = new Authenticator<Identity>(
    { region, regionless: true },
    { clock, credentials: identities },
  );
  const authenticate: AdminHandlerModules["authenticate"] = (request) => {
    const auth = asAdminErrors(() => authenticator.authenticate(request));
    if (auth.kind === "anonymous" || auth.via !== "header" || auth.payload.kind !== "digest") {
      throw new AdminError(403, "AccessDenied", "Access Denied.");
    }
    const { accessKey, identity, payload } = auth;
    const known = identities.lookup(accessKey);
    if (known === undefined) throw new AdminError(403, "AccessDenied", "Access Denied.");
    const { caller } = identity;
    const values = valuesOf(request, { caller, auth, nowMs: clock.nowMs(), region });
    return { accessKey, secretKey: known.secretKey, caller, values, sha256: payload.sha256 };
  };
  return createAdminHandler({
    authenticate,
    identities: identities.store,
    keys: modules.keys,
    buckets: modules.buckets,
    rotation: new KeyRotation({ store: modules.buckets, clock, log: modules.log }),
    argon2: argon2InWorker,
    cluster: modules.cluster,
    node: modules.node,
    usage: new RecentUsage({ count: () => countUsage(modules), clock, log: modules.log }),
    clock,
    random: modules.random,
    log: modules.log,
  });
}

type Known = Pick<
  ConstructorParameters<typeof RequestValues>[0],
  "caller" | "auth" | "nowMs" | "region"
>;

function valuesOf(request: HttpRequest, known: Known): RequestValues {
  // What the query says is no condition of administration.
  const { headers } = request;
  const query = QueryParameters.empty;
  return new RequestValues({ ...known, connection: request, headers, query });
}

function asAdminErrors<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (error instanceof StoreError) throw toAdminError(error);
    if (!(error instanceof S3Error)) throw error;
    throw new AdminError(error.status, error.code, error.message, { cause: error });
  }
}
