/** What a route of the administration API gets to work with. */
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { SignedCaller } from "../iam/access/caller.ts";
import type { KeyStore } from "../iam/keys/key-store.ts";
import type { ConditionValues } from "../iam/policy/condition-values.ts";
import type { IdentityStore } from "../iam/store/identity-store.ts";
import type { ObjectStore } from "../object/contract/object-store.ts";
import type { UsageStore } from "../object/contract/usage.ts";
import type { Argon2 } from "./body-encryption.ts";
import type { ClusterControl } from "./cluster/cluster-control.ts";
import type { NodeFacts } from "./info/node-facts.ts";
import type { RecentUsage } from "./info/recent-usage.ts";
import type { KeyRotation } from "./key-rotation.ts";
import type { CountedUsage } from "./usage-routes.ts";

/** Who signed the request. Its body is verified against the signature when it is read. */
export interface AdminCaller {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly caller: SignedCaller;
  readonly values: ConditionValues;
  /** Hexadecimal: what the signature says of the body. */
  readonly sha256: string;
}

export interface AdminModules {
  readonly identities: IdentityStore;
  readonly keys: KeyStore;
  readonly rotation: KeyRotation;
  readonly buckets: Pick<ObjectStore, "listBuckets"> & UsageStore;
  readonly argon2: Argon2;
  /** Undefined: this node is alone. */
  readonly cluster: ClusterControl | undefined;
  readonly node: NodeFacts;
  readonly usage: RecentUsage<CountedUsage>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface AdminContext extends AdminModules {
  readonly who: AdminCaller;
  /** Over TLS. */
  readonly secure: boolean;
  /** Where a name is given once only, the first value counts. */
  readonly query: Pick<URLSearchParams, "get" | "getAll">;
  /** The whole body, verified. */
  readonly body: Buffer;
}

/** What a route answers: nothing, JSON, JSON sealed for the caller, or a file. */
export type AdminAnswer =
  | { readonly kind: "bytes"; readonly value: Buffer; readonly contentType: string }
  | { readonly kind: "empty"; readonly status?: number }
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "sealed"; readonly value: unknown; readonly status?: number };
