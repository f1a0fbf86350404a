/** Node identities: stable, and parsed strictly. */

import { peerIdFromPrivateKey, peerIdFromString } from "@libp2p/peer-id";
import { test } from "tap";
import { base58Decode, base58Encode } from "../../../../cluster/peers/base58.ts";
import { privateKeyOf } from "../../../../cluster/peers/libp2p-key.ts";
import {
  newPeerIdentity,
  parsePeerId,
  peerIdOfPublicKey,
  publicKeyOf,
  readPeerIdentity,
} from "../../../../cluster/peers/peer-id.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("readPeerIdentity: the same secret is the same node", async (t) => {
  const made = newPeerIdentity(new SeededRandom(1));
  t.match(made.id, /^12D3KooW/);
  t.equal(readPeerIdentity(made.secret).id, made.id);
  t.not(newPeerIdentity(new SeededRandom(2)).id, made.id);
  t.equal(peerIdOfPublicKey(publicKeyOf(made.id)), made.id);
});

test("readPeerIdentity: gives libp2p's id, and the key that libp2p reads from it", async (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const { id, secret } = newPeerIdentity(new SeededRandom(seed));
    t.equal(id, peerIdFromPrivateKey(await privateKeyOf(secret)).toString());
    t.same(publicKeyOf(id), Buffer.from(peerIdFromString(id).publicKey?.raw ?? []));
    t.equal(parsePeerId(id), id);
  }
});

test("parsePeerId: takes the one text form of an Ed25519 id and nothing else", async (t) => {
  const { id } = newPeerIdentity(new SeededRandom(3));
  t.equal(parsePeerId(id), id);
  const bytes = base58Decode(id) ?? Buffer.alloc(0);
  const ofOtherKind = Buffer.from(bytes);
  ofOtherKind[3] = 2; // the protobuf's key type: secp256k1
  const other = base58Encode(ofOtherKind);
  t.equal(other.length, id.length, "wrong in nothing else");
  const wrong = ["", "x", id.slice(1), `${id}1`, ` ${id}`, id.toLowerCase(), "1".repeat(52)];
  wrong.push(other, `${id.slice(0, -1)}0`, `${id.slice(0, -1)}l`);
  for (const text of wrong) t.equal(parsePeerId(text), undefined, text);
  // The ids of RSA keys are hashes: the key is not in them.
  t.equal(parsePeerId("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"), undefined);
});
