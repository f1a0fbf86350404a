/**
 * Makes the identities of the settings, once in the life of a deployment: a record says that it was
 * done, so that what is removed later does not come back. What is there already is left alone, so a
 * start that was cut off goes on where it stopped.
 */
import type { IdentitySeed } from "../../config/identity-seed.ts";
import type { Logger } from "../base/log.ts";
import type { RecordStore } from "../base/record-store.ts";
import { assignPolicies, changeMembers, putPolicy, putUser } from "../iam/store/changes.ts";
import { IDENTITY_PREFIX } from "../iam/store/identities.ts";
import type { ChangeTools, IdentityStore, RecordWrite } from "../iam/store/identity-store.ts";
import { createKey } from "../iam/store/key-changes.ts";
import { encodeRecord } from "../iam/store/record-fields.ts";

export const SEEDED_RECORD = `${IDENTITY_PREFIX}seeded`;

export interface SeedModules {
  readonly store: IdentityStore;
  readonly records: RecordStore;
  readonly log: Logger;
}

/** Rejects with IamError for a seed that cannot be made. */
export async function seedIdentities(seed: IdentitySeed, modules: SeedModules): Promise<void> {
  const { store, records, log } = modules;
  if ((await records.get(SEEDED_RECORD)) !== undefined) return;
  for (const change of changesOf(seed, store)) await store.change(change);
  const value = encodeRecord({});
  await records.update(SEEDED_RECORD, () => ({ kind: "write", value }));
  log.info("identities of the settings made", {
    users: seed.users.length,
    groups: seed.groups.length,
    keys: seed.keys.length,
  });
}

type Change = (tools: ChangeTools) => readonly RecordWrite[];

/** Policies first, because users name them; then users, because groups and keys name those. */
function changesOf(seed: IdentitySeed, store: IdentityStore): Change[] {
  const { directory } = store;
  const changes: Change[] = [];
  for (const [name, document] of Object.entries(seed.policies)) {
    if (!directory.policies.has(name)) changes.push(putPolicy(name, JSON.stringify(document)));
  }
  for (const { name, secret, policies, status } of seed.users) {
    if (directory.users.has(name)) continue;
    changes.push(putUser({ name, secretKey: secret.reveal(), policies, status }));
  }
  for (const { name, members, policies } of seed.groups) {
    if (directory.groups.has(name)) continue;
    changes.push(changeMembers({ group: name, members, remove: false }));
    changes.push(assignPolicies({ kind: "group", name }, { kind: "set", policies }));
  }
  for (const key of seed.keys) {
    const accessKey = key["access-key"];
    if (directory.keys.has(accessKey)) continue;
    const boundaries = key.policy === undefined ? [] : [JSON.stringify(key.policy)];
    changes.push(
      createKey({
        accessKey,
        secretKey: key.secret.reveal(),
        parent: key.user,
        expiresMs: undefined,
        boundaries,
        name: key.name,
        description: "",
      }),
    );
  }
  return changes;
}
