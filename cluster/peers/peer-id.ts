/**
 * Who a node is: an Ed25519 key. The text form of its public key is the node's id everywhere, in
 * membership lists and in addresses. It is libp2p's peer id, and the key itself lies in it.
 *
 * One identity for each node: all its network lanes present the same key, each on a port of its own,
 * so that a list of node ids is all it takes to admit every lane. The secret never leaves the
 * process that the caller loaded it into.
 */
import { generateKeyPairFromSeed, publicKeyFromRaw } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { assert } from "../../src/base/assert.ts";
import type { Random } from "../../src/base/random.ts";

declare const brand: unique symbol;
/** libp2p's text form of an Ed25519 public key, 52 characters: 12D3KooW… */
export type PeerId = string & { readonly [brand]: "PeerId" };

/** Bytes of the secret that a node keeps: an Ed25519 seed. */
export const IDENTITY_SECRET_BYTES = 32;

export interface PeerIdentity {
  readonly id: PeerId;
  /** To be kept where nobody else can read it; gives the same identity again. */
  readonly secret: Uint8Array;
}

export async function newPeerIdentity(random: Random): Promise<PeerIdentity> {
  return readPeerIdentity(random.bytes(IDENTITY_SECRET_BYTES));
}

/** The identity that a secret stands for. */
export async function readPeerIdentity(secret: Uint8Array): Promise<PeerIdentity> {
  const key = await privateKeyOf(secret);
  return { id: textOf(peerIdFromPrivateKey(key)), secret: Uint8Array.from(secret) };
}

/** For libp2p only. */
export function privateKeyOf(secret: Uint8Array): Promise<Ed25519PrivateKey> {
  assert(secret.length === IDENTITY_SECRET_BYTES, "a node's secret has 32 bytes");
  return generateKeyPairFromSeed("Ed25519", secret);
}

/** Ids that were found good: members are looked up by them all the time, and decoding one is slow. */
export const KNOWN_PEER_IDS_MAX = 4096;
const known = new Set<string>();

/** Undefined when the text is not the id of an Ed25519 key in its one text form. */
export function parsePeerId(text: string): PeerId | undefined {
  if (known.has(text)) return text as PeerId; // only ids get there
  try {
    const id = peerIdFromString(text);
    if (id.type !== "Ed25519" || id.toString() !== text) return undefined;
    if (known.size >= KNOWN_PEER_IDS_MAX) known.clear();
    known.add(text);
    return textOf(id);
  } catch {
    return undefined;
  }
}

/** The public key that an id is made of, 32 bytes. */
export function publicKeyOf(id: PeerId): Uint8Array {
  const peerId = peerIdFromString(id);
  assert(peerId.type === "Ed25519", "a PeerId is made by its parser");
  return peerId.publicKey.raw;
}

export function peerIdOfPublicKey(raw: Uint8Array): PeerId {
  const key = publicKeyFromRaw(raw);
  assert(key.type === "Ed25519", "32 bytes are an Ed25519 key");
  return textOf(peerIdFromPublicKey(key));
}

function textOf(id: { toString(): string }): PeerId {
  return id.toString() as PeerId; // an Ed25519 id, as every caller made sure
}
