/**
 * Who a node is: an Ed25519 key. The text form of its public key is the node's id everywhere, in
 * membership lists and in addresses. It is libp2p's peer id, and the key itself lies in it: base58 of
 * a multihash that is no hash but the key, as a protobuf. libp2p is not asked, because every thread
 * and every command knows ids, and loading its key types takes longer than a command does otherwise.
 *
 * One identity for each node: all its network lanes present the same key, each on a port of its own,
 * so that a list of node ids is all it takes to admit every lane. The secret never leaves the
 * process that the caller loaded it into.
 */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { assert } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";
import { base58Decode, base58Encode } from "./base58.ts";

declare const brand: unique symbol;
/** libp2p's text form of an Ed25519 public key, 52 characters: 12D3KooW… */
export type PeerId = string & { readonly [brand]: "PeerId" };

/** Bytes of the secret that a node keeps: an Ed25519 seed. */
export const IDENTITY_SECRET_BYTES = 32;
const PUBLIC_KEY_BYTES = 32;
/** Multihash: identity, 36 bytes; protobuf: key type 1 (Ed25519), 32 bytes of data. */
const ID_PREFIX = Buffer.from("002408011220", "hex");
const ID_TEXT_LENGTH = 52;
/** What stands before the seed where Node takes a private key (RFC 8410). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
/** What stands before a public key where Node gives one. */
const SPKI_PREFIX_BYTES = 12;

export interface PeerIdentity {
  readonly id: PeerId;
  /** To be kept where nobody else can read it; gives the same identity again. */
  readonly secret: Uint8Array;
}

export function newPeerIdentity(random: Random): PeerIdentity {
  return readPeerIdentity(random.bytes(IDENTITY_SECRET_BYTES));
}

/** The identity that a secret stands for. */
export function readPeerIdentity(secret: Uint8Array): PeerIdentity {
  assert(secret.length === IDENTITY_SECRET_BYTES, "a node's secret has 32 bytes");
  const pkcs8 = Buffer.concat([PKCS8_PREFIX, secret]);
  const key = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
  const spki = key.export({ format: "der", type: "spki" });
  const id = peerIdOfPublicKey(spki.subarray(SPKI_PREFIX_BYTES));
  return { id, secret: Uint8Array.from(secret) };
}

/** Ids that were found good: members are looked up by them all the time, and decoding one is slow. */
export const KNOWN_PEER_IDS_MAX = 4096;
const known = new Set<string>();

/** Undefined when the text is not the id of an Ed25519 key in its one text form. */
export function parsePeerId(text: string): PeerId | undefined {
  if (known.has(text)) return text as PeerId; // only ids get there
  if (text.length !== ID_TEXT_LENGTH) return undefined;
  const bytes = base58Decode(text);
  if (bytes?.length !== ID_PREFIX.length + PUBLIC_KEY_BYTES) return undefined;
  if (!ID_PREFIX.equals(bytes.subarray(0, ID_PREFIX.length))) return undefined;
  if (known.size >= KNOWN_PEER_IDS_MAX) known.clear();
  known.add(text);
  return text as PeerId; // found good just now
}

/** The public key that an id is made of, 32 bytes. */
export function publicKeyOf(id: PeerId): Uint8Array {
  const bytes = base58Decode(id);
  assert(bytes !== undefined, "a PeerId is made by its parser");
  return bytes.subarray(ID_PREFIX.length);
}

export function peerIdOfPublicKey(raw: Uint8Array): PeerId {
  assert(raw.length === PUBLIC_KEY_BYTES, "32 bytes are an Ed25519 key");
  return base58Encode(Buffer.concat([ID_PREFIX, raw])) as PeerId; // of an Ed25519 key
}
