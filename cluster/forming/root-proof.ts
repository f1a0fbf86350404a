/**
 * How a node that comes with a token shows that it was given the cluster's root credentials: without
 * them it would serve other people than the rest of the cluster does. The key is derived slowly, as
 * for forming, and the proof is good for one token and one pair of nodes.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { deriveFormingKey, type RootCredentials } from "./forming-seal.ts";
import type { Parties } from "./join-token.ts";

export async function proveRoot(
  root: RootCredentials,
  tokenId: string,
  { from, to }: Parties,
): Promise<string> {
  const key = await deriveFormingKey(root, `token ${tokenId}`);
  return createHmac("sha256", key).update(`root\0${from}\0${to}`, "utf8").digest("hex");
}

export async function isRootProof(
  proof: string,
  root: RootCredentials,
  tokenId: string,
  parties: Parties,
): Promise<boolean> {
  const right = Buffer.from(await proveRoot(root, tokenId, parties), "hex");
  const given = Buffer.from(proof, "hex");
  return given.length === right.length && timingSafeEqual(given, right);
}
