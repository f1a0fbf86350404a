/**
 * The built-in key store of a node. Keys that cannot be opened do not stop a start: whatever is not
 * encrypted is served, and what is says that its keys are away.
 */
import type { ClusterSettings } from "../../config/schema.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { RecordStore } from "../base/record-store.ts";
import { KeyStore } from "../iam/keys/key-store.ts";
import type { EncryptionRequest } from "../object/contract/object-store.ts";

export interface KeyStoreModules {
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly random: Random;
}

export function createKeyStore(cluster: ClusterSettings, modules: KeyStoreModules): KeyStore {
  const { kmsSecretKey, rootPassword, rootPasswordPrevious } = cluster;
  return new KeyStore(
    {
      configured: kmsSecretKey && {
        name: kmsSecretKey.name,
        key: Buffer.from(kmsSecretKey.key.reveal(), "base64"),
      },
      rootPassword: rootPassword.reveal(),
      previousRootPassword: rootPasswordPrevious?.reveal(),
    },
    modules,
  );
}

export async function startKeyStore(keys: KeyStore, log: Logger): Promise<void> {
  try {
    await keys.start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error("the key store cannot be opened", { reason });
  }
}

/** What is written to buckets without a default encryption. */
export function automaticEncryption(cluster: ClusterSettings): EncryptionRequest | undefined {
  if (!cluster.autoEncryption) return undefined;
  return { mode: cluster.kmsSecretKey === undefined ? "managed" : "kms" };
}
