/**
 * A join token: what one new node has to be given to be let into a cluster, once and until a time.
 *
 * It names the cluster and some of its members with their identities, so that the new node talks to
 * nobody else, and holds the secret half of a key made for this token. The cluster keeps the public
 * half only (token-records.ts). The new node proves that it has the token by a signature over both
 * identities and what it says: nothing that it sends lets anybody else in.
 *
 * Text: docs/FORMATS.md "Join token".
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { ID_BYTES } from "../../src/base/ids.ts";
import type { Random } from "../../src/base/random.ts";
import { StoreError } from "../../src/base/store-error.ts";
import { ByteReader } from "../layout/byte-reader.ts";
import { ByteWriter } from "../layout/byte-writer.ts";
import { type PeerId, peerIdOfPublicKey, publicKeyOf } from "../peers/peer-id.ts";
import type { PeerMember } from "../peers/peer-network.ts";

export interface JoinToken {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  /** Names the record of the token: 32 hexadecimal digits. */
  readonly tokenId: string;
  /** An Ed25519 seed. */
  readonly secret: Uint8Array;
  readonly expiresMs: number;
  /** Whom to ask. */
  readonly members: readonly PeerMember[];
}

/** Members that a token names: the new node needs one that is there. */
export const TOKEN_MEMBERS_MAX = 5;
export const TOKEN_TEXT_BYTES_MAX = 4096;
/** What a token is good for is small, so it should not lie around. */
export const TOKEN_LIFE_MS_MAX: number = 7 * 24 * 60 * 60 * 1000;
export const TOKEN_LIFE_MS_MIN = 60_000;

const PREFIX = "rfjoin_";
const VERSION = 1;
const SECRET_BYTES = 32;
const PEER_BYTES = 32;
const CHECK_BYTES = 8;
const PORTS_MAX = 16;
const SEED_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_HEAD = Buffer.from("302a300506032b6570032100", "hex");

export function newJoinToken(
  token: Pick<JoinToken, "clusterId" | "expiresMs" | "members">,
  random: Random,
): JoinToken {
  return {
    ...token,
    members: token.members.slice(0, TOKEN_MEMBERS_MAX),
    tokenId: random.bytes(ID_BYTES).toString("hex"),
    secret: random.bytes(SECRET_BYTES),
  };
}

export function encodeJoinToken(token: JoinToken): string {
  const writer = new ByteWriter();
  writer.u8(VERSION);
  writer.hex(token.clusterId);
  writer.hex(token.tokenId);
  writer.put(token.secret);
  writer.u48(token.expiresMs);
  writer.u8(token.members.length);
  for (const { id, host, ports } of token.members) {
    writer.put(publicKeyOf(id));
    writer.text(host);
    writer.u8(ports.length);
    for (const port of ports) writer.u16(port);
  }
  const content = writer.written();
  return PREFIX + Buffer.concat([content, checkOf(content)]).toString("base64url");
}

/** Throws StoreError `invalid-argument` with what is wrong; the text itself is not repeated. */
export function decodeJoinToken(text: string): JoinToken {
  const trimmed = text.trim();
  if (!trimmed.startsWith(PREFIX) || trimmed.length > TOKEN_TEXT_BYTES_MAX) {
    throw refusal(`a join token begins with ${PREFIX}; make one with: ringfort cluster token`);
  }
  const bytes = Buffer.from(trimmed.slice(PREFIX.length), "base64url");
  const content = bytes.subarray(0, Math.max(0, bytes.length - CHECK_BYTES));
  if (content[0] !== undefined && content[0] !== VERSION) {
    throw refusal("the join token was made by a newer version");
  }
  if (!checkOf(content).equals(bytes.subarray(content.length))) {
    throw refusal("the join token is not whole: copy all of it");
  }
  return readToken(content);
}

function readToken(content: Buffer): JoinToken {
  const reader = new ByteReader(content, "join token");
  reader.u8();
  const clusterId = reader.hex(ID_BYTES);
  const tokenId = reader.hex(ID_BYTES);
  const secret = Uint8Array.from(reader.take(SECRET_BYTES));
  const expiresMs = reader.u48();
  const count = reader.check(reader.u8(), TOKEN_MEMBERS_MAX, "members");
  const members = Array.from({ length: count }, () => {
    const id = peerIdOfPublicKey(reader.take(PEER_BYTES));
    const host = reader.text();
    const ports = reader.check(reader.u8(), PORTS_MAX, "ports");
    return { id, host, ports: Array.from({ length: ports }, () => reader.u16()) };
  });
  reader.end();
  return { clusterId, tokenId, secret, expiresMs, members };
}

/** What the cluster keeps of a token's key. */
export function publicKeyOfToken({ secret }: Pick<JoinToken, "secret">): Buffer {
  const key = createPublicKey(privateKeyOf(secret));
  return key.export({ format: "der", type: "spki" }).subarray(PUBLIC_HEAD.length);
}

export interface Parties {
  readonly from: PeerId;
  readonly to: PeerId;
}

export function signWithToken(
  { secret }: Pick<JoinToken, "secret">,
  content: Uint8Array,
  parties: Parties,
): Buffer {
  return sign(null, signedBytes(content, parties), privateKeyOf(secret));
}

export function isSignedWithToken(
  publicKey: Uint8Array,
  signed: { readonly content: Uint8Array; readonly signature: Uint8Array },
  parties: Parties,
): boolean {
  const der = Buffer.concat([PUBLIC_HEAD, publicKey]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  return verify(null, signedBytes(signed.content, parties), key, signed.signature);
}

function signedBytes(content: Uint8Array, { from, to }: Parties): Buffer {
  return Buffer.concat([Buffer.from(`ringfort join ${VERSION}\0${from}\0${to}\0`), content]);
}

function privateKeyOf(seed: Uint8Array) {
  const der = Buffer.concat([SEED_HEAD, seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** Tells a cut-off token from a whole one; it guards nothing. */
function checkOf(content: Uint8Array): Buffer {
  return createHash("sha256").update(content).digest().subarray(0, CHECK_BYTES);
}

function refusal(message: string): StoreError {
  return new StoreError({ code: "invalid-argument", message });
}
