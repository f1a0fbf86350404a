/** Node identities: stable, and parsed strictly. */
import { test } from "tap";
import {
  newPeerIdentity,
  parsePeerId,
  peerIdOfPublicKey,
  publicKeyOf,
  readPeerIdentity,
} from "../../../../cluster/peers/peer-id.ts";
import { SeededRandom } from "../../../support/seeded-random.ts";

test("readPeerIdentity: the same secret is the same node", async (t) => {
  const made = await newPeerIdentity(new SeededRandom(1));
  t.match(made.id, /^12D3KooW/);
  t.equal((await readPeerIdentity(made.secret)).id, made.id);
  t.not((await newPeerIdentity(new SeededRandom(2))).id, made.id);
  t.equal(peerIdOfPublicKey(publicKeyOf(made.id)), made.id);
});

test("parsePeerId: takes the one text form of an Ed25519 id and nothing else", async (t) => {
  const { id } = await newPeerIdentity(new SeededRandom(3));
  t.equal(parsePeerId(id), id);
  const wrong = ["", "x", id.slice(1), `${id}1`, ` ${id}`, id.toLowerCase(), "1".repeat(52)];
  for (const text of wrong) t.equal(parsePeerId(text), undefined, text);
  // The ids of RSA keys are hashes: the key is not in them.
  t.equal(parsePeerId("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"), undefined);
});
