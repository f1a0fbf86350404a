/**
 * The identities of a node: kept in its registers, loaded at the start, and asked for every signed
 * request.
 *
 * While they cannot be loaded (too few drives answer) only the root account is known; any other key
 * is answered 503, because "cannot tell" is not "unknown". Loading is tried again until it succeeds.
 */
import type { IdentitySeed } from "../../config/identity-seed.ts";
import type { Settings } from "../../config/schema.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { RecordStore } from "../base/record-store.ts";
import { StoreError } from "../base/store-error.ts";
import { IdentityStore } from "../iam/store/identity-store.ts";
import type { AccountDirectory, Identity } from "../s3/accounts.ts";
import type { Credential, CredentialSource } from "../s3/auth/credentials.ts";
import { seedIdentities } from "./seed-identities.ts";

export interface NodeIdentitiesModules {
  /** Other nodes change identities too. */
  readonly shared: boolean;
  readonly records: RecordStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

const RETRY_MS = 2_000;
/** How long another node's change, also a taken key, may stay unknown here. */
const REFRESH_MS = 1_000;

export class NodeIdentities implements CredentialSource<Identity>, AccountDirectory {
  readonly store: IdentityStore;
  readonly #modules: NodeIdentitiesModules;
  readonly #rootUser: string;
  readonly #seed: IdentitySeed | undefined;
  #loaded = false;
  #retry: Timer | undefined;
  #stopped = false;

  constructor({ cluster }: Pick<Settings, "cluster">, modules: NodeIdentitiesModules) {
    this.#modules = modules;
    this.#rootUser = cluster.rootUser;
    this.#seed = cluster.identities;
    this.store = new IdentityStore(
      {
        root: { accessKey: cluster.rootUser, secretKey: cluster.rootPassword.reveal() },
        previousRootSecret: cluster.rootPasswordPrevious?.reveal(),
      },
      modules,
    );
  }

  nameOf(canonicalId: string): string | undefined {
    return this.store.directory.nameOf(canonicalId);
  }

  idOf(canonicalId: string): string | undefined {
    return this.store.directory.idOf(canonicalId);
  }

  findByEmail(address: string): string | undefined {
    return this.store.directory.findByEmail(address);
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Rejects only for what trying again cannot mend: a wrong root password, damaged records. */
  async start(): Promise<void> {
    try {
      await this.store.load();
      if (this.#seed !== undefined) {
        await seedIdentities(this.#seed, { ...this.#modules, store: this.store });
      }
      this.#loaded = true;
      if (this.#modules.shared) this.#refreshLater();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#modules.log.warn("identities cannot be loaded yet", { reason: error.message });
      this.#retry = this.#modules.clock.after(RETRY_MS, () => void this.#tryAgain());
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#retry?.cancel();
  }

  #refreshLater(): void {
    if (this.#stopped) return;
    this.#retry = this.#modules.clock.after(REFRESH_MS, () => void this.#refresh());
  }

  /** What cannot be read now stays as it was: without a quorum nobody could have changed it. */
  async #refresh(): Promise<void> {
    try {
      await this.store.refresh();
    } catch (error) {
      this.#modules.log.debug("identities cannot be looked at", { error });
    }
    this.#refreshLater();
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#modules.log.error("identities cannot be loaded", { reason });
    }
  }

  /** Throws StoreError data-unavailable while it cannot tell. */
  lookup(accessKey: string, sessionToken?: string): Credential<Identity> | undefined {
    if (!this.#loaded && accessKey !== this.#rootUser) {
      throw new StoreError({ code: "data-unavailable", message: "identities are not loaded" });
    }
    const known = this.store.lookup(accessKey, sessionToken);
    if (known === undefined) return undefined;
    const { secretKey, caller, problem } = known;
    const identity = { accessKey, caller, canonicalId: caller.canonicalId };
    const credential = { accessKey, secretKey, identity, ...(problem && { problem }) };
    // Opened with the key that sealed it, so it is the one.
    return known.temporary === true && sessionToken !== undefined
      ? { ...credential, sessionToken }
      : credential;
  }
}
