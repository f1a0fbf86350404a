/** A node's secret as libp2p takes it. */
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import type { Ed25519PrivateKey } from "@libp2p/interface";
import { assert } from "../../src/base/assert.ts";
import { IDENTITY_SECRET_BYTES } from "./peer-id.ts";

export function privateKeyOf(secret: Uint8Array): Promise<Ed25519PrivateKey> {
  assert(secret.length === IDENTITY_SECRET_BYTES, "a node's secret has 32 bytes");
  return generateKeyPairFromSeed("Ed25519", secret);
}
