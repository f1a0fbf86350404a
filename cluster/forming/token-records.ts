/**
 * What a cluster keeps of its join tokens: one strictly consistent record each, so that of two nodes
 * that come with one token at the same moment one is let in. A record holds nothing that would let
 * anybody in: of the token's key only the public half.
 *
 * Record: docs/FORMATS.md "Join token".
 */
import { asBuffer, utf8 } from "../../src/base/bytes.ts";
import type { Clock } from "../../src/base/clock.ts";
import { StoreError } from "../../src/base/store-error.ts";
import type { PeerId } from "../peers/peer-id.ts";
import { type JoinToken, publicKeyOfToken } from "./join-token.ts";

export type TokenRecordChange =
  | { readonly kind: "write"; readonly value: Uint8Array }
  | { readonly kind: "remove" }
  | { readonly kind: "keep" };

/** Small records under text keys, each changed atomically: the deployment's system records. */
export interface TokenRecordStore {
  get(key: string): Promise<Uint8Array | undefined>;
  update(key: string, change: (value: Uint8Array | undefined) => TokenRecordChange): Promise<void>;
  list(prefix: string): Promise<readonly string[]>;
}

export interface TokenRecord {
  /** Raw Ed25519, 64 hexadecimal digits. */
  readonly publicKey: string;
  readonly expiresMs: number;
  /** The access key that made it. */
  readonly madeBy: string;
  readonly usedBy: string | undefined;
  /** The node that the new one takes the place of. */
  readonly replaces: string | undefined;
}

/** The token may be used by this node, or why not. */
export type Redemption =
  | { readonly kind: "redeemed" }
  | { readonly kind: "unknown" }
  | { readonly kind: "expired"; readonly expiresMs: number }
  | { readonly kind: "used"; readonly by: string };

const PREFIX = "cluster/token/";
const RECORD_VERSION = 1;
/** Tokens that are neither used nor expired. */
export const TOKENS_OPEN_MAX = 64;
/** Expired ones stay for a while, so that whoever comes late is told why. */
const REMEMBERED_MS = 7 * 24 * 60 * 60 * 1000;

export class TokenRecords {
  readonly #records: TokenRecordStore;
  readonly #clock: Clock;

  constructor(records: TokenRecordStore, clock: Clock) {
    this.#records = records;
    this.#clock = clock;
  }

  /** Makes the token valid. Throws StoreError `invalid-argument` when there are too many. */
  async issue(
    token: JoinToken,
    { madeBy, replaces }: Pick<TokenRecord, "madeBy" | "replaces">,
  ): Promise<void> {
    const open = await this.#tidy();
    if (open >= TOKENS_OPEN_MAX) {
      const message = `there are ${open} join tokens that are not used yet: wait until they expire`;
      throw new StoreError({ code: "invalid-argument", message });
    }
    const record: TokenRecord = {
      publicKey: publicKeyOfToken(token).toString("hex"),
      expiresMs: token.expiresMs,
      madeBy,
      usedBy: undefined,
      replaces,
    };
    const value = encodeTokenRecord(record);
    await this.#records.update(PREFIX + token.tokenId, () => ({ kind: "write", value }));
  }

  async find(tokenId: string): Promise<TokenRecord | undefined> {
    const value = await this.#records.get(PREFIX + tokenId);
    return value === undefined ? undefined : decodeTokenRecord(value);
  }

  /** Uses the token up for this node, which may ask again as often as it needs to. */
  async redeem(tokenId: string, peer: PeerId): Promise<Redemption> {
    let redemption: Redemption = { kind: "unknown" };
    await this.#records.update(PREFIX + tokenId, (value) => {
      const record = value === undefined ? undefined : decodeTokenRecord(value);
      redemption = judge(record, peer, this.#clock.nowMs());
      if (record === undefined || redemption.kind !== "redeemed" || record.usedBy === peer) {
        return { kind: "keep" };
      }
      return { kind: "write", value: encodeTokenRecord({ ...record, usedBy: peer }) };
    });
    return redemption;
  }

  /** Forgets what expired long ago; resolves with the number of tokens that may still be used. */
  async #tidy(): Promise<number> {
    const nowMs = this.#clock.nowMs();
    let open = 0;
    for (const key of await this.#records.list(PREFIX)) {
      const value = await this.#records.get(key);
      if (value === undefined) continue;
      const { expiresMs, usedBy } = decodeTokenRecord(value);
      if (nowMs > expiresMs + REMEMBERED_MS) {
        await this.#records.update(key, () => ({ kind: "remove" }));
      } else if (usedBy === undefined && nowMs <= expiresMs) open += 1;
    }
    return open;
  }
}

function judge(record: TokenRecord | undefined, peer: PeerId, nowMs: number): Redemption {
  if (record === undefined) return { kind: "unknown" };
  const { usedBy, expiresMs } = record;
  if (usedBy !== undefined && usedBy !== peer) return { kind: "used", by: usedBy };
  // Whoever has used it up in time may finish what it began.
  if (usedBy === undefined && nowMs > expiresMs) return { kind: "expired", expiresMs };
  return { kind: "redeemed" };
}

export function encodeTokenRecord(record: TokenRecord): Uint8Array {
  return utf8(JSON.stringify({ v: RECORD_VERSION, ...record }));
}

/** Throws StoreError `corrupt`. */
export function decodeTokenRecord(value: Uint8Array): TokenRecord {
  const fields = fieldsOf(value);
  const { v, publicKey, expiresMs, madeBy, usedBy, replaces } = fields;
  const known =
    v === RECORD_VERSION &&
    typeof publicKey === "string" &&
    /^[0-9a-f]{64}$/.test(publicKey) &&
    typeof expiresMs === "number" &&
    typeof madeBy === "string" &&
    (usedBy === undefined || typeof usedBy === "string") &&
    (replaces === undefined || typeof replaces === "string");
  if (!known) throw new StoreError({ code: "corrupt", what: "the record of a join token" });
  return { publicKey, expiresMs, madeBy, usedBy, replaces };
}

function fieldsOf(value: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(asBuffer(value).toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}
