/**
 * The identities: changed here, one change after another, durable before it is seen.
 *
 * Every change raises the record `iam/version`: once before it is written, by compare-and-set on the
 * version that this process has loaded, so that a process that has not seen another's change loads
 * it first; and once after, so that pollers find what was written. A crash in between leaves a raised
 * version and no harm.
 */
import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { RecordStore } from "../../base/record-store.ts";
import { Directory, type KnownKey, type RootCredential } from "./directory.ts";
import { IamError } from "./iam-error.ts";
import {
  decodeAccount,
  decodeGroup,
  decodeKey,
  decodePolicy,
  decodeUser,
  IDENTITY_PREFIX,
  parseRecordKey,
} from "./identities.ts";
import { decodeRecord, encodeRecord, timeField } from "./record-fields.ts";
import type { Sealer } from "./sealer.ts";
import { createSealingKey, openSealingKey } from "./sealing-key.ts";
import {
  type IssuedSession,
  newSession,
  openSession,
  type Session,
  sealSession,
} from "./sessions.ts";

export const VERSION_RECORD = "iam/version";
/** All users, groups, keys, policies and accounts together; they are kept in memory. */
export const IDENTITIES_MAX = 100_000;

/** Opened session tokens that are remembered. */
export const SESSIONS_OPENED_MAX = 10_000;

export interface IdentityStoreOptions {
  readonly root: RootCredential;
  readonly previousRootSecret: string | undefined;
}

export interface IdentityStoreModules {
  readonly records: RecordStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Random;
}

/** One record that a change writes; undefined removes it. */
export interface RecordWrite {
  readonly key: string;
  readonly value: Uint8Array | undefined;
}

/** What a change is made with. */
export interface ChangeTools {
  readonly directory: Directory;
  readonly sealer: Sealer;
  readonly nowMs: number;
  readonly random: Random;
}

export class IdentityStore {
  readonly #options: IdentityStoreOptions;
  readonly #modules: IdentityStoreModules;
  #directory: Directory;
  #sealer: Sealer | undefined;
  /** The version of what is loaded. */
  #version = 0;
  #last: Promise<unknown> = Promise.resolve();
  readonly #sessions = new Map<string, Session>();

  constructor(options: IdentityStoreOptions, modules: IdentityStoreModules) {
    this.#options = options;
    this.#modules = modules;
    this.#directory = new Directory(options.root, modules.clock);
  }

  /** As it is now; replaced as a whole by a reload. */
  get directory(): Directory {
    return this.#directory;
  }

  lookup(accessKey: string, sessionToken?: string): KnownKey | undefined {
    const known = this.#directory.lookup(accessKey);
    if (known !== undefined || sessionToken === undefined) return known;
    const session = this.#openSession(sessionToken);
    return session?.accessKey === accessKey ? this.#directory.session(session) : undefined;
  }

  /** Of whom a session can be made: a user or the operator; keys of applications are "none". */
  parentOf(accessKey: string): { readonly parent: string | undefined } | "none" {
    if (accessKey === this.#directory.rootAccessKey) return { parent: undefined };
    return this.#directory.users.has(accessKey) ? { parent: accessKey } : "none";
  }

  /** Temporary credentials of the user with that access key, or of the operator. */
  async issueSession(
    wanted: Pick<Session, "parent" | "policy" | "expiresMs">,
  ): Promise<IssuedSession> {
    // The change makes the key that seals, and lets other nodes know.
    if (this.#sealer === undefined) await this.change(() => []);
    const session = newSession(wanted, this.#modules.random);
    const sealer = await this.#sealerForWrites();
    return { ...session, sessionToken: sealSession(session, sealer) };
  }

  #openSession(token: string): Session | undefined {
    const known = this.#sessions.get(token);
    if (known !== undefined || this.#sealer === undefined) return known;
    const session = openSession(token, this.#sealer);
    if (session === undefined) return undefined;
    if (this.#sessions.size >= SESSIONS_OPENED_MAX) this.#sessions.clear();
    this.#sessions.set(token, session);
    return session;
  }

  /** Loads everything. Rejects with IamError "sealed" under a wrong root password. */
  load(): Promise<void> {
    return this.#inTurn(() => this.#load());
  }

  /** Loads again when another process has changed something. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      if ((await this.#readVersion()) !== this.#version) await this.#load();
    });
  }

  /**
   * Runs `change` on what is loaded and up to date, writes what it returns, and shows it. It throws
   * IamError to refuse; it may run twice when another process was faster.
   */
  change(change: (tools: ChangeTools) => readonly RecordWrite[]): Promise<void> {
    return this.#inTurn(async () => {
      const sealer = await this.#sealerForWrites();
      for (;;) {
        const { clock, random } = this.#modules;
        const directory = this.#directory;
        const writes = change({ directory, sealer, random, nowMs: clock.nowMs() });
        if (directory.size + writes.length > IDENTITIES_MAX) {
          throw new IamError("too-many", `there are at most ${IDENTITIES_MAX} identities`);
        }
        if (await this.#claim()) {
          await this.#write(writes);
          return;
        }
        await this.#load();
      }
    });
  }

  async #write(writes: readonly RecordWrite[]): Promise<void> {
    const { records } = this.#modules;
    try {
      for (const { key, value } of writes) {
        await records.update(key, () =>
          value === undefined ? { kind: "remove" } : { kind: "write", value },
        );
        this.#show(this.#directory, key, value);
      }
    } catch (error) {
      // What was written is not known: only what is stored may be shown. Should that fail as well,
      // the next look at the version finds it.
      this.#version = -1;
      await this.#load().catch(() => undefined);
      throw error;
    } finally {
      this.#directory.changed();
    }
    await this.#raise((version) => version + 1);
  }

  /** True when nobody else has changed anything since the last load. */
  async #claim(): Promise<boolean> {
    const expected = this.#version;
    let claimed = false;
    await this.#raise((version) => {
      claimed = version === expected;
      return claimed ? version + 1 : version;
    });
    return claimed;
  }

  async #raise(next: (version: number) => number): Promise<void> {
    let raised = this.#version;
    await this.#modules.records.update(VERSION_RECORD, (value) => {
      const version = versionOf(value);
      raised = next(version);
      if (raised === version) return { kind: "keep" };
      return { kind: "write", value: encodeRecord({ version: raised }) };
    });
    this.#version = raised;
  }

  async #readVersion(): Promise<number> {
    return versionOf(await this.#modules.records.get(VERSION_RECORD));
  }

  async #load(): Promise<void> {
    const { records, clock } = this.#modules;
    // Read first: what changes while loading is found by the next look.
    const version = await this.#readVersion();
    this.#sealer ??= await openSealingKey(this.#passwords(), this.#modules);
    const directory = new Directory(this.#options.root, clock);
    for (const key of await records.list(IDENTITY_PREFIX)) {
      if (parseRecordKey(key) === undefined) continue;
      const value = await records.get(key);
      if (value !== undefined) this.#show(directory, key, value);
    }
    this.#directory = directory;
    this.#version = version;
  }

  async #sealerForWrites(): Promise<Sealer> {
    this.#sealer ??= await createSealingKey(this.#passwords(), this.#modules);
    return this.#sealer;
  }

  #passwords() {
    const { root, previousRootSecret } = this.#options;
    return { current: root.secretKey, previous: previousRootSecret };
  }

  /** Puts a record into the directory, or takes it out. */
  #show(directory: Directory, key: string, value: Uint8Array | undefined): void {
    const place = parseRecordKey(key);
    if (place === undefined) return;
    const { kind, name } = place;
    const maps = {
      account: directory.accounts,
      user: directory.users,
      group: directory.groups,
      key: directory.keys,
      policy: directory.policies,
    } as const;
    if (value === undefined) {
      maps[kind].delete(name);
      return;
    }
    const sealer = this.#sealer;
    if (kind === "account") maps.account.set(name, decodeAccount(value, key));
    else if (kind === "group") maps.group.set(name, decodeGroup(value, key));
    else if (kind === "policy") maps.policy.set(name, decodePolicy(value, key));
    else if (sealer === undefined) throw new IamError("corrupt", "the sealing key is missing");
    else if (kind === "user") maps.user.set(name, decodeUser(value, key, sealer));
    else maps.key.set(name, decodeKey(value, key, sealer));
  }

  /** One after another, whatever became of the one before. */
  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

function versionOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : timeField(decodeRecord(value, VERSION_RECORD), "version");
}
